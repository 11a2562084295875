"""A captured picture, made as small as the link wants it."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = bytes | Image.Image | NDArray[np.uint8]
"""An image file's bytes, which are sent as they are; or a Pillow image or uint8 H×W×3, in RGB."""


def encode(picture: Picture, side: int, quality: int) -> bytes:
    """Shrink a picture until its shorter side has `side` pixels, and compress it as JPEG.

    It is never enlarged. Colour is kept at half resolution (4:2:0), as cameras do.
    """
    if isinstance(picture, bytes):
        return picture
    image: Image.Image = picture if isinstance(picture, Image.Image) else _from_array(picture)
    scale = side / min(image.size)
    if scale < 1:
        width, height = (max(1, round(length * scale)) for length in image.size)
        # Whole blocks are averaged first, and only the rest is resampled: all that is sent costs
        # its sender a few milliseconds, which the verdict's age begins with.
        if (blocks := int(1 / scale)) > 1:
            image = image.reduce(blocks)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    if image.mode != "RGB":
        image = image.convert("RGB")
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _from_array(pixels: NDArray[Any]) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"a picture is uint8 H×W×3, not {pixels.dtype} {pixels.shape}")
    return Image.fromarray(pixels)
