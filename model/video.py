"""The frames of a video file, with their time stamps. Needs the `archive` extra (PyAV, FFmpeg)."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import floor
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from endolink.model.errors import ExtraMissing, SourceMissing, VideoTooLarge, VideoUnreadable
from endolink.model.frame import DEFAULT_LIMITS, Frame, Limits

# Containers that recorders and archives write. FFmpeg's playlists and image sequences are not among
# them: they would have it open other files and addresses, which a study has no business to name.
CONTAINERS: Final = (
    "asf,avi,flv,h264,hevc,ivf,m4v,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mpeg,mpegts,mpegvideo,mxf,"
    "ogg,obu,vc1"
)

# A stream that says it lasts longer than so many pictures, and no less than so many seconds, beyond
# its last picture was cut short. A picture or two is common: the last one's own duration counts.
_MISSING_PICTURES: Final = 3
_MISSING_S: Final = 0.2
# Time stamps are rounded to the container's time base, seldom coarser than this.
_ROUNDING_S: Final = 0.001
# What lies further ahead than this is sought, and not waited for.
_JUMP_S: Final = 2.0


@dataclass(frozen=True, eq=False)
class TimedFrame:
    """A frame, and its seconds since the video's first picture, never less than the last one's.

    `share` is how far into the video it lies, from 0 to 1; None where that does not say its length.
    """

    time_s: float
    frame: Frame
    share: float | None = None


def frames(
    source: Path | IO[bytes],
    *,
    every_s: float | None = None,
    limits: Limits = DEFAULT_LIMITS,
    picture_s: float | None = None,
    keyframes: bool = False,
) -> Iterator[TimedFrame]:
    """Yield a video's pictures in their order, one in memory at a time.

    `source` is a file's path, or an open one that can be sought in and stays the caller's. Where
    `picture_s` is given it is the time from each picture to the next, in place of what the video
    says: an elementary stream says nothing.

    With `every_s` it is the first picture of each span of that many seconds, otherwise every one.
    With `keyframes` only those are decoded, and numbered, that the encoder made without the others:
    a second or several apart, and many times as fast.

    Rotation metadata is applied. A frame's `sequence` is the picture's number in the file from 0,
    its `sha256` the digest of its upright RGB pixels, since a picture inside a video has no bytes
    of its own. Interlaced pictures stay so, and pixels that are not square are not stretched.

    Of `limits`, those on pixels and sides hold. What cannot be decoded is left out, and reported by
    an error only after every picture that could be was given: a caller that keeps what it got loses
    nothing but the damage. Damage is what FFmpeg takes for it; a decoder may also patch a picture,
    or pass over it, and not say so.

    Raises ExtraMissing without PyAV, SourceMissing, VideoTooLarge, ValueError where `every_s` is
    not above 0, and VideoUnreadable: at once where the file is not a video, at the end where it is
    damaged or cut short.
    """
    if every_s is not None and not every_s > 0:
        raise ValueError(f"every_s must be above 0, not {every_s}")
    with _opened(source) as (av, container):
        reader = _Reader(av, container, limits, picture_s)
        if keyframes:
            reader.take_keyframes()
        yield from reader.read(every_s)


def pictures_at(
    source: Path | IO[bytes], wanted: Mapping[int, float], *, limits: Limits = DEFAULT_LIMITS
) -> Iterator[TimedFrame]:
    """Yield single pictures of a video in the order of time, by seeking: the rest is skipped.

    `wanted` gives each picture's time, in seconds since the first picture, as `frames` gave it, by
    its number there, which the frame carries on. A picture that is not found where it should be is
    left out: then `frames` finds it, at its own pace. Raises as `frames` does, where nothing at all
    can be read.
    """
    with _opened(source) as (av, container):
        yield from _Reader(av, container, limits, None).seek(wanted)


@contextmanager
def _opened(source: Path | IO[bytes]) -> Iterator[tuple[ModuleType, Any]]:
    av = _import_av()
    if isinstance(source, Path) and not source.exists():
        raise SourceMissing("There is no file at this path.")
    place = str(source.absolute()) if isinstance(source, Path) else source
    try:
        container = av.open(place, "r", options={"format_whitelist": CONTAINERS})
    except (av.FFmpegError, ValueError) as error:
        raise VideoUnreadable(
            "The file is not a video in a container that is read; MP4, MOV, MKV, WebM, AVI, MPEG "
            "and the like are."
        ) from error
    with container:
        yield av, container


def _import_av() -> ModuleType:
    try:
        import av  # noqa: PLC0415 - an extra: to have this module must not mean to have FFmpeg
    except ImportError as error:
        raise ExtraMissing(
            "Video needs the archive extra; pip install 'endolink[archive]' brings it."
        ) from error
    return av


class _Reader:
    """One pass over the video stream of an open container."""

    # PyAV's own types exist only where it is installed.
    def __init__(
        self, av: ModuleType, container: Any, limits: Limits, picture_s: float | None
    ) -> None:
        self.av = av
        self.container = container
        self.limits = limits
        self.picture_s = picture_s
        self.damage = 0
        self.pictures = 0
        self.start_s: float | None = None  # the first picture's time, in the file's own
        self.time_s = 0.0  # the last picture's, from the first's
        self.stream = self._choose_stream()
        self.keyframes = False

    def take_keyframes(self) -> None:
        self.keyframes = True
        self.stream.codec_context.skip_frame = "NONKEY"

    def _choose_stream(self) -> Any:
        cover = self.av.stream.Disposition.attached_pic
        streams = [s for s in self.container.streams.video if not s.disposition & cover]
        if not streams:
            raise VideoUnreadable("The file holds no video, only sound or a still.")
        stream = streams[0]
        if stream.codec_context is None:
            raise VideoUnreadable(
                "The video is coded in a way that is not read; convert it to MP4."
            )
        self._check_size(stream.codec_context.width, stream.codec_context.height)
        # The size may change within the stream: each picture's is checked, and the decoder is held
        # to twice the bound, which leaves it its padding, before it takes the memory.
        most = 2 * self.limits.max_pixels + 2**16
        stream.codec_context.options = {"max_pixels": str(most)}
        stream.thread_type = "AUTO"
        return stream

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self.limits.max_pixels:
            raise VideoTooLarge(
                f"The video's pictures are {width} × {height}; at most "
                f"{self.limits.max_pixels:,} pixels are decoded."
            )
        if 0 < min(width, height) < self.limits.min_side:
            raise VideoUnreadable(
                f"The video's pictures are {width} × {height}; at least {self.limits.min_side} a "
                "side are needed."
            )

    def read(self, every_s: float | None) -> Iterator[TimedFrame]:
        due = 0.0
        for picture in self._decode():
            self._check_size(picture.width, picture.height)
            self._advance(picture)
            if every_s is not None:
                if self.time_s + _ROUNDING_S < due:
                    continue
                due = (floor((self.time_s + _ROUNDING_S) / every_s) + 1) * every_s
            try:
                frame = _frame(picture, self.pictures - 1)
            except self.av.FFmpegError:
                # Damage can name a way to store pixels that nothing converts.
                self.damage += 1
                continue
            yield TimedFrame(self.time_s, frame, self._share())
        self._report()

    def seek(self, wanted: Mapping[int, float]) -> Iterator[TimedFrame]:
        first = next((picture.time for picture in self._decode()), None)
        if first is None:
            return
        # Where time stands still, only counting from the beginning tells two pictures apart.
        alike = Counter(wanted.values())
        due = sorted((time_s, number) for number, time_s in wanted.items() if alike[time_s] == 1)
        near_s = 0.5 / float(self.stream.average_rate or 25)
        pictures: Iterator[Any] = iter(())
        at_s = -_JUMP_S
        for time_s, number in due:
            if not at_s < time_s < at_s + _JUMP_S:
                try:
                    self.container.seek(
                        int((first + time_s) / self.stream.time_base), stream=self.stream
                    )
                except self.av.FFmpegError:
                    return
                pictures = self._decode()
            for picture in pictures:
                if picture.time is None:
                    return
                self._check_size(picture.width, picture.height)
                at_s = float(picture.time - first)
                if at_s > time_s - near_s:
                    break
            if abs(at_s - time_s) <= _ROUNDING_S:
                try:
                    frame = _frame(picture, number)
                except self.av.FFmpegError:
                    return
                yield TimedFrame(time_s, frame)

    def _decode(self) -> Iterator[Any]:
        """Yield every picture that can be decoded; count in `damage` what cannot."""
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except self.av.FFmpegError:
                # The demuxer is lost; what the decoder still holds was whole.
                self.damage += 1
                yield from self._decode_packet(None)
                return
            yield from self._decode_packet(packet)

    def _decode_packet(self, packet: Any) -> Iterator[Any]:
        try:
            pictures = self.stream.codec_context.decode(packet)
        except self.av.FFmpegError:
            self.damage += 1
            return
        cut = packet is not None and packet.is_corrupt
        self.damage += cut
        for picture in pictures:
            if cut and picture.pts == packet.pts:
                continue
            # Pictures before the first key frame are commonly broken, and no loss.
            if not picture.is_corrupt:
                yield picture
            elif self.pictures:
                self.damage += 1

    def _advance(self, picture: Any) -> None:
        """Take the picture's time; where it has none, or an earlier one, time stands still."""
        self.pictures += 1
        if self.picture_s is not None:
            self.time_s = (self.pictures - 1) * self.picture_s
        elif picture.time is not None:
            if self.start_s is None:
                self.start_s = picture.time
            self.time_s = max(self.time_s, float(picture.time - self.start_s))

    def _report(self) -> None:
        if not self.pictures:
            raise VideoUnreadable("None of the video's pictures can be decoded.")
        if self.damage:
            raise VideoUnreadable(
                f"The video is damaged in {self.damage} places; the {self.pictures} pictures that "
                f"can be decoded, up to {self.time_s:.2f} s, were read."
            )
        # The last key frame may lie far from the end.
        known = self.picture_s is None and not self.keyframes
        missing_s = self._end_s() - self.time_s if known else 0.0
        if missing_s > max(_MISSING_S, _MISSING_PICTURES / (self.stream.average_rate or 25)):
            raise VideoUnreadable(
                f"The video was cut short: its last {missing_s:.2f} s are missing; the "
                f"{self.pictures} pictures before were read."
            )

    def _share(self) -> float | None:
        end_s = self._end_s()
        return min(1.0, self.time_s / end_s) if end_s > 0 else None

    def _end_s(self) -> float:
        """Return when the stream says that it ends, from its first picture; 0 where it does not."""
        if self.stream.duration is not None:
            return float(self.stream.duration * self.stream.time_base)
        # Matroska keeps it in a tag of the track, as 00:00:10.033000000, from the file's start.
        try:
            hours, minutes, seconds = self.stream.metadata.get("DURATION", "").split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds) - (self.start_s or 0.0)
        except ValueError:
            return 0.0


def _frame(picture: Any, sequence: int) -> Frame:
    pixels: NDArray[np.uint8] = picture.to_ndarray(format="rgb24")
    # The display matrix's angle is anticlockwise, as rot90's is.
    quarters = round(picture.rotation / 90) % 4
    pixels = np.ascontiguousarray(np.rot90(pixels, quarters))
    pixels.setflags(write=False)
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(pixels.data).hexdigest()
    return Frame(pixels, width, height, digest, sequence=sequence)
