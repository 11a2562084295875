"""A frame: one decoded picture, and how the bytes of an image become one."""

import hashlib
import io
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from endolink.model.errors import (
    FrameCorrupt,
    FrameEmpty,
    FrameMislabelled,
    FrameTooLarge,
    FrameTooManyPixels,
    FrameTooSmall,
    FrameUnsupported,
)
from endolink.model.header import Header, Kind, read_header, read_kind

# Pillow warns above this many pixels, and refuses twice as many; no limit of ours may reach there.
PILLOW_PIXELS: Final = 89_478_485


@dataclass(frozen=True, eq=False)
class Frame:
    """One upright RGB picture.

    `pixels` is uint8 H×W×3 in sRGB, read-only. It may hold fewer pixels than the original: a JPEG
    can be decoded at 1/2, 1/4 or 1/8 of its size. `width` and `height` are always the original's,
    in pixels, after its EXIF orientation was applied, and every coordinate that leaves EndoLink is
    in them.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    sha256: str
    captured_at: datetime | None = None
    sequence: int | None = None

    @property
    def scale(self) -> float:
        """Original pixels for each decoded pixel; 1.0 where nothing was reduced."""
        return self.width / int(self.pixels.shape[1])

    @cached_property
    def image(self) -> Image.Image:
        """`pixels` as Pillow's RGB picture, made once for all who read it: not to be changed."""
        return Image.fromarray(self.pixels)


@dataclass(frozen=True)
class Limits:
    """What is refused before it costs anything.

    The defaults: 32 MiB holds an uncompressed 4K frame; 33 Mpx is one 8K frame, 100 MB decoded, and
    no picture of so many takes a decoder a second; below 32 pixels a side there is nothing to
    judge. Raises ValueError for a limit that is not positive, or that Pillow's own bound on pixels
    would undercut.
    """

    max_bytes: int = 32 * 2**20
    max_pixels: int = 7680 * 4320
    min_side: int = 32

    def __post_init__(self) -> None:
        if self.max_bytes < 1 or self.min_side < 1:
            raise ValueError("max_bytes and min_side must be at least 1")
        if not 1 <= self.max_pixels <= PILLOW_PIXELS:
            raise ValueError(f"max_pixels must be between 1 and {PILLOW_PIXELS}")


DEFAULT_LIMITS: Final = Limits()


def decode(
    data: bytes,
    *,
    limits: Limits = DEFAULT_LIMITS,
    declared: str | None = None,
    min_side: int | None = None,
    captured_at: datetime | None = None,
    sequence: int | None = None,
) -> Frame:
    """Turn the bytes of one JPEG, PNG, WebP, BMP or TIFF file into an upright RGB frame.

    Parameters
    ----------
    declared
        What the sender says it is: a media type (`image/png`) or a file suffix (`.png`). Where it
        claims an image of another kind, the frame is refused; `application/octet-stream`, form
        types and the like claim nothing.
    min_side
        A JPEG may be decoded at the coarsest of 1, 1/2, 1/4 and 1/8 of its size whose shorter side
        keeps at least this many pixels: the decoder then skips most of the work, by scaling in the
        frequency domain. Without it, and for every other format, the frame is decoded in full.

    What is decided about each kind of pixel:

    - Grey is repeated in three channels. Of 16 bits, grey or colour, the high byte is kept: a
      linear scaling of the full range, whatever part of it the picture uses.
    - CMYK and YCCK JPEG is taken to be stored inverted, as Adobe's software and most others do,
      and turned into RGB without an ink profile. CMYK TIFF is not inverted.
    - A palette is looked up. Transparency, from a palette, a key colour or an alpha channel, is
      laid on black, which is what an endoscope shows outside its picture.
    - ICC profiles and gamma are ignored: endoscopy processors send sRGB, and the networks were
      trained on pixels that were never converted.
    - 1-bit pictures are masks or faxes; those, floating point, signed and 32-bit integers, CIELAB
      and anything else are refused as FrameUnsupported.
    - Damage that leaves a JPEG's structure whole is invisible: the decoder fills in what it cannot
      read. A structure that ends early is FrameTruncated, any other fault FrameCorrupt.

    Raises one of the ten FrameErrors, and nothing else, whatever the bytes.
    """
    if not data:
        raise FrameEmpty("There are no bytes; send the image as the body.")
    if len(data) > limits.max_bytes:
        raise FrameTooLarge(
            f"The image has {len(data):,} bytes; at most {limits.max_bytes:,} are read."
        )
    _check_claim(declared, read_kind(data))
    header = read_header(data)
    _check_size(header, limits)
    pixels = _decode_pixels(header, min_side)
    width, height = header.width, header.height
    if header.orientation >= 5:
        width, height = height, width
    pixels = np.ascontiguousarray(_upright(pixels, header.orientation))
    pixels.setflags(write=False)
    digest = hashlib.sha256(data).hexdigest()
    return Frame(pixels, width, height, digest, captured_at, sequence)


