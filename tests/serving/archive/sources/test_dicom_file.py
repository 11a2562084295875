import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread, uid

from endolink.model.errors import (
    DicomCorrupt,
    DicomError,
    DicomTooLarge,
    DicomUnreadable,
    DicomUnsupported,
    EndoLinkError,
    FrameTooManyPixels,
    SourceMissing,
)
from endolink.model.frame import Limits
from endolink.serving.archive.sources import dicom_header
from endolink.serving.archive.sources.dicom_file import VIDEO, DicomFile
from endolink.serving.archive.sources.pixels import ENCAPSULATED, NATIVE
from tests import dicoms
from tests.dicoms import as_frame, near, picture, pixels_of

FRAMES = [picture(index) for index in range(3)]


@pytest.mark.parametrize("syntax", sorted(dicoms.VIDEO_CODECS))
def test_video(tmp_path: Path, syntax: str) -> None:
    frames = [picture(index) for index in range(10)]
    path = dicoms.video(tmp_path / "a.dcm", frames, syntax, fragments=4)
    near(pixels_of(path), frames, 6)


@pytest.mark.parametrize("container", ["mp4", "mpegts"])
def test_video_in_a_container(tmp_path: Path, container: str) -> None:
    frames = [picture(index) for index in range(10)]
    near(pixels_of(dicoms.video(tmp_path / "a.dcm", frames, container=container)), frames, 6)


def test_no_transfer_syntax_goes_untested() -> None:
    tested = {
        *NATIVE,
        *(uid.RLELossless, uid.JPEGLossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless),
        *(uid.JPEG2000Lossless, uid.JPEGLSNearLossless, uid.JPEG2000),
        *(uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit),
    }
    assert tested == NATIVE | ENCAPSULATED
    assert set(dicoms.VIDEO_CODECS) == VIDEO


# Frames and their times


@pytest.mark.parametrize(("fragments", "offsets"), [(1, True), (1, False), (3, True), (3, False)])
def test_frames_in_fragments(tmp_path: Path, fragments: int, offsets: bool) -> None:
    streams = [dicoms.jpeg(frame) for frame in FRAMES]
    path = dicoms.jpegs(tmp_path / "a.dcm", streams, fragments=fragments, offsets=offsets)
    near(pixels_of(path), FRAMES, 2)


def times(path: Path, **options: float) -> list[float | None]:
    with DicomFile.open(path) as file:
        return [frame.time_s for frame in file.frames(**options)]  # type: ignore[arg-type]


def timed(path: Path, **values: object) -> Path:
    header = dicoms.describe()
    dicoms.shape(header, FRAMES[0], "RGB", 4)
    del header.FrameTime
    for keyword, value in values.items():
        setattr(header, keyword, value)
    data = b"".join(picture(index).tobytes() for index in range(4))
    return dicoms.save(path, header, data, uid.ExplicitVRLittleEndian)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"FrameTime": "40"}, [0, 0.04, 0.08, 0.12]),
        ({"FrameTimeVector": ["0", "100", "50", "200"]}, [0, 0.1, 0.15, 0.35]),
        ({"RecommendedDisplayFrameRate": "2"}, [0, 0.5, 1, 1.5]),
        ({"CineRate": "4"}, [0, 0.25, 0.5, 0.75]),
        ({"FrameTime": "-1", "CineRate": "4"}, [0, 0.25, 0.5, 0.75]),
    ],
)
def test_times(tmp_path: Path, values: dict[str, object], expected: list[float]) -> None:
    assert times(timed(tmp_path / "a.dcm", **values)) == pytest.approx(expected)


def test_frames_without_a_time_have_none(tmp_path: Path) -> None:
    assert times(timed(tmp_path / "a.dcm")) == [None] * 4
    assert times(dicoms.native(tmp_path / "b.dcm", FRAMES[:1])) == [None]


def test_every_s_thins(tmp_path: Path) -> None:
    path = timed(tmp_path / "a.dcm", FrameTime="400")
    assert times(path, every_s=0.5) == pytest.approx([0, 0.8, 1.2])
    frames = [picture(index) for index in range(10)]
    film = dicoms.video(tmp_path / "b.dcm", frames)
    assert times(film, every_s=0.1) == pytest.approx([0, 0.12, 0.2, 0.32])


# What is refused, and what is said of damage


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing):
        DicomFile.open(tmp_path / "a.dcm")


@pytest.mark.parametrize("data", [b"", b"DICM", bytes(128) + b"DICM", bytes(4000)])
def test_not_dicom(data: bytes) -> None:
    with pytest.raises(DicomUnreadable):
        DicomFile(io.BytesIO(data))


def test_what_is_no_endoscopic_picture(tmp_path: Path) -> None:
    header = dicoms.describe(sop_class=uid.CTImageStorage)
    path = dicoms.native(tmp_path / "a.dcm", FRAMES[:1], header=header)
    with pytest.raises(DicomUnsupported, match="endoscopic"):
        DicomFile.open(path)


