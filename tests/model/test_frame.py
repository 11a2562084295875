import hashlib
import io
import struct
import threading
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from endolink.model.errors import (
    FrameAnimated,
    FrameCorrupt,
    FrameEmpty,
    FrameError,
    FrameMislabelled,
    FrameNotAnImage,
    FrameTooLarge,
    FrameTooManyPixels,
    FrameTooSmall,
    FrameTruncated,
    FrameUnsupported,
)
from endolink.model.frame import PILLOW_PIXELS, Frame, Limits, decode

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
WIDTH, HEIGHT = 90, 60


def scene(width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A smooth picture whose corners all differ, so that a codec keeps it and a turn shows."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    channels = (200 * x + 30, 160 * y + 40, 120 * (1 - x) * y + 60)
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def encode(image: Image.Image | NDArray[Any], kind: str, **options: Any) -> bytes:
    if not isinstance(image, Image.Image):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def lossless(kind: str) -> dict[str, Any]:
    return {"lossless": True} if kind == "WEBP" else {}


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(rows))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + b"".join(extra) + body + chunk(b"IEND", b"")


def tiff(tags: dict[int, tuple[int, bytes]], data: bytes = b"", pages: int = 0) -> bytes:
    """A little-endian TIFF whose values all fit their entries: tag → (type, value)."""
    directory = 8 + len(data)
    entries = b"".join(
        struct.pack("<HHI4s", tag, kind, 1, value) for tag, (kind, value) in sorted(tags.items())
    )
    head = b"II*\0" + struct.pack("<I", directory)
    return head + data + struct.pack("<H", len(tags)) + entries + struct.pack("<I", pages)


def long(value: int) -> tuple[int, bytes]:
    return 4, struct.pack("<I", value)


# What comes out


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "JPEG"])
def test_lossless_formats_give_the_pixels_that_were_stored(kind: str) -> None:
    frame = decode(encode(scene(), kind, **lossless(kind)))
    assert np.array_equal(frame.pixels, scene())


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_jpeg_gives_the_pixels_within_its_loss(progressive: bool, subsampling: str) -> None:
    data = encode(scene(), "JPEG", quality=95, progressive=progressive, subsampling=subsampling)
    assert np.abs(decode(data).pixels.astype(int) - scene()).max() <= 6


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff(compression: str) -> None:
    assert np.array_equal(decode(encode(scene(), "TIFF", compression=compression)).pixels, scene())


def test_frame_says_what_it_was_given() -> None:
    data = encode(scene(), "PNG")
    then = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    frame = decode(data, captured_at=then, sequence=7)
    assert (frame.width, frame.height, frame.scale) == (WIDTH, HEIGHT, 1.0)
    assert frame.sha256 == hashlib.sha256(data).hexdigest()
    assert (frame.captured_at, frame.sequence) == (then, 7)


@pytest.mark.parametrize("kind", FORMATS)
def test_pixels_are_rgb_bytes_and_read_only(kind: str) -> None:
    pixels = decode(encode(scene(), kind)).pixels
    assert (pixels.shape, pixels.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    assert pixels.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0, 0] = 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    # What each orientation says of the stored picture, undone (CIPA DC-008, tag 274).
    turn: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, 1),
    }[orientation]
    frame = decode(encode(scene(), kind, exif=exif, **lossless(kind)))
    expected = turn(scene())
    assert frame.pixels.shape == expected.shape
    assert np.abs(frame.pixels.astype(int) - expected).max() <= (12 if kind == "JPEG" else 0)
    assert (frame.width, frame.height) == (expected.shape[1], expected.shape[0])


@pytest.mark.parametrize("exif", [b"", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"nonsense", bytes(40)])
def test_damaged_exif_leaves_the_picture_upright(exif: bytes) -> None:
    data = encode(scene(), "JPEG", exif=b"Exif\0\0" + exif)
    assert np.array_equal(decode(data).pixels, decode(encode(scene(), "JPEG")).pixels)


# The decoder's reduced scale


