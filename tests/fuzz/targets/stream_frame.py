"""The binary message of a stream: a frame behind its header of 24 bytes."""

from endolink.model.errors import StreamMessageInvalid
from endolink.serving.wire import StreamFrame

LONGEST = 4096


def check(data: bytes) -> None:
    """Read a message; one that is read is written as the same bytes."""
    try:
        frame = StreamFrame.unpack(data)
    except StreamMessageInvalid as error:
        assert error.detail
        assert error.sequence is None or 0 <= error.sequence < 2**32
        return
    assert frame.pack() == data


def seeds() -> dict[str, bytes]:
    """Headers at the ends of their fields' ranges."""
    return {
        "first": StreamFrame(0, 0, b"image").pack(),
        "last": StreamFrame(2**32 - 1, 2**53 - 1, b"", 2**32 - 1, box=True).pack(),
        "flags": b"EL\x01\xff" + bytes(20),
        "size": StreamFrame(1, 2, b"image").pack()[:-1],
    }
