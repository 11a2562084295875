"""The bytes of an image: what the service, streams and archives decode."""

from endolink.model.errors import FrameError
from endolink.model.frame import DEFAULT_LIMITS, decode
from tests.fuzz.pictures import pictures

LONGEST = 16_384


def check(data: bytes) -> None:
    """Decode in full or, as the service does, no finer than needed: a frame, or a FrameError."""
    try:
        frame = decode(data, min_side=224 if len(data) % 2 else None)
    except FrameError as error:
        assert error.detail
        return
    height, width, channels = frame.pixels.shape
    assert channels == 3
    assert frame.pixels.dtype == "uint8"
    assert width <= frame.width
    assert height <= frame.height
    assert frame.width * frame.height <= DEFAULT_LIMITS.max_pixels
    assert min(frame.width, frame.height) >= DEFAULT_LIMITS.min_side


def seeds() -> dict[str, bytes]:
    """One small picture of each kind, in each of the ways in which it may be stored."""
    return pictures()