@pytest.mark.parametrize(
    ("size", "min_side", "decoded"),
    [
        ((1280, 1024), 1024, (1280, 1024)),
        ((1280, 1024), 513, (1280, 1024)),
        ((1280, 1024), 512, (640, 512)),
        ((1280, 1024), 224, (320, 256)),
        ((1280, 1024), 128, (160, 128)),
        ((1280, 1024), 1, (160, 128)),
        ((333, 257), 129, (167, 129)),
        ((333, 257), 130, (333, 257)),
        ((100, 90), 5000, (100, 90)),
    ],
)
def test_min_side_picks_the_coarsest_scale_that_keeps_it(
    size: tuple[int, int], min_side: int, decoded: tuple[int, int]
) -> None:
    frame = decode(encode(scene(*size), "JPEG"), min_side=min_side)
    assert frame.pixels.shape[1::-1] == decoded
    assert (frame.width, frame.height) == size
    assert frame.scale == pytest.approx(size[0] / decoded[0])


def test_reduced_scale_is_the_same_picture() -> None:
    data = encode(scene(640, 512), "JPEG", quality=90)
    reduced = decode(data, min_side=128).pixels.astype(float)
    blocks = decode(data).pixels.reshape(128, 4, 160, 4, 3).mean(axis=(1, 3))
    assert np.abs(reduced - blocks).max() < 3


def test_reduced_scale_with_orientation_keeps_the_upright_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    frame = decode(encode(scene(641, 401), "JPEG", exif=exif), min_side=100)
    assert frame.pixels.shape == (161, 101, 3)
    assert (frame.width, frame.height) == (401, 641)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_reduced_scale_of_other_colours(mode: str) -> None:
    image = Image.fromarray(scene(400, 320)).convert(mode)
    assert decode(encode(image, "JPEG"), min_side=80).pixels.shape == (80, 100, 3)


def test_min_side_leaves_other_formats_whole() -> None:
    assert decode(encode(scene(400, 320), "PNG"), min_side=40).pixels.shape == (320, 400, 3)


# Kinds of pixel


@pytest.mark.parametrize("kind", FORMATS)
def test_grey_is_repeated(kind: str) -> None:
    grey = scene()[..., 0]
    pixels = decode(encode(grey, kind, **lossless(kind))).pixels
    assert np.abs(pixels.astype(int) - grey[..., None]).max() <= (3 if kind == "JPEG" else 0)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_over_its_full_range(kind: str) -> None:
    grey = np.linspace(0, 65535, WIDTH * HEIGHT).astype(np.uint16).reshape(HEIGHT, WIDTH)
    pixels = decode(encode(grey, kind)).pixels
    assert np.array_equal(pixels, np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, axis=2))
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_big_endian_sixteen_bit_tiff() -> None:
    grey = np.linspace(0, 65535, WIDTH * HEIGHT).astype(np.uint16).reshape(HEIGHT, WIDTH)
    data = encode(Image.frombytes("I;16B", (WIDTH, HEIGHT), grey.astype(">u2").tobytes()), "TIFF")
    assert np.array_equal(decode(data).pixels[..., 1], grey >> 8)


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (6, 4), (4, 2)])
def test_sixteen_bit_colour_and_alpha_keep_the_high_byte(colour: int, channels: int) -> None:
    values = np.linspace(0, 65535, HEIGHT * WIDTH * channels).astype(np.uint16)
    picture = values.reshape(HEIGHT, WIDTH, channels)
    if channels != 3:
        picture[..., -1] = 65535
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in picture)
    pixels = decode(png(WIDTH, HEIGHT, 16, colour, rows)).pixels
    high = (picture >> 8).astype(np.uint8)
    expected = high[..., :3] if channels > 2 else np.repeat(high[..., :1], 3, axis=2)
    assert np.array_equal(pixels, expected)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_laid_on_black(kind: str) -> None:
    alpha = np.broadcast_to(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, WIDTH))
    rgba = np.dstack([scene(), alpha])
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    pixels = decode(encode(Image.fromarray(rgba), kind, **options)).pixels
    expected = scene() * (alpha[..., None] / 255.0)
    assert np.abs(pixels - expected).max() <= 0.51
    assert not pixels[:, 0].any()


def test_grey_with_alpha_is_laid_on_black() -> None:
    grey, alpha = scene()[..., 0], scene()[..., 1]
    pixels = decode(encode(Image.merge("LA", [Image.fromarray(a) for a in (grey, alpha)]), "PNG"))
    assert np.abs(pixels.pixels[..., 2] - grey * (alpha / 255.0)).max() <= 0.51


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_palette_is_looked_up(kind: str) -> None:
    image = Image.fromarray(scene()).quantize(32)
    assert np.array_equal(decode(encode(image, kind)).pixels, np.asarray(image.convert("RGB")))