# What suffixes and media subtypes claim; a media type image/... that is not here claims itself.
_CLAIMS = {
    **dict.fromkeys(("jpg", "jpeg", "jpe", "jfif", "pjpeg"), "JPEG"),
    **dict.fromkeys(("png", "apng", "x-png", "vnd.mozilla.apng"), "PNG"),
    "webp": "WEBP",
    **dict.fromkeys(("bmp", "dib", "x-bmp", "x-ms-bmp"), "BMP"),
    **dict.fromkeys(("tif", "tiff"), "TIFF"),
    **{name: name.upper() for name in ("gif", "heic", "heif", "avif", "jp2", "jxl", "ico", "psd")},
}


def _check_claim(declared: str | None, kind: Kind) -> None:
    if declared is None:
        return
    name = declared.partition(";")[0].strip().lower()
    main, slash, subtype = name.partition("/")
    if slash:
        claim = _CLAIMS.get(subtype, subtype) if main == "image" and subtype != "*" else None
    else:
        claim = _CLAIMS.get(name.removeprefix("."))
    if claim not in {None, kind}:
        raise FrameMislabelled(
            f"The bytes are {kind}, the name or media type says otherwise; correct either."
        )


def _check_size(header: Header, limits: Limits) -> None:
    size = f"{header.width} × {header.height}"
    if header.pixels > limits.max_pixels:
        raise FrameTooManyPixels(
            f"The header gives {size} pixels; at most {limits.max_pixels:,} in all are decoded."
        )
    if min(header.width, header.height) < limits.min_side:
        raise FrameTooSmall(
            f"The picture is {size} pixels; at least {limits.min_side} a side are needed."
        )


def _decode_pixels(header: Header, min_side: int | None) -> NDArray[np.uint8]:
    """Decode `header.picture`, not yet upright, into uint8 H×W×3."""
    size = header.width, header.height
    try:
        with Image.open(io.BytesIO(header.picture), formats=(header.kind,)) as image:
            if image.size != size:
                raise FrameCorrupt(f"The {header.kind} file gives its size twice, differently.")
            if header.kind is Kind.JPEG and min_side is not None:
                scale = _reduction(min(size), min_side)
                image.draft(None, (size[0] // scale, size[1] // scale))
            image.load()
            return _rgb(image)
    except (FrameCorrupt, FrameUnsupported):
        raise
    except UnidentifiedImageError as error:
        # The header is sound, so in a TIFF it is a layout that Pillow has no name for.
        if header.kind is Kind.TIFF:
            raise FrameUnsupported(
                "The TIFF file stores its pixels in a way that is not read; re-encode it."
            ) from error
        raise _undecodable(header.kind) from error
    except Image.DecompressionBombError as error:
        raise FrameTooManyPixels(f"The {header.kind} file unpacks to too much.") from error
    # Pillow's decoders let out OSError, SyntaxError, ValueError, struct.error, zlib.error,
    # MemoryError and what else; whatever it is, this input is at fault.
    except Exception as error:
        raise _undecodable(header.kind) from error


def _undecodable(kind: Kind) -> FrameCorrupt:
    return FrameCorrupt(f"The {kind} picture cannot be decoded; send it again, or re-encode it.")


def _reduction(side: int, min_side: int) -> int:
    """Return the largest of 8, 4, 2, 1 that leaves `side` at least `min_side` pixels."""
    return next((scale for scale in (8, 4, 2) if -(-side // scale) >= min_side), 1)


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    mode = image.mode
    if mode in {"RGB", "L", "P"} and "transparency" in image.info:
        image, mode = image.convert("RGBA"), "RGBA"
    match mode:
        case "RGB":
            return np.asarray(image)
        case "L":
            return np.repeat(np.asarray(image)[..., None], 3, axis=2)
        case "I;16" | "I;16L" | "I;16B" | "I;16N":
            grey = (np.asarray(image) >> 8).astype(np.uint8)
            return np.repeat(grey[..., None], 3, axis=2)
        case "RGBA" | "LA" | "PA":
            # Premultiplied colour is what lies on black.
            colour = image if mode == "RGBA" else image.convert("RGBA")
            return np.asarray(colour.convert("RGBa"))[..., :3]
        case "RGBa":
            return np.asarray(image)[..., :3]
        case "P" | "CMYK" | "YCbCr" | "RGBX":
            return np.asarray(image.convert("RGB"))
        case _:
            raise FrameUnsupported(
                f"Pictures of Pillow's mode {mode} are not read; send 8 or 16 bits a channel, grey "
                "or colour."
            )


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo Exif's orientation: where 2 to 8 say that the first row and column lie."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return pixels