def test_other_transfer_syntaxes(tmp_path: Path) -> None:
    path = dicoms.jpegs(tmp_path / "a.dcm", [dicoms.jpeg(FRAMES[0])], syntax=uid.HTJ2K)
    with pytest.raises(DicomUnsupported, match=str(uid.HTJ2K)):
        DicomFile.open(path)


@pytest.mark.parametrize(
    ("keyword", "value", "error"),
    [
        ("PixelRepresentation", 1, DicomUnsupported),
        ("BitsAllocated", 32, DicomUnsupported),
        ("HighBit", 5, DicomUnsupported),
        ("PhotometricInterpretation", "HSV", DicomUnsupported),
        ("SamplesPerPixel", 4, DicomUnsupported),
        ("Rows", 0, DicomCorrupt),
        ("Columns", 60000, FrameTooManyPixels),
    ],
)
def test_pixels_that_are_not_read(
    tmp_path: Path, keyword: str, value: object, error: type[EndoLinkError]
) -> None:
    path = dicoms.native(tmp_path / "a.dcm", FRAMES[:1])
    file = dcmread(path)
    setattr(file, keyword, value)
    file.save_as(path)
    with pytest.raises(error), DicomFile.open(path, limits=Limits(max_pixels=1_000_000)) as opened:
        list(opened.frames())


@pytest.mark.parametrize("compressed", [False, True])
def test_a_frame_count_that_lies(tmp_path: Path, compressed: bool) -> None:
    if compressed:
        path = dicoms.jpegs(tmp_path / "a.dcm", [dicoms.jpeg(frame) for frame in FRAMES])
    else:
        path = dicoms.native(tmp_path / "a.dcm", FRAMES)
    file = dcmread(path)
    file.NumberOfFrames = 2_000_000_000
    file.save_as(path)
    with DicomFile.open(path) as opened:
        frames = opened.frames()
        near([as_frame(next(frames).load()).pixels for _ in FRAMES], FRAMES, 2)
        with pytest.raises(DicomCorrupt, match="2,000,000,000"):
            next(frames)


def test_a_length_that_lies(tmp_path: Path) -> None:
    data = bytearray(dicoms.native(tmp_path / "a.dcm", FRAMES[:1]).read_bytes())
    at = data.index(b"PH-0042") - 2
    data[at - 2 : at] = b"UT"
    data[at + 2 : at + 6] = struct.pack("<I", 0xFFFFFF00)
    with pytest.raises(DicomError):
        DicomFile(io.BytesIO(bytes(data)))


def test_a_header_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_header, "_MOST_HEADER", 2**17)
    data = dicoms.native(tmp_path / "a.dcm", FRAMES[:1]).read_bytes()
    # A sequence of undefined length has to be read to be passed over.
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 20_000
    endless = struct.pack("<HH2sHI", 0x0018, 0x0012, b"SQ", 0, 0xFFFFFFFF) + items
    at = data.index(struct.pack("<HH2s", 0x0020, 0x000D, b"UI"))
    with pytest.raises(DicomTooLarge, match="header"):
        DicomFile(io.BytesIO(data[:at] + endless + data[at:]))


def test_a_deflated_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_header, "_MOST_INFLATED", 10 * 2**20)
    path = dicoms.native(tmp_path / "a.dcm", FRAMES[:1], syntax=uid.DeflatedExplicitVRLittleEndian)
    data = path.read_bytes()
    start = data.index(b"1.2.840.10008.1.2.1.99")
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = deflate.compress(bytes(40 * 2**20)) + deflate.flush()
    with pytest.raises(DicomTooLarge, match="unpacks"):
        DicomFile(io.BytesIO(data[: start + 22] + bomb))


def test_damage_gives_frames_or_an_error_of_ours(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    files = [
        dicoms.native(tmp_path / "native.dcm", FRAMES[:1]),
        dicoms.jpegs(tmp_path / "jpeg.dcm", [dicoms.jpeg(frame) for frame in FRAMES]),
        *(
            dicoms.compressed(tmp_path / f"{syntax}.dcm", FRAMES[:1], syntax)
            for syntax in (
                *(uid.RLELossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless),
            )
        ),
        dicoms.video(tmp_path / "film.dcm", [picture(index) for index in range(5)]),
    ]
    read = failed = 0
    for path in files:
        whole = path.read_bytes()
        for turn in range(60):
            data = bytearray(whole)
            if turn % 3 == 0:
                del data[rng.integers(200, len(data)) :]
            else:
                for place in rng.integers(132, len(data), rng.integers(1, 12)):
                    data[place] = rng.integers(256)
            try:
                opened = DicomFile(io.BytesIO(bytes(data)), limits=Limits(max_pixels=2_000_000))
                for frame in opened.frames():
                    as_frame(frame.load())
                    read += 1
            except EndoLinkError:
                failed += 1
    assert read > 50
    assert failed > 50
