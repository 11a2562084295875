"""A film that is to be scored: containers and codecs of FFmpeg, behind our bounds."""

import io

from endolink.model.errors import VideoError
from endolink.model.video import frames

LONGEST = 8192
_MOST = 6


def check(data: bytes) -> None:
    """Decode the first pictures."""
    try:
        for number, timed in enumerate(frames(io.BytesIO(data))):
            assert timed.frame.pixels.shape[2] == 3
            assert timed.time_s >= 0
            if number == _MOST:
                return
    except VideoError as error:
        assert error.detail


def seeds() -> dict[str, bytes]:
    """Films of a few small pictures in the usual containers and codecs."""
    from tests import dicoms  # noqa: PLC0415 - what writes them is not needed to read them

    pictures = [dicoms.picture(index, 48, 36) for index in range(3)]
    return {
        "film.mp4": dicoms.encode(pictures, "libx264", "yuv420p", "mp4"),
        "film.mkv": dicoms.encode(pictures, "libx264", "yuv420p", "matroska"),
        "film.h264": dicoms.encode(pictures, "libx264", "yuv420p", None),
        "film.m2v": dicoms.encode(pictures, "mpeg2video", "yuv420p", None),
        "film.avi": dicoms.encode(pictures, "mpeg2video", "yuv420p", "avi"),
        "film.ts": dicoms.encode(pictures, "mpeg2video", "yuv420p", "mpegts"),
    }
