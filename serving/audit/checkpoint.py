"""Checkpoints: the last hash of a chain, signed with Ed25519 (RFC 8032)."""

import hashlib
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from endolink.model.errors import AuditKeyUnusable
from endolink.serving.disk import is_private

_FORMAT: Final = "endolink-audit-checkpoint-1"
_SPAN_FORMAT: Final = "endolink-audit-span-1"
# Of a public key's SHA-256: enough to tell a hospital's keys apart.
_KEY_ID_LETTERS: Final = 16


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The promise that entry `sequence` of the chain had this `hash` at time `at`."""

    sequence: int
    at: int
    hash: bytes
    key_id: str
    signature: bytes

    def verified(self, chain: str, keys: Mapping[str, "PublicKey"]) -> bool:
        """Say whether one of `keys` signed this for `chain`."""
        key = keys.get(self.key_id)
        return key is not None and key.signed(
            _message(chain, self.sequence, self.at, self.hash), self.signature
        )

    def to_json(self) -> dict[str, str | int]:
        """Write it as a JSON object."""
        return {
            "sequence": self.sequence,
            "at": self.at,
            "hash": self.hash.hex(),
            "key_id": self.key_id,
            "signature": b64encode(self.signature).decode(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Self:
        """Read what `to_json` wrote.

        Raises
        ------
        KeyError, ValueError, TypeError
            It is something else.
        """
        sequence, at = stored["sequence"], stored["at"]
        if not (type(sequence) is int and type(at) is int):
            raise TypeError("sequence and at are whole numbers")
        return cls(
            sequence,
            at,
            bytes.fromhex(str(stored["hash"])),
            str(stored["key_id"]),
            b64decode(str(stored["signature"]), validate=True),
        )


@dataclass(frozen=True, slots=True)
class Span:
    """The promise that a file has a chain's entries beyond `after`, up to `through`, and no others.

    A chain that begins with another entry than its first has lost what was before, unless this, or
    the chain itself, says that it was taken away on purpose.
    """

    after: int
    through: int
    key_id: str
    signature: bytes

    def verified(self, chain: str, keys: Mapping[str, "PublicKey"]) -> bool:
        """Say whether one of `keys` signed this for `chain`."""
        key = keys.get(self.key_id)
        return key is not None and key.signed(
            _span_message(chain, self.after, self.through), self.signature
        )

    def to_json(self) -> dict[str, str | int]:
        """Write it as a JSON object."""
        return {
            "after": self.after,
            "through": self.through,
            "key_id": self.key_id,
            "signature": b64encode(self.signature).decode(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Self:
        """Read what `to_json` wrote.

        Raises
        ------
        KeyError, ValueError, TypeError
            It is something else.
        """
        after, through = stored["after"], stored["through"]
        if not (type(after) is int and type(through) is int):
            raise TypeError("after and through are whole numbers")
        signature = b64decode(str(stored["signature"]), validate=True)
        return cls(after, through, str(stored["key_id"]), signature)


class PublicKey:
    """What checks signatures; it may be given to anybody."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.id = hashlib.sha256(raw).hexdigest()[:_KEY_ID_LETTERS]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a public key in PEM.

        Raises
        ------
        AuditKeyUnusable
            There is none.
        """
        try:
            key = serialization.load_pem_public_key(path.read_bytes())
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise AuditKeyUnusable(f"{path}: no public key in PEM can be read from it") from error
        if not isinstance(key, Ed25519PublicKey):
            raise AuditKeyUnusable(f"{path}: a public key, but not of Ed25519")
        return cls(key)

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Say whether `signature` is this key's of `message`."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def to_pem(self) -> bytes:
        """Write the key in PEM (SubjectPublicKeyInfo)."""
        return self._key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


class SigningKey:
    """What signs checkpoints; only the service needs it, and nobody else should read it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a private key in PEM (PKCS #8, not encrypted).

        Raises
        ------
        AuditKeyUnusable
            There is none, or others may read it.
        """
        try:
            if not is_private(path):
                raise AuditKeyUnusable(f"{path}: others may read this key; chmod 600 {path}")
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise AuditKeyUnusable(
                f"{path}: no private key in PEM can be read from it; "
                "`endolink audit key FILE` makes one"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise AuditKeyUnusable(f"{path}: a private key, but not of Ed25519")
        return cls(key)

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a new key at `path`, for its owner's eyes only, and `path` + .pub beside it.

        Raises
        ------
        AuditKeyUnusable
            The file exists, or cannot be written.
        """
        made = cls(Ed25519PrivateKey.generate())
        private = made._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(private)
            public_path(path).write_bytes(made.public.to_pem())
        except FileExistsError as error:
            raise AuditKeyUnusable(f"{path}: there is a key already; it is not replaced") from error
        except OSError as error:
            raise AuditKeyUnusable(f"{path}: cannot be written: {error.strerror}") from error
        return made

    def attest(self, message: bytes) -> bytes:
        """Sign `message`, whose first line says what kind of promise it is."""
        return self._key.sign(message)

    def sign(self, chain: str, sequence: int, at: int, last: bytes) -> Checkpoint:
        """Promise that entry `sequence` of `chain` has the hash `last` (32 bytes)."""
        signature = self._key.sign(_message(chain, sequence, at, last))
        return Checkpoint(sequence, at, last, self.public.id, signature)

    def span(self, chain: str, after: int, through: int) -> Span:
        """Promise that a file has the entries of `chain` beyond `after`, up to `through`."""
        signature = self._key.sign(_span_message(chain, after, through))
        return Span(after, through, self.public.id, signature)


def keys_of(*keys: PublicKey) -> dict[str, PublicKey]:
    """Arrange public keys by their id, as `verify` wants them."""
    return {key.id: key for key in keys}


def public_path(path: Path) -> Path:
    """Say where the public half of the key at `path` lies."""
    return path.with_name(path.name + ".pub")


def _span_message(chain: str, after: int, through: int) -> bytes:
    return "\n".join((_SPAN_FORMAT, chain.encode().hex(), str(after), str(through))).encode()


def _message(chain: str, sequence: int, at: int, last: bytes) -> bytes:
    return "\n".join((_FORMAT, chain.encode().hex(), str(sequence), str(at), last.hex())).encode()