def test_palette_with_transparency_is_laid_on_black() -> None:
    image = Image.fromarray(scene()).quantize(4)
    indices = np.asarray(image)
    colours = np.asarray(image.convert("RGB")).astype(float)
    opacity = np.array([0, 255, 128, 255])[indices][..., None] / 255
    data = encode(image, "PNG", transparency=bytes([0, 255, 128, 255]))
    assert np.abs(decode(data).pixels - colours * opacity).max() <= 0.51


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_transparent_key_colour_is_laid_on_black(mode: str) -> None:
    image = Image.new("RGB", (WIDTH, HEIGHT), (200, 200, 200))
    image.paste((50, 50, 50), (0, 0, 45, HEIGHT))
    image = image.quantize(2) if mode == "P" else image.convert(mode)
    key = image.getpixel((80, 10))
    pixels = decode(encode(image, "PNG", transparency=key)).pixels
    assert not pixels[:, 45:].any()
    assert (pixels[:, :45] == 50).all()


def test_adobe_cmyk_jpeg_is_read_inverted() -> None:
    image = Image.fromarray(scene()).convert("CMYK")
    data = encode(image, "JPEG", quality=95)
    assert b"Adobe" in data
    assert np.abs(decode(data).pixels.astype(int) - scene()).max() <= 8


def test_adobe_ycck_jpeg() -> None:
    # The four planes of YCCK as Adobe stores them, written by an encoder that knows only CMYK: it
    # inverts what it is given, and calls the colours untransformed.
    ycc = Image.fromarray(255 - scene()).convert("YCbCr")
    planes = [255 - np.asarray(band) for band in ycc.split()] + [np.zeros((HEIGHT, WIDTH), "u1")]
    image = Image.merge("CMYK", [Image.fromarray(plane) for plane in planes])
    data = encode(image, "JPEG", quality=97, subsampling="4:4:4")
    at = data.index(b"Adobe") + 11
    assert data[at] == 0
    data = data[:at] + b"\2" + data[at + 1 :]
    assert np.abs(decode(data).pixels.astype(int) - scene()).max() <= 8


def test_cmyk_tiff_is_not_inverted() -> None:
    image = Image.fromarray(scene()).convert("CMYK")
    assert np.array_equal(decode(encode(image, "TIFF")).pixels, scene())


def test_an_icc_profile_changes_nothing() -> None:
    plain = encode(scene(), "PNG")
    assert np.array_equal(
        decode(encode(scene(), "PNG", icc_profile=b"not a profile at all")).pixels,
        decode(plain).pixels,
    )


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("1", "PNG"), ("1", "TIFF"), ("F", "TIFF"), ("I", "TIFF"), ("LAB", "TIFF")],
)
def test_other_pixels_are_unsupported(mode: str, kind: str) -> None:
    data = encode(Image.new(mode, (WIDTH, HEIGHT)), kind)
    with pytest.raises(FrameUnsupported, match=r"8 or 16 bits"):
        decode(data)


def test_a_tiff_layout_without_a_name_is_unsupported() -> None:
    tags = {256: long(64), 257: long(64), 258: long(5), 262: long(1), 273: long(8), 279: long(9)}
    with pytest.raises(FrameUnsupported, match="stores its pixels"):
        decode(tiff(tags, bytes(4096)))


# What is refused, each by its own error


def test_no_bytes() -> None:
    with pytest.raises(FrameEmpty):
        decode(b"")


def test_too_many_bytes() -> None:
    data = encode(scene(), "PNG")
    decode(data, limits=Limits(max_bytes=len(data)))
    with pytest.raises(FrameTooLarge, match=f"{len(data):,}"):
        decode(data, limits=Limits(max_bytes=len(data) - 1))


def huge(kind: str) -> bytes:
    """A file of a few hundred bytes whose header promises 30,000 × 30,000 pixels or so."""
    if kind == "JPEG":
        data = bytearray(encode(scene(), "JPEG"))
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", 30_000, 30_000)
        return bytes(data)
    if kind == "PNG":
        return png(30_000, 30_000, 8, 2, b"")
    if kind == "WEBP":
        body = b"VP8X" + struct.pack("<IBxxxHBHB", 10, 0, 16_000, 0, 16_000, 0)
        return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    if kind == "BMP":
        size = struct.pack("<IiiHHIIiiII", 40, 30_000, 30_000, 1, 24, 0, 0, 0, 0, 0, 0)
        return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + size
    return tiff({256: long(30_000), 257: long(30_000), 273: long(8), 279: long(1)}, bytes(8))


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "BMP"])
def test_too_many_pixels_are_refused_by_the_header(kind: str) -> None:
    with pytest.raises(FrameTooManyPixels, match="at most 33,177,600"):
        decode(huge(kind))


