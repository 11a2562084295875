"""The text messages of a stream, as the service reads a client's and a client the service's."""

import json

from endolink.model.errors import StreamMessageInvalid
from endolink.serving import wire

LONGEST = 4096


def check(data: bytes) -> None:
    """Read a text from both sides; what is read is written, and read again as the same."""
    text = data.decode("utf-8", "replace")
    try:
        message = wire.read_client(text)
        assert wire.read_client(wire.dump(message)) == message
    except StreamMessageInvalid as error:
        assert error.detail
    try:
        answer = wire.read_server(text)
        if answer is not None:
            wire.dump(answer)
    except StreamMessageInvalid as error:
        assert error.detail


def seeds() -> dict[str, bytes]:
    """A message of every type, and some that are none."""
    model = {"name": "m", "version": "1.0.0", "digest": "sha256:0", "precision": "fp32"}
    finding = {"code": "polyp", "label": "Polyp", "kind": "lesion", "threshold": 0.5}
    messages = {
        "hello": {"type": "hello", "clock_us": 1, "deadline_ms": 500, "resume": "s"},
        "credential": {"type": "hello", "clock_us": 1, "credential": "endolink_00_x"},
        "pong": {"type": "pong", "id": 1, "clock_us": 2},
        "bye": {"type": "bye"},
        "advice": {"type": "advice", "side": 256, "quality": 80, "fps": 10.0, "window": 2},
        "state": {"type": "state", "state": "alert", "reason": None, "alerts": ["polyp"]},
        "model": {"type": "model", "model": model | {"provider": "cpu"}, "findings": [finding]},
        "dropped": {"type": "dropped", "sequence": 3, "reason": "late"},
        "alert": {"type": "alert", "finding": "polyp", "kind": "lesion", "on": True, "at_us": 5},
        "ping": {"type": "ping", "id": 7},
        "error": {"type": "error", "code": "c", "title": "t", "detail": "d", "fatal": True},
        "unknown": {"type": "later", "more": [1]},
    }
    deep = {"deep": b"[" * 3000, "number": b'{"type":"pong","id":' + b"9" * 3000 + b"}"}
    return {name: json.dumps(message).encode() for name, message in messages.items()} | deep
