"""One entry of the audit log, and the bytes that its hash covers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue

# Before the first entry there is nothing to cover.
GENESIS: Final = bytes(32)
_FORMAT: Final = b"endolink-audit-1"


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened: `sequence` counts from 1 in its chain, `at` is in microseconds since 1970.

    `body` is JSON, written by `canonical`; `hash` covers all of it and the entry before.
    """

    sequence: int
    at: int
    kind: str
    body: str
    hash: bytes

    @property
    def time(self) -> str:
        """When it happened, in UTC as ISO 8601 has it."""
        return iso(self.at)


def seal(chain: str, previous: bytes, sequence: int, *, at: int, kind: str, body: str) -> Entry:
    """Make the entry that follows the one whose hash is `previous` (32 bytes)."""
    hashed = digest(chain, previous, sequence, at=at, kind=kind, body=body)
    return Entry(sequence, at, kind, body, hashed)


def digest(chain: str, previous: bytes, sequence: int, *, at: int, kind: str, body: str) -> bytes:
    """Hash an entry with SHA-256: each part with its length before it, so that none can shift."""
    parts = (_FORMAT, chain.encode(), previous, b"%d" % sequence, b"%d" % at, kind.encode())
    framed = b"".join(b"%d:%b" % (len(part), part) for part in (*parts, body.encode()))
    return hashlib.sha256(framed).digest()


def follows(chain: str, previous: bytes, sequence: int, entry: Entry) -> bool:
    """Say whether `entry` is entry `sequence`, after the one whose hash is `previous`."""
    made = digest(chain, previous, sequence, at=entry.at, kind=entry.kind, body=entry.body)
    return entry.sequence == sequence and made == entry.hash


def canonical(body: Mapping[str, JsonValue]) -> str:
    """Write `body` as JSON that is the same each time: keys sorted, no blanks, ASCII only."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)


def iso(at: int) -> str:
    """Write microseconds since 1970 as ISO 8601 in UTC; as they are where no calendar has them."""
    try:
        return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="microseconds")
    except (OverflowError, ValueError, OSError):
        return f"{at} µs"
