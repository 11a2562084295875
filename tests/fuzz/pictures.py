"""Small pictures in the many ways in which each format may store them."""

import io
from typing import Any, Final

from PIL import Image

from tests.serving.service import picture

SIZE: Final = (48, 40)
"""Width and height in pixels."""
KINDS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
# Pillow's mode, format, and the options that it is written with.
_WAYS: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "grey.jpg": ("L", "JPEG", {}),
    "cmyk.jpg": ("CMYK", "JPEG", {}),
    "progressive.jpg": ("RGB", "JPEG", {"progressive": True}),
    "restart.jpg": ("RGB", "JPEG", {"restart_marker_rows": 1}),
    "exif.jpg": ("RGB", "JPEG", {"exif": 6}),
    "grey.png": ("L", "PNG", {}),
    "sixteen.png": ("I;16", "PNG", {}),
    "palette.png": ("P", "PNG", {"transparency": 3}),
    "alpha.png": ("RGBA", "PNG", {"exif": 3}),
    "lossless.webp": ("RGB", "WEBP", {"lossless": True}),
    "alpha.webp": ("RGBA", "WEBP", {"exif": 8}),
    "grey.bmp": ("L", "BMP", {}),
    "lzw.tif": ("RGB", "TIFF", {"compression": "tiff_lzw"}),
    "deflate.tif": ("RGBA", "TIFF", {"compression": "tiff_deflate"}),
    "jpeg.tif": ("RGB", "TIFF", {"compression": "jpeg"}),
    "packbits.tif": ("L", "TIFF", {"compression": "packbits"}),
    "cmyk.tif": ("CMYK", "TIFF", {}),
}


def plain() -> Image.Image:
    """Give the picture of `SIZE` that all are made of."""
    with Image.open(io.BytesIO(picture("PNG", SIZE))) as image:
        return image.convert("RGB")


def pictures() -> dict[str, bytes]:
    """Write a small picture in every way, by a name that says which."""
    made = {f"plain.{kind.lower()}": picture(kind, SIZE) for kind in KINDS}
    for name, (mode, kind, options) in _WAYS.items():
        out = io.BytesIO()
        image = plain().convert("L").convert("I;16") if mode == "I;16" else plain().convert(mode)
        image.save(out, kind, **options | _exif(options))
        made[name] = out.getvalue()
    return made


def _exif(options: dict[str, Any]) -> dict[str, Any]:
    if "exif" not in options:
        return {}
    exif = Image.Exif()
    exif[0x0112] = options["exif"]
    return {"exif": exif.tobytes()}
