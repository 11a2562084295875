"""The file of API keys, and what is sent as one."""

import hashlib
import json

from endolink.model.errors import KeysUnusable
from endolink.serving.access.keys import KeyRing
from tests.fuzz import scratch

LONGEST = 4096
_ID, _SECRET = "0123456789ab", "s" * 43


def check(data: bytes) -> None:
    """Take the first line as what is sent, and the rest as the file."""
    line, _, held = data.partition(b"\n")
    sent = line.decode("utf-8", "surrogateescape")
    path = scratch.file("keys", "keys.json", held)
    ring = KeyRing(path)
    try:
        listed = ring.listed()
        principal = ring.recognise(sent)
    except KeysUnusable as error:
        assert error.detail
        return
    if principal is not None:
        # Nobody is recognised but by a key's own text.
        hashes = {key.sha256 for key in listed if key.id == sent[9:21]}
        assert hashlib.sha256(sent[22:].encode()).hexdigest() in hashes


def seeds() -> dict[str, bytes]:
    """A file with one key, good, expired and revoked; and files that are none."""
    key = {
        "id": _ID,
        "name": "room-2",
        "scopes": ["score", "stream"],
        "sha256": hashlib.sha256(_SECRET.encode()).hexdigest(),
        "created": 1.0,
    }
    sent = f"endolink_{_ID}_{_SECRET}\n".encode()

    def file(**changes: float) -> bytes:
        return sent + json.dumps({"version": 1, "keys": [key | changes]}).encode()

    return {
        "good": file(),
        "expired": file(expires=2.0),
        "revoked": file(revoked=2.0),
        "other": b"endolink_" + file()[9:].replace(b"s", b"t", 1),
        "infinite": file(created=1.0).replace(b"1.0", b"1e999"),
        "empty": sent,
        "deep": sent + b"[" * 4000,
    }
