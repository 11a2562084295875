import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from endolink.model.errors import FrameTruncated
from endolink.model.header import Kind, read_header, read_kind

SECRET = b"Jane Doe 1961-02-03"
KINDS = list(Kind)


def encode(kind: Kind, size: tuple[int, int] = (90, 60), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_header_gives_kind_and_size(kind: Kind) -> None:
    header = read_header(encode(kind))
    assert (header.kind, header.width, header.height) == (kind, 90, 60)
    assert (header.pixels, header.orientation) == (90 * 60, 1)


@pytest.mark.parametrize("lossless", [False, True])
def test_header_of_webp_without_and_with_loss(lossless: bool) -> None:
    header = read_header(encode(Kind.WEBP, (123, 77), lossless=lossless))
    assert (header.width, header.height) == (123, 77)


def test_bmp_height_is_positive_when_rows_run_downwards() -> None:
    data = bytearray(encode(Kind.BMP))
    data[22:26] = (-60).to_bytes(4, "little", signed=True)
    assert read_header(bytes(data)).height == 60


@pytest.mark.parametrize("kind", [Kind.JPEG, Kind.PNG, Kind.TIFF])
def test_the_picture_carries_no_metadata(kind: Kind) -> None:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", SECRET.decode())
    data = encode(kind, exif=exif, comment=SECRET, pnginfo=text, description=SECRET.decode())
    assert SECRET in data
    header = read_header(data)
    picture = Image.open(io.BytesIO(header.picture))
    assert not {"exif", "comment", "Patient"} & picture.info.keys()
    assert 0x010E not in picture.getexif()
    assert np.array_equal(np.asarray(picture), np.asarray(Image.open(io.BytesIO(data))))


def test_a_jpeg_without_metadata_is_not_copied() -> None:
    data = encode(Kind.JPEG)
    assert read_header(data).picture is data


@pytest.mark.parametrize("kind", KINDS)
def test_no_prefix_of_a_file_is_taken_for_the_whole(kind: Kind) -> None:
    data = encode(kind)
    for length in range(26, len(data) - 4, max(1, len(data) // 150)):
        with pytest.raises(FrameTruncated):
            read_header(data[:length])


@pytest.mark.parametrize("kind", KINDS)
def test_kind_is_told_by_the_first_bytes(kind: Kind) -> None:
    assert read_kind(encode(kind)[:18]) is kind
