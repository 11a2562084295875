import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
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
from endolink.model.frame import Frame, Limits, decode
from endolink.serving.archive.sources import dicom_file as source
from endolink.serving.archive.sources.dicom_file import DicomFile
from endolink.serving.archive.sources.pixels import ENCAPSULATED, NATIVE
from tests import dicoms
from tests.dicoms import picture

FRAMES = [picture(index) for index in range(3)]


def pixels(path: Path) -> list[NDArray[np.uint8]]:
    with DicomFile.open(path) as file:
        return [as_frame(frame.load()).pixels for frame in file.frames()]


def as_frame(image: bytes | Frame) -> Frame:
    return decode(image) if isinstance(image, bytes) else image


def near(found: list[NDArray[np.uint8]], expected: list[NDArray[np.uint8]], most: float) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert np.abs(one.astype(int) - other).mean() < most


# Every transfer syntax gives the right pixels


@pytest.mark.parametrize("syntax", sorted(NATIVE))
def test_uncompressed(tmp_path: Path, syntax: str) -> None:
    found = pixels(dicoms.native(tmp_path / "a.dcm", FRAMES, syntax=syntax))
    near(found, FRAMES, 1e-9)


@pytest.mark.parametrize("syntax", sorted(NATIVE))
def test_uncompressed_grey_of_12_bits_keeps_the_high_8(tmp_path: Path, syntax: str) -> None:
    grey: NDArray[np.uint16] = (FRAMES[0][..., 0].astype(np.uint16) * 16 + 7).astype(np.uint16)
    path = dicoms.native(
        tmp_path / "a.dcm", [grey], syntax=syntax, photometric="MONOCHROME2", stored=12
    )
    near(pixels(path), [np.repeat(FRAMES[0][..., :1], 3, axis=2)], 1e-9)


@pytest.mark.parametrize(
    "syntax",
    [
        uid.RLELossless,
        uid.JPEGLossless,
        uid.JPEGLosslessSV1,
        uid.JPEGLSLossless,
        uid.JPEG2000Lossless,
    ],
)
@pytest.mark.parametrize("grey", [False, True])
def test_lossless(tmp_path: Path, syntax: str, grey: bool) -> None:
    stored = [frame[..., 0] for frame in FRAMES] if grey else FRAMES
    expected = [np.repeat(frame[..., :1], 3, axis=2) for frame in FRAMES] if grey else FRAMES
    near(pixels(dicoms.compressed(tmp_path / "a.dcm", stored, syntax)), expected, 1e-9)


@pytest.mark.parametrize("syntax", [uid.JPEGLSNearLossless, uid.JPEG2000])
def test_nearly_lossless(tmp_path: Path, syntax: str) -> None:
    near(pixels(dicoms.compressed(tmp_path / "a.dcm", FRAMES, syntax)), FRAMES, 2)


@pytest.mark.parametrize("syntax", [uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit])
def test_jpeg_is_handed_on_as_it_was_stored(tmp_path: Path, syntax: str) -> None:
    streams = [dicoms.jpeg(frame) for frame in FRAMES]
    path = dicoms.jpegs(tmp_path / "a.dcm", streams, syntax=syntax)
    with DicomFile.open(path) as file:
        assert [frame.load() for frame in file.frames()] == [
            stream + bytes(len(stream) % 2) for stream in streams
        ]
    near(pixels(path), FRAMES, 2)


@pytest.mark.parametrize("syntax", sorted(dicoms.VIDEO_CODECS))
def test_video(tmp_path: Path, syntax: str) -> None:
    frames = [picture(index) for index in range(10)]
    path = dicoms.video(tmp_path / "a.dcm", frames, syntax, fragments=4)
    near(pixels(path), frames, 6)


@pytest.mark.parametrize("container", ["mp4", "mpegts"])
def test_video_in_a_container(tmp_path: Path, container: str) -> None:
    frames = [picture(index) for index in range(10)]
    near(pixels(dicoms.video(tmp_path / "a.dcm", frames, container=container)), frames, 6)


def test_no_transfer_syntax_goes_untested() -> None:
    tested = {
        *NATIVE,
        *(uid.RLELossless, uid.JPEGLossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless),
        *(uid.JPEG2000Lossless, uid.JPEGLSNearLossless, uid.JPEG2000),
        *(uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit),
    }
    assert tested == NATIVE | ENCAPSULATED
    assert set(dicoms.VIDEO_CODECS) == source.VIDEO


# Colours


