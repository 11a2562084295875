"""DICOM files: what their header says, and their frames one at a time."""

import io
import struct
import tempfile
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Final, Self, cast

from pydicom import Dataset, uid
from pydicom.tag import Tag

from endolink.model.errors import (
    DicomCorrupt,
    DicomOwn,
    DicomUnreadable,
    DicomUnsupported,
    EndoLinkError,
    FrameTooLarge,
    FrameTooManyPixels,
    FrameTooSmall,
    SourceMissing,
    SourceUnreadable,
)
from endolink.model.frame import DEFAULT_LIMITS, Frame, Limits
from endolink.model.video import frames as video_frames
from endolink.serving.archive.picture import Locator, Picture, Unread
from endolink.serving.archive.sources.dicom_header import (
    IN_MEMORY,
    KEPT,
    extended_offsets,
    inflate,
    integer_of,
    number_of,
    parse,
    read_meta,
    values_of,
)
from endolink.serving.archive.sources.encapsulated import (
    Encapsulated,
    Fragment,
    Fragments,
    FragmentStream,
    group_frames,
    read_fragments,
    read_items,
)
from endolink.serving.archive.sources.pixels import ENCAPSULATED, NATIVE, PixelFormat, decode_pixels

VIDEO: Final = frozenset(
    {
        *uid.MPEGTransferSyntaxes,
        uid.HEVCMP51,
        uid.HEVCM10P51,
    }
)
"""MPEG-2, H.264 and HEVC transfer syntaxes, the fragmentable ones among them (PS3.5, 8.2)."""

STILL_CLASSES: Final = frozenset(
    {
        uid.VLEndoscopicImageStorage,
        uid.VLPhotographicImageStorage,
        uid.SecondaryCaptureImageStorage,
        uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
    }
)
VIDEO_CLASSES: Final = frozenset(
    {uid.VideoEndoscopicImageStorage, uid.VideoPhotographicImageStorage}
)

OURS: Final = "EndoLink"
"""What EndoLink writes as the manufacturer of its own objects."""
STUDY: Final = "urn:oid:"
"""What a study's key begins with, before its StudyInstanceUID."""

_PIXEL_DATA: Final = Tag("PixelData")
_FLOAT_PIXEL_DATA: Final = Tag("FloatPixelData")
_UNDEFINED: Final = 0xFFFFFFFF


# FrameTime is written in milliseconds, often rounded.
_ROUNDING_S: Final = 1e-3
# An hour between two frames is no film.
_LONGEST_MS: Final = 3.6e6


@dataclass(frozen=True, eq=False)
class DicomFrame:
    """One frame of a file, its bytes in hand.

    `index` counts from 0; `time_s` is seconds since the file's first frame, None where the file
    holds a single still. `load` gives a JPEG codestream as it was stored, so that it can be decoded
    no finer than needed, or the decoded frame, and raises the error that says why there is none.
    `content` is a digest of what `load` decodes, None where it gives bytes.
    """

    index: int
    time_s: float | None
    load: Callable[[], bytes | Frame]
    content: str | None = None


