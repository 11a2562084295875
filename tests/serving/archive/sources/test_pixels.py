from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread, uid

from endolink.model.errors import (
    DicomCorrupt,
)
from endolink.serving.archive.sources.dicom_file import DicomFile
from endolink.serving.archive.sources.pixels import NATIVE
from tests import dicoms
from tests.dicoms import near, picture, pixels_of

FRAMES = [picture(index) for index in range(3)]


# Every transfer syntax gives the right pixels


@pytest.mark.parametrize("syntax", sorted(NATIVE))
def test_uncompressed(tmp_path: Path, syntax: str) -> None:
    found = pixels_of(dicoms.native(tmp_path / "a.dcm", FRAMES, syntax=syntax))
    near(found, FRAMES, 1e-9)


@pytest.mark.parametrize("syntax", sorted(NATIVE))
def test_uncompressed_grey_of_12_bits_keeps_the_high_8(tmp_path: Path, syntax: str) -> None:
    grey: NDArray[np.uint16] = (FRAMES[0][..., 0].astype(np.uint16) * 16 + 7).astype(np.uint16)
    path = dicoms.native(
        tmp_path / "a.dcm", [grey], syntax=syntax, photometric="MONOCHROME2", stored=12
    )
    near(pixels_of(path), [np.repeat(FRAMES[0][..., :1], 3, axis=2)], 1e-9)


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
    near(pixels_of(dicoms.compressed(tmp_path / "a.dcm", stored, syntax)), expected, 1e-9)


@pytest.mark.parametrize("syntax", [uid.JPEGLSNearLossless, uid.JPEG2000])
def test_nearly_lossless(tmp_path: Path, syntax: str) -> None:
    near(pixels_of(dicoms.compressed(tmp_path / "a.dcm", FRAMES, syntax)), FRAMES, 2)


@pytest.mark.parametrize("syntax", [uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit])
def test_jpeg_is_handed_on_as_it_was_stored(tmp_path: Path, syntax: str) -> None:
    streams = [dicoms.jpeg(frame) for frame in FRAMES]
    path = dicoms.jpegs(tmp_path / "a.dcm", streams, syntax=syntax)
    with DicomFile.open(path) as file:
        assert [frame.load() for frame in file.frames()] == [
            stream + bytes(len(stream) % 2) for stream in streams
        ]
    near(pixels_of(path), FRAMES, 2)


# Colours


def ybr(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    matrix = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
    coded: NDArray[np.uint8] = np.clip(np.round(rgb @ matrix.T + [0, 128, 128]), 0, 255).astype(
        np.uint8
    )
    return coded


def test_ybr_full(tmp_path: Path) -> None:
    path = dicoms.native(tmp_path / "a.dcm", [ybr(FRAMES[0])], photometric="YBR_FULL")
    near(pixels_of(path), FRAMES[:1], 2)


def test_ybr_full_422(tmp_path: Path) -> None:
    full = ybr(FRAMES[0])
    header = dicoms.describe()
    dicoms.shape(header, full, "YBR_FULL_422")
    # Two pixels' Y, then the colour that they share (PS3.3, C.7.6.3.1.2).
    pairs = np.stack([full[:, ::2, 0], full[:, 1::2, 0], full[:, ::2, 1], full[:, ::2, 2]], axis=-1)
    path = dicoms.save(tmp_path / "a.dcm", header, pairs.tobytes(), uid.ExplicitVRLittleEndian)
    near(pixels_of(path), FRAMES[:1], 3)


def test_planes(tmp_path: Path) -> None:
    header = dicoms.describe()
    dicoms.shape(header, FRAMES[1], "RGB")
    header.PlanarConfiguration = 1
    data = FRAMES[1].transpose(2, 0, 1).tobytes()
    near(
        pixels_of(dicoms.save(tmp_path / "a.dcm", header, data, uid.ExplicitVRLittleEndian)),
        FRAMES[1:2],
        1e-9,
    )


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    path = dicoms.native(tmp_path / "a.dcm", [FRAMES[0][..., 0]], photometric="MONOCHROME1")
    near(pixels_of(path), [255 - np.repeat(FRAMES[0][..., :1], 3, axis=2)], 1e-9)


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
    near(pixels_of(path), [palette[FRAMES[0][..., 0]]], 1e-9)


def without(stream: bytes, marker: int) -> bytes:
    at = stream.index(bytes([0xFF, marker]))
    return stream[:at] + stream[at + 2 + int.from_bytes(stream[at + 2 : at + 4]) :]


def test_a_jpeg_that_says_nothing_of_its_colours_has_those_of_the_header(tmp_path: Path) -> None:
    # Pillow writes RGB without a JFIF segment, and with one of Adobe's.
    plain = without(dicoms.jpeg(FRAMES[0], keep_rgb=True), 0xEE)
    near(pixels_of(dicoms.jpegs(tmp_path / "a.dcm", [plain], photometric="RGB")), FRAMES[:1], 3)
    coded = without(dicoms.jpeg(FRAMES[0]), 0xE0)
    near(pixels_of(dicoms.jpegs(tmp_path / "b.dcm", [coded])), FRAMES[:1], 3)


def test_a_jpeg_that_says_its_colours_is_believed(tmp_path: Path) -> None:
    path = dicoms.jpegs(tmp_path / "a.dcm", [dicoms.jpeg(FRAMES[0])], photometric="RGB")
    near(pixels_of(path), FRAMES[:1], 3)


@pytest.mark.parametrize("syntax", [uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless])
def test_a_codestream_of_another_size_is_not_decoded(tmp_path: Path, syntax: str) -> None:
    path = dicoms.compressed(tmp_path / "a.dcm", FRAMES[:1], syntax)
    file = dcmread(path)
    file.Rows, file.Columns = file.Rows + 1, file.Columns
    file.save_as(path)
    with DicomFile.open(path) as opened, pytest.raises(DicomCorrupt, match="96 × 64"):
        next(opened.frames()).load()