def test_a_huge_bmp_is_truncated_since_its_rows_are_stored_plain() -> None:
    with pytest.raises(FrameTruncated):
        decode(huge("BMP"))


def test_a_tile_far_larger_than_its_tiff_counts_as_pixels() -> None:
    tags = {256: long(64), 257: long(64), 322: long(60_000), 323: long(60_000), 324: long(8)}
    with pytest.raises(FrameTooManyPixels):
        decode(tiff(tags, bytes(64)))


def test_pixels_up_to_the_limit_are_decoded() -> None:
    data = encode(scene(), "PNG")
    decode(data, limits=Limits(max_pixels=WIDTH * HEIGHT))
    with pytest.raises(FrameTooManyPixels):
        decode(data, limits=Limits(max_pixels=WIDTH * HEIGHT - 1))


def test_pillow_warns_of_nothing_at_the_largest_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Image.MAX_IMAGE_PIXELS == PILLOW_PIXELS
    data = encode(scene(), "PNG")
    # Where a program has set Pillow's own bound lower, its refusal is still one of ours.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(FrameTooManyPixels):
        decode(data)


def test_a_text_chunk_that_unpacks_to_gigabytes_is_never_unpacked() -> None:
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9))
    rows = b"".join(b"\0" + row.tobytes() for row in scene())
    assert np.array_equal(decode(png(WIDTH, HEIGHT, 8, 2, rows, bomb)).pixels, scene())


@pytest.mark.parametrize("options", [{"progressive": True}, {"keep_rgb": True}])
def test_a_jpeg_of_endless_scans_is_unsupported(options: dict[str, bool]) -> None:
    data = bytearray(encode(scene(), "JPEG", **options))
    if "keep_rgb" in options:
        # A sequential JPEG may have several scans, too, where the first has not all components.
        at = data.index(b"\xff\xda")
        data[at + 4 : at + 5] = b"\1"
    at = data.rindex(b"\xff\xda")
    scans = bytes(data[at:-2]) * 200
    with pytest.raises(FrameUnsupported, match="scans"):
        decode(bytes(data[:at]) + scans + b"\xff\xd9")


@pytest.mark.parametrize("size", [(31, 100), (100, 31), (1, 1)])
def test_too_few_pixels(size: tuple[int, int]) -> None:
    with pytest.raises(FrameTooSmall, match="at least 32"):
        decode(encode(Image.new("RGB", size), "PNG"))


def test_the_smallest_side_is_a_setting() -> None:
    data = encode(Image.new("RGB", (8, 8)), "PNG")
    assert decode(data, limits=Limits(min_side=8)).width == 8


@pytest.mark.parametrize("limits", [{"max_bytes": 0}, {"min_side": 0}, {"max_pixels": 0}])
def test_limits_are_positive(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Limits(**limits)


def test_limits_stay_below_pillows_own() -> None:
    Limits(max_pixels=PILLOW_PIXELS)
    with pytest.raises(ValueError, match="max_pixels"):
        Limits(max_pixels=PILLOW_PIXELS + 1)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_animated(kind: str) -> None:
    pictures = [Image.fromarray(scene()), Image.fromarray(255 - scene())]
    data = encode(pictures[0], kind, save_all=True, append_images=pictures[1:])
    with pytest.raises(FrameAnimated, match="one picture a file"):
        decode(data)


@pytest.mark.parametrize("kind", ["GIF", "ICO", "JPEG2000", "AVIF"])
def test_other_images_are_unsupported(kind: str) -> None:
    with pytest.raises(FrameUnsupported, match="send JPEG, PNG, WebP, BMP or TIFF"):
        decode(encode(scene(), kind))


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a" + bytes(20),
        bytes(128) + b"DICM" + bytes(20),
        b"\x1a\x45\xdf\xa3" + bytes(20),
        b"II+\0" + bytes(20),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
def test_known_magic_numbers_are_unsupported(data: bytes) -> None:
    with pytest.raises(FrameUnsupported):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
        b"Patient: seen today, nothing found.",
        b"BMI 24.1, weight 80 kg, no allergies known",
        b"<html><body>502 Bad Gateway</body></html>",
        bytes(1000),
        bytes(range(256)) * 4,
        b"\xff",
        b"PK\3\4" + bytes(100),
    ],
)
def test_no_image_at_all(data: bytes) -> None:
    with pytest.raises(FrameNotAnImage) as caught:
        decode(data)
    assert "Patient" not in caught.value.detail


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_truncated(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    data = encode(noise, kind)
    with pytest.raises(FrameTruncated, match="ends before"):
        decode(data[: int(len(data) * share)])


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_within_the_header(kind: str) -> None:
    data = encode(scene(), kind)
    for length in (12, 18, 20, 24, 30):
        with pytest.raises((FrameTruncated, FrameCorrupt, FrameNotAnImage)):
            decode(data[:length])


def test_bytes_after_the_picture_are_ignored() -> None:
    for kind in FORMATS:
        decode(encode(scene(), kind) + bytes(100))


def test_corrupt_png() -> None:
    data = bytearray(encode(scene(), "PNG"))
    at = data.index(b"IDAT") + 20
    data[at : at + 40] = bytes(40)
    with pytest.raises(FrameCorrupt, match="cannot be decoded"):
        decode(bytes(data))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\xff\xc4", b"\xff\x01"),  # the Huffman table's marker becomes one without a length
        (b"\xff\xda", b"\xff\xd9"),  # the scan's marker becomes the end of the image
        (b"\xff\xdb", b"\x00\xdb"),
    ],
)
def test_corrupt_jpeg(old: bytes, new: bytes) -> None:
    with pytest.raises(FrameCorrupt):
        decode(encode(scene(), "JPEG").replace(old, new, 1))