class DicomFile:
    """An open DICOM file of pictures, of the classes that endoscopy writes.

    `header` is the data set without its pixel data and without what EndoLink has no use for;
    `transfer_syntax` says how the pixels are stored.
    """

    def __init__(
        self, file: BinaryIO, *, limits: Limits = DEFAULT_LIMITS, whole: bool = False
    ) -> None:
        """Read the header of `file`, which can be sought in and stays the caller's to close.

        `whole` keeps every element of it.

        Raises DicomUnreadable, DicomUnsupported, DicomTooLarge or DicomCorrupt.
        """
        self._limits = limits
        self._whole = whole
        self._files = ExitStack()
        size = file.seek(0, io.SEEK_END)
        with ExitStack() as undo:
            undo.callback(self._files.close)
            self._read(file, size)
            undo.pop_all()

    def _read(self, file: BinaryIO, size: int) -> None:
        self.transfer_syntax, start = read_meta(file, size)
        self._file, self._size = file, size
        if self.transfer_syntax == uid.DeflatedExplicitVRLittleEndian:
            spool = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - see below
            self._file = cast("BinaryIO", self._files.enter_context(spool))
            self._size = inflate(file, start, self._file)
            start = 0
        self._file.seek(start)
        self.header = self._read_header()
        self._check_class()
        self._length = self._find_pixels()
        self._start = self._file.tell()

    @classmethod
    def open(
        cls, path: Path, *, limits: Limits = DEFAULT_LIMITS, whole: bool = False
    ) -> "DicomFile":
        """Open the file at `path`; leaving the `with` block closes it.

        Raises SourceMissing, SourceUnreadable, and what the constructor does.
        """
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise SourceMissing("There is no such file or folder.") from None
        except OSError as error:
            raise SourceUnreadable(f"The file cannot be read: {error.strerror}.") from None
        try:
            opened = cls(file, limits=limits, whole=whole)
        except BaseException:
            file.close()
            raise
        opened._files.push(file)
        return opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    @property
    def is_video(self) -> bool:
        return self.transfer_syntax in VIDEO

    @property
    def frame_count(self) -> int:
        """How many frames the header promises; 1 where it says nothing."""
        return max(1, integer_of(self.header, "NumberOfFrames", 1))

    def frames(
        self, *, every_s: float | None = None, only: Container[int | None] | None = None
    ) -> Iterator[DicomFrame]:
        """Yield the frames in order, one in memory at a time; a bad one says so when it is loaded.

        With `every_s` it is the first frame of each span of that many seconds, with `only` those
        frames. Raises a DicomError, FrameError or VideoError: at once where no frame can be read,
        after the last where the file holds fewer than it promises.
        """
        if self.is_video:
            yield from self._video_frames(every_s)
            return
        pixel_format = self._format()
        places = self._places(pixel_format)
        times = times_of(self.header, len(places))
        for index in due_frames(len(places), times, every_s):
            if only is None or index in only:
                time_s = times[index] if times else None
                yield self._frame(index, time_s, places[index], pixel_format)
        if len(places) < self.frame_count:
            raise _too_few(self.frame_count, len(places))

    def _read_header(self) -> Dataset:
        return parse(
            self._file,
            self._size,
            self.transfer_syntax,
            lambda tag, _vr, _length: tag >= _FLOAT_PIXEL_DATA,
            None if self._whole else [*KEPT],
        )

    def _check_class(self) -> None:
        sop_class = str(self.header.get("SOPClassUID"))
        if sop_class not in STILL_CLASSES | VIDEO_CLASSES:
            raise DicomUnsupported(
                "The object is no endoscopic picture: VL and Video Endoscopic, VL and Video "
                "Photographic and Secondary Capture images are read."
            )
        if self.header.get("Manufacturer") == OURS:
            raise DicomOwn("EndoLink has written this object itself; it is no source.")
        if self.transfer_syntax not in NATIVE | ENCAPSULATED | VIDEO:
            raise DicomUnsupported(
                f"The transfer syntax {self.transfer_syntax} is not read; convert the file to "
                "JPEG, JPEG 2000, H.264 or uncompressed."
            )

    def _find_pixels(self) -> int:
        """Leave the file where the pixel data's value begins; return its length in bytes."""
        little = "<" if self.transfer_syntax.is_little_endian else ">"
        head = self._file.read(8)
        if len(head) < 8:
            raise DicomUnreadable("The DICOM file ends before its pixel data.")
        group, element, length = struct.unpack(f"{little}HHI", head)
        if not self.transfer_syntax.is_implicit_VR:
            (length,) = struct.unpack(f"{little}I", self._file.read(4).ljust(4, b"\0"))
        if group << 16 | element != _PIXEL_DATA:
            raise DicomUnsupported("Pixels in floating point, or none at all, are not read.")
        if (length == _UNDEFINED) != (self.transfer_syntax not in NATIVE):
            raise DicomCorrupt("The pixel data is not encoded as the transfer syntax says.")
        return int(length)

    def _format(self) -> PixelFormat:
        pixel_format = PixelFormat.of(self.header, self.transfer_syntax)
        rows, columns = pixel_format.rows, pixel_format.columns
        if rows * columns > self._limits.max_pixels:
            raise FrameTooManyPixels(
                f"The header gives {columns} × {rows} pixels; at most "
                f"{self._limits.max_pixels:,} in all are decoded."
            )
        if min(rows, columns) < self._limits.min_side:
            raise FrameTooSmall(
                f"The frames are {columns} × {rows} pixels; at least {self._limits.min_side} a "
                "side are needed."
            )
        return pixel_format

    def _places(self, pixel_format: PixelFormat) -> list[Fragments]:
        """Say where each frame's bytes are, of as many frames as there are bytes for."""
        if self.transfer_syntax in NATIVE:
            held = min(self._length, self._size - self._start)
            return native_frames(self._start, held, pixel_format.frame_bytes, self.frame_count)
        items = self._items()
        table = extended_offsets(self.header)
        return group_frames(items, self.frame_count, table, self._file)

    def _items(self) -> Encapsulated:
        self._file.seek(self._start)
        return read_items(self._file, self._size)

    def _frame(
        self, index: int, time_s: float | None, place: Fragments, pixel_format: PixelFormat
    ) -> DicomFrame:
        length = sum(fragment.length for fragment in place)
        if self.transfer_syntax not in NATIVE and length > self._limits.max_bytes:
            return DicomFrame(index, time_s, partial(_refuse, length, self._limits.max_bytes))
        return frame_of(read_fragments(self._file, place), index, time_s, pixel_format)

    @property
    def frame_s(self) -> float | None:
        """Seconds from one frame to the next as the header says it, where it does."""
        return frame_s_of(self.header)

    def _video_frames(self, every_s: float | None) -> Iterator[DicomFrame]:
        read = 0
        stream = FragmentStream(self._file, self._items().fragments)
        for timed in video_frames(
            cast("BinaryIO", stream), every_s=every_s, limits=self._limits, picture_s=self.frame_s
        ):
            frame = timed.frame
            read = (frame.sequence or 0) + 1
            yield DicomFrame(read - 1, timed.time_s, partial(_itself, frame), frame.sha256)
        # Encoders drop or add a picture at the ends.
        if every_s is None and self.frame_count - read > max(2, self.frame_count // 100):
            raise _too_few(self.frame_count, read)


def frame_of(
    data: bytes, index: int, time_s: float | None, pixel_format: PixelFormat
) -> DicomFrame:
    """Make a frame of its bytes as they are stored."""
    content = None if pixel_format.is_jpeg else pixel_format.digest(data)
    return DicomFrame(index, time_s, partial(decode_pixels, data, pixel_format, index), content)


def due_frames(count: int, times_s: list[float], every_s: float | None) -> Iterator[int]:
    """Give the numbers of the frames that are due: of each span of `every_s` seconds the first."""
    due = 0.0
    for index in range(count):
        if every_s is not None and times_s:
            if times_s[index] + _ROUNDING_S < due:
                continue
            due = ((times_s[index] + _ROUNDING_S) // every_s + 1) * every_s
        yield index


def times_of(header: Dataset, count: int) -> list[float]:
    """Give the time in seconds of each of `count` frames; nothing for a single still."""
    vector = header.get("FrameTimeVector")
    steps_ms = [float(step) for step in values_of(vector)]
    if len(steps_ms) >= count > 1 and all(0 <= step < _LONGEST_MS for step in steps_ms):
        # The first entry is the time before the first frame (PS3.3, C.7.6.5.1.2).
        return [ms / 1e3 for ms in accumulate([0.0, *steps_ms[1:count]])]
    frame_s = frame_s_of(header)
    if frame_s is None or integer_of(header, "NumberOfFrames", 1) <= 1:
        return []
    return [index * frame_s for index in range(count)]


def frame_s_of(header: Dataset) -> float | None:
    """Give the seconds from one frame to the next as the header says it, where it does."""
    frame_ms = number_of(header, "FrameTime")
    if frame_ms is not None and 0 < frame_ms < _LONGEST_MS:
        return frame_ms / 1e3
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        rate = number_of(header, keyword)
        if rate is not None and rate > 0:
            return 1 / rate
    return None


def native_frames(start: int, held: int, frame_bytes: int, count: int) -> list[Fragments]:
    """Say where uncompressed frames lie, of at most `count`, in `held` bytes from `start`."""
    whole = min(count, held // frame_bytes)
    return [(Fragment(start + index * frame_bytes, frame_bytes),) for index in range(whole)]


def _itself(frame: Frame) -> Frame:
    return frame


def _refuse(length: int, most: int) -> bytes:
    raise FrameTooLarge(f"The frame has {length:,} bytes; at most {most:,} are read.")


def _too_few(promised: int, held: int) -> DicomCorrupt:
    return DicomCorrupt(
        f"The header promises {promised:,} frames; the file holds {held:,}, and these were read."
    )


def read_pictures(
    file: DicomFile, at: Locator, every_s: float | None, only: Container[int | None] | None
) -> Iterator[Picture | Unread]:
    """Give the frames of the open file that lies `at` as pictures, and what ends them early."""
    several = file.is_video or file.frame_count > 1
    yield from pictures_of(
        file.header,
        at,
        file.frames(every_s=every_s, only=only if several else None),
        several=several,
    )


def pictures_of(
    header: Dataset, at: Locator, frames: Iterator[DicomFrame], *, several: bool
) -> Iterator[Picture | Unread]:
    """Give the frames of the object that lies `at` as pictures, and what ends them early.

    `several` says that it is one of many frames: these share a clock, stills the order of their
    series.
    """
    uid_of_study = header.get("StudyInstanceUID")
    study = f"{STUDY}{uid_of_study}" if uid_of_study else str(at)
    series = str(header.get("SOPInstanceUID" if several else "SeriesInstanceUID", ""))
    number = integer_of(header, "InstanceNumber", 0)
    count = max(1, integer_of(header, "NumberOfFrames", 1))
    index = 0
    try:
        for frame in frames:
            index = frame.index + 1
            yield Picture(
                replace(at, number=frame.index if several else None),
                study,
                frame.load,
                series,
                frame.index if several else number,
                frame.time_s,
                frame.content,
                share=min(1.0, frame.index / count) if several else None,
            )
    except EndoLinkError as error:
        yield Unread(replace(at, number=index if several else None), study, error, series, index)
