"""Video files: every picture, or one for each so many seconds, with its time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from endolink.model.video import TimedFrame, frames, pictures_at
from endolink.serving.archive.picture import Locator, Picture, Reading
from endolink.serving.archive.sources.files import file_digest

_SUFFIXES: Final = (
    *(".3g2", ".3gp", ".asf", ".avi", ".flv", ".h264", ".hevc", ".ivf", ".m1v", ".m2ts", ".m2v"),
    *(".m4v", ".mj2", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".obu", ".ogv"),
    *(".ts", ".vob", ".webm", ".wmv"),
)
_MAGICS: Final = (
    b"\x1aE\xdf\xa3",  # Matroska and WebM
    b"\x00\x00\x01\xba",  # MPEG programme stream
    b"\x00\x00\x01\xb3",  # MPEG-1 and MPEG-2 video
    b"0&\xb2u\x8ef\xcf\x11",  # ASF
    b"DKIF",
    b"FLV\x01",
)
# ISO media files that are stills, which are refused as such.
_STILLS: Final = (b"heic", b"heix", b"heif", b"mif1", b"avif")


class VideoFile:
    """A video is a study of its own. It needs the `archive` extra."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Go by the magic, and by the name where there is no magic."""
        media = head[4:8] == b"ftyp" and head[8:12] not in _STILLS
        avi = head[:4] == b"RIFF" and head[8:11] == b"AVI"
        return media or avi or head.startswith(_MAGICS) or path.suffix.lower() in _SUFFIXES

    def digest(self, place: str) -> str:
        """Digest the whole file."""
        return file_digest(Path(place))

    def pictures(self, place: str, digest: str | None, reading: Reading) -> Iterator[Picture]:
        """Give the pictures in the order of time; where only some are wanted, by seeking."""
        path = Path(place)
        left: frozenset[int | None] | None = reading.numbers()
        if reading.only:
            times = {at.number: time_s for at, time_s in reading.only.items()}
            sought = {n: t for n, t in times.items() if n is not None and t is not None}
            for timed in pictures_at(path, sought, limits=reading.limits):
                yield _picture(place, timed, digest)
                left = (left or frozenset()) - {timed.frame.sequence}
        if left is None or left:
            for timed in frames(
                path,
                every_s=reading.every_s,
                limits=reading.limits,
                keyframes=reading.keyframes,
            ):
                if left is None or timed.frame.sequence in left:
                    yield _picture(place, timed, digest)


def _picture(place: str, timed: TimedFrame, digest: str | None) -> Picture:
    frame = timed.frame
    number = frame.sequence or 0
    content = None if digest is None else f"{digest}#{number}"
    return Picture(
        Locator(place, number=number),
        study=place,
        load=lambda: frame,
        index=number,
        time_s=timed.time_s,
        content=content or frame.sha256,
        share=timed.share,
    )