def test_a_jpeg_with_two_sizes_is_corrupt() -> None:
    data = encode(scene(), "JPEG")
    at = data.index(b"\xff\xc0")
    header = data[at : at + 19]
    with pytest.raises(FrameCorrupt, match="twice"):
        decode(data[:at] + header + data[at:])


def test_a_png_with_two_sizes_is_corrupt() -> None:
    data = encode(scene(), "PNG")
    second = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
    with pytest.raises(FrameCorrupt):
        decode(data[:33] + second + data[33:])


def test_a_picture_without_height_is_corrupt() -> None:
    with pytest.raises(FrameCorrupt, match="without width or height"):
        decode(png(WIDTH, 0, 8, 2, b""))


@pytest.mark.parametrize("marker", [b"\xff\xc3", b"\xff\xf7"])
def test_lossless_jpeg_is_unsupported(marker: bytes) -> None:
    with pytest.raises(FrameUnsupported, match="baseline"):
        decode(encode(scene(), "JPEG").replace(b"\xff\xc0", marker, 1))


def test_twelve_bit_jpeg_is_unsupported() -> None:
    data = encode(scene(), "JPEG")
    at = data.index(b"\xff\xc0") + 4
    with pytest.raises(FrameUnsupported, match="12 bits"):
        decode(data[:at] + b"\x0c" + data[at + 1 :])


def test_compressed_bmp_is_unsupported() -> None:
    data = bytearray(encode(Image.fromarray(scene()).quantize(8), "BMP"))
    data[30] = 1
    with pytest.raises(FrameUnsupported, match="compressed BMP"):
        decode(bytes(data))


# Names and media types


@pytest.mark.parametrize(
    ("kind", "declared"),
    [
        ("JPEG", "image/jpeg"),
        ("JPEG", "image/JPG; q=0.9"),
        ("JPEG", ".jpeg"),
        ("JPEG", ".JFIF"),
        ("PNG", "png"),
        ("WEBP", "image/webp"),
        ("BMP", "image/x-ms-bmp"),
        ("TIFF", ".tif"),
        ("TIFF", "image/tiff"),
        ("JPEG", None),
        ("JPEG", ""),
        ("JPEG", ".dat"),
        ("JPEG", "image/*"),
        ("PNG", "application/octet-stream"),
        ("PNG", "application/x-www-form-urlencoded"),
        ("PNG", "multipart/form-data; boundary=x"),
    ],
)
def test_what_fits_or_claims_nothing_is_read(kind: str, declared: str | None) -> None:
    assert decode(encode(scene(), kind), declared=declared).width == WIDTH


