"""Where the scope was held: turned, mirrored, nearer, farther, off the centre, stretched."""

from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Zoom = tuple[float, float]
Box = tuple[float, float, float, float]

_TURNED = 0.7
_STRETCHED = (0.85, 1.18)


def move(
    square: Pixels, outline: Pixels, size: int, zoom: Zoom, rng: np.random.Generator
) -> tuple[Image.Image, Image.Image]:
    """Turn, mirror, stretch, zoom and shift a square and its outline, in one resampling.

    `square` is uint8 S×S×4, `outline` uint8 S×S; both come back `size` pixels wide, as RGBX and L.
    """
    side = square.shape[0]
    angle = rng.uniform(0, 2 * pi) if rng.random() < _TURNED else rng.integers(4) * pi / 2
    # As many halvings as doublings.
    share = float(np.exp(rng.uniform(np.log(zoom[0]), np.log(zoom[1]))))
    scale = share * side / size
    stretch = float(np.sqrt(rng.uniform(*_STRETCHED)))
    mirror = 1 if rng.random() < 0.5 else -1
    a, b = cos(angle) * scale * stretch * mirror, -sin(angle) * scale / stretch
    d, e = sin(angle) * scale * stretch * mirror, cos(angle) * scale / stretch
    slack = side * abs(1 - share) / 2
    centre_x, centre_y = side / 2 + rng.uniform(-slack, slack, 2)
    half = size / 2
    matrix = (a, b, centre_x - (a + b) * half, d, e, centre_y - (d + e) * half)
    # RGBX, not RGBA: Pillow would multiply by an alpha channel, there and back.
    image = Image.frombuffer("RGBX", (side, side), square.tobytes(), "raw", "RGBX", 0, 1)
    where = Image.fromarray(outline)
    if share * side > 1.5 * size:
        # Far enough apart that the transform would pass pixels over.
        image, where = image.reduce(2), where.reduce(2)
        matrix = tuple(value / 2 for value in matrix)
    to = (size, size)
    bilinear = Image.Resampling.BILINEAR
    return (
        image.transform(to, Image.Transform.AFFINE, matrix, bilinear),
        where.transform(to, Image.Transform.AFFINE, matrix, bilinear),
    )