def ybr(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    matrix = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
    coded: NDArray[np.uint8] = np.clip(np.round(rgb @ matrix.T + [0, 128, 128]), 0, 255).astype(
        np.uint8
    )
    return coded


def test_ybr_full(tmp_path: Path) -> None:
    path = dicoms.native(tmp_path / "a.dcm", [ybr(FRAMES[0])], photometric="YBR_FULL")
    near(pixels(path), FRAMES[:1], 2)


def test_ybr_full_422(tmp_path: Path) -> None:
    full = ybr(FRAMES[0])
    header = dicoms.describe()
    dicoms.shape(header, full, "YBR_FULL_422")
    # Two pixels' Y, then the colour that they share (PS3.3, C.7.6.3.1.2).
    pairs = np.stack([full[:, ::2, 0], full[:, 1::2, 0], full[:, ::2, 1], full[:, ::2, 2]], axis=-1)
    path = dicoms.save(tmp_path / "a.dcm", header, pairs.tobytes(), uid.ExplicitVRLittleEndian)
    near(pixels(path), FRAMES[:1], 3)


def test_planes(tmp_path: Path) -> None:
    header = dicoms.describe()
    dicoms.shape(header, FRAMES[1], "RGB")
    header.PlanarConfiguration = 1
    data = FRAMES[1].transpose(2, 0, 1).tobytes()
    near(
        pixels(dicoms.save(tmp_path / "a.dcm", header, data, uid.ExplicitVRLittleEndian)),
        FRAMES[1:2],
        1e-9,
    )


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    path = dicoms.native(tmp_path / "a.dcm", [FRAMES[0][..., 0]], photometric="MONOCHROME1")
    near(pixels(path), [255 - np.repeat(FRAMES[0][..., :1], 3, axis=2)], 1e-9)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_is_looked_up(tmp_path: Path, bits: int) -> None:
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    header = dicoms.describe(sop_class=uid.SecondaryCaptureImageStorage)
    for column, colour in enumerate(("Red", "Green", "Blue")):
        setattr(header, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, bits])
        table = palette[:, column]
        data = (table.astype("<u2") << 8).tobytes() if bits == 16 else table.tobytes()
        setattr(header, f"{colour}PaletteColorLookupTableData", data)
    path = dicoms.native(
        tmp_path / "a.dcm", [FRAMES[0][..., 0]], photometric="PALETTE COLOR", header=header
    )
    near(pixels(path), [palette[FRAMES[0][..., 0]]], 1e-9)


def without(stream: bytes, marker: int) -> bytes:
    at = stream.index(bytes([0xFF, marker]))
    return stream[:at] + stream[at + 2 + int.from_bytes(stream[at + 2 : at + 4]) :]


def test_a_jpeg_that_says_nothing_of_its_colours_has_those_of_the_header(tmp_path: Path) -> None:
    # Pillow writes RGB without a JFIF segment, and with one of Adobe's.
    plain = without(dicoms.jpeg(FRAMES[0], keep_rgb=True), 0xEE)
    near(pixels(dicoms.jpegs(tmp_path / "a.dcm", [plain], photometric="RGB")), FRAMES[:1], 3)
    coded = without(dicoms.jpeg(FRAMES[0]), 0xE0)
    near(pixels(dicoms.jpegs(tmp_path / "b.dcm", [coded])), FRAMES[:1], 3)


def test_a_jpeg_that_says_its_colours_is_believed(tmp_path: Path) -> None:
    path = dicoms.jpegs(tmp_path / "a.dcm", [dicoms.jpeg(FRAMES[0])], photometric="RGB")
    near(pixels(path), FRAMES[:1], 3)


# Frames and their times


@pytest.mark.parametrize(("fragments", "offsets"), [(1, True), (1, False), (3, True), (3, False)])
def test_frames_in_fragments(tmp_path: Path, fragments: int, offsets: bool) -> None:
    streams = [dicoms.jpeg(frame) for frame in FRAMES]
    path = dicoms.jpegs(tmp_path / "a.dcm", streams, fragments=fragments, offsets=offsets)
    near(pixels(path), FRAMES, 2)


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


@pytest.mark.parametrize("syntax", [uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless])
def test_a_codestream_of_another_size_is_not_decoded(tmp_path: Path, syntax: str) -> None:
    path = dicoms.compressed(tmp_path / "a.dcm", FRAMES[:1], syntax)
    file = dcmread(path)
    file.Rows, file.Columns = file.Rows + 1, file.Columns
    file.save_as(path)
    with DicomFile.open(path) as opened, pytest.raises(DicomCorrupt, match="96 × 64"):
        next(opened.frames()).load()


def test_a_length_that_lies(tmp_path: Path) -> None:
    data = bytearray(dicoms.native(tmp_path / "a.dcm", FRAMES[:1]).read_bytes())
    at = data.index(b"PH-0042") - 2
    data[at - 2 : at] = b"UT"
    data[at + 2 : at + 6] = struct.pack("<I", 0xFFFFFF00)
    with pytest.raises(DicomError):
        DicomFile(io.BytesIO(bytes(data)))


def test_a_header_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_MOST_HEADER", 2**17)
    data = dicoms.native(tmp_path / "a.dcm", FRAMES[:1]).read_bytes()
    # A sequence of undefined length has to be read to be passed over.
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 20_000
    endless = struct.pack("<HH2sHI", 0x0018, 0x0012, b"SQ", 0, 0xFFFFFFFF) + items
    at = data.index(struct.pack("<HH2s", 0x0020, 0x000D, b"UI"))
    with pytest.raises(DicomTooLarge, match="header"):
        DicomFile(io.BytesIO(data[:at] + endless + data[at:]))


def test_a_deflated_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_MOST_INFLATED", 10 * 2**20)
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