@pytest.mark.parametrize(
    ("kind", "declared"),
    [
        ("JPEG", "image/png"),
        ("JPEG", ".png"),
        ("PNG", "image/jpeg"),
        ("PNG", "JPG"),
        ("WEBP", ".tiff"),
        ("TIFF", "image/bmp; charset=binary"),
        ("PNG", ".gif"),
        ("PNG", "image/heic"),
        ("PNG", "image/x-something-of-their-own"),
    ],
)
def test_a_name_that_says_otherwise_is_refused(kind: str, declared: str) -> None:
    with pytest.raises(FrameMislabelled, match=f"bytes are {kind}"):
        decode(encode(scene(), kind), declared=declared)


# Nothing else ever comes out


@pytest.fixture(scope="module")
def corpus() -> list[bytes]:
    picture = Image.fromarray(scene(48, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    deep = np.arange(40 * 48, dtype=np.uint16).reshape(40, 48) * 30
    return [
        encode(picture, "JPEG", exif=exif, comment=b"text", dpi=(72, 72)),
        encode(picture, "JPEG", progressive=True),
        encode(picture.convert("CMYK"), "JPEG"),
        encode(picture, "PNG", exif=exif),
        encode(picture.quantize(16), "PNG", transparency=3),
        encode(deep, "PNG"),
        encode(picture, "WEBP", exif=exif),
        encode(picture, "WEBP", lossless=True),
        encode(picture.convert("RGBA"), "WEBP"),
        encode(picture, "BMP"),
        encode(picture.quantize(16), "BMP"),
        encode(picture, "TIFF", exif=exif, description="text"),
        encode(picture, "TIFF", compression="tiff_lzw"),
        encode(picture, "TIFF", compression="jpeg"),
        encode(picture.quantize(16), "TIFF", compression="packbits"),
        encode(deep, "TIFF"),
    ]


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[list[bytes]], bytes]:
    """Cut a file short, flip its bits, overwrite its words, or splice it with another."""
    which = draw(st.integers(0, 15))
    other = draw(st.integers(0, 15))
    # Headers are short and files are not: half of the damage is done within the first 200 bytes.
    places = st.one_of(st.integers(0, 200), st.integers(0, 10_000))
    flips = draw(st.lists(st.tuples(places, st.integers(0, 7)), max_size=8))
    words = draw(st.lists(st.tuples(places, st.binary(min_size=1, max_size=4)), max_size=3))
    cut = draw(st.none() | places)
    splice = draw(st.none() | st.tuples(places, places))

    def apply(files: list[bytes]) -> bytes:
        data = bytearray(files[which])
        for place, bit in flips:
            data[place % len(data)] ^= 1 << bit
        for place, word in words:
            at = place % len(data)
            data[at : at + len(word)] = word
        if splice:
            data = data[: splice[0]] + files[other][splice[1] % len(files[other]) :]
        return bytes(data[:cut])

    return apply


@settings(max_examples=400, deadline=None)
@given(mutate=mutations(), min_side=st.sampled_from([None, 20]))
def test_damage_gives_a_frame_or_a_frame_error(
    corpus: list[bytes], mutate: Callable[[list[bytes]], bytes], min_side: int | None
) -> None:
    cause = None
    try:
        decode(mutate(corpus), min_side=min_side, limits=Limits(max_pixels=100_000))
    except FrameError as error:
        cause = error.__cause__
    # A warning is an error here and a line on standard error elsewhere: neither may be.
    assert not isinstance(cause, Warning)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_a_frame_error(data: bytes) -> None:
    for magic in (
        b"",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"II*\0",
        b"RIFF\x40\0\0\0WEBP",
        b"BM",
    ):
        with pytest.raises(FrameError):
            decode(magic + data)


def test_frames_are_decoded_by_several_threads_alike() -> None:
    files = [encode(scene(), kind) for kind in FORMATS]
    expected = [decode(data).pixels for data in files]
    failures: list[int] = []

    def work() -> None:
        for _ in range(20):
            for index, data in enumerate(files):
                if not np.array_equal(decode(data).pixels, expected[index]):
                    failures.append(index)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.shared
def test_real_frames_are_decoded_alike_in_full_and_reduced(shared: Any) -> None:
    files = sorted((shared / "data" / "hyper-kvasir").rglob("*.jpg"))[::60]
    assert files
    for path in files:
        data = path.read_bytes()
        frame: Frame = decode(data, declared=path.suffix)
        reduced = decode(data, min_side=224)
        assert min(reduced.pixels.shape[:2]) >= 224
        assert (reduced.width, reduced.height, reduced.sha256) == (
            frame.width,
            frame.height,
            frame.sha256,
        )
        assert abs(frame.pixels.mean() - reduced.pixels.mean()) < 1
