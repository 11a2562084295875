"""What is known of a frame that is kept, and the record of one that was deleted."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final, Literal, Self, get_args

from endolink.serving.audit.checkpoint import PublicKey, SigningKey
from endolink.serving.audit.entry import canonical

Purpose = Literal["review", "retraining"]
Reason = Literal["expired", "asked"]

PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)
_FORMAT: Final = b"endolink-retention-deletion-1\n"


@dataclass(frozen=True)
class KeptFrame:
    """A frame that is kept: digests, times in whole seconds since 1970, and why; no patient.

    `id` is the request's, as the audit log has it; `frame` the digest of its verdict, `content`
    that of the bytes that are kept, and `sealed` that of the encrypted file.
    """

    id: str
    who: str
    frame: str
    model: str
    purpose: Purpose
    why: tuple[str, ...]
    kept_at: int
    expires: int
    size: int
    content: str

    def to_bytes(self) -> bytes:
        """Give what the encryption authenticates along with the frame."""
        return canonical({**asdict(self), "why": [*self.why]}).encode()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        fields = json.loads(stored)
        return cls(**fields | {"why": tuple(fields["why"])})


@dataclass(frozen=True)
class Signer:
    """Who deletes: the key that signs the records, and a name for them."""

    key: SigningKey
    by: str


@dataclass(frozen=True)
class Deletion:
    """A signed record: which frame is gone, by its digests, when, why and by whom."""

    body: str
    key_id: str
    signature: bytes

    @classmethod
    def of(cls, frame: KeptFrame, sealed: str, at: int, reason: Reason, signer: Signer) -> Self:
        """Record that `signer` deleted `frame`, whose file had the digest `sealed`."""
        body = canonical(
            {
                "id": frame.id,
                "frame": frame.frame,
                "content": frame.content,
                "sealed": sealed,
                "purpose": frame.purpose,
                "kept_at": frame.kept_at,
                "expires": frame.expires,
                "deleted_at": at,
                "reason": reason,
                "by": signer.by,
            }
        )
        return cls(body, signer.key.public.id, signer.key.attest(_FORMAT + body.encode()))

    def verified(self, keys: Mapping[str, PublicKey]) -> bool:
        """Say whether one of `keys` signed it."""
        key = keys.get(self.key_id)
        return key is not None and key.signed(_FORMAT + self.body.encode(), self.signature)

    @property
    def fields(self) -> dict[str, str | int]:
        """What it says."""
        said: dict[str, str | int] = json.loads(self.body)
        return said


def iso(at: int) -> str:
    """Write seconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
