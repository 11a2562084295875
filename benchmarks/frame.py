"""The frame that everything is measured on: 1280 × 1024, a JPEG of about 200 KB, and ours."""

from io import BytesIO

import numpy as np
from PIL import Image

from endolink import sample_data

WIDTH, HEIGHT = 1280, 1024
_QUALITY = 90
_BYTES = 200_000
_TOLERANCE = 0.02
_SCENE = "polyp-sessile"


def ordinary_frame() -> bytes:
    """Enlarge a rendered polyp and add a camera's noise, as much as brings the JPEG to 200 KB."""
    path = next(path for path in sample_data.frames() if path.stem == _SCENE)
    with Image.open(path) as still:
        enlarged = still.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    pixels = np.asarray(enlarged, np.float32)
    noise = np.random.default_rng(0).normal(size=(HEIGHT, WIDTH, 1)).astype(np.float32)
    # A screen is black around the scope's picture, and stays it.
    noise[pixels.max(axis=2) < 8] = 0
    low, high = 0.0, 40.0
    while True:
        sigma = (low + high) / 2
        noisy = np.clip(pixels + sigma * noise, 0, 255).astype(np.uint8)
        file = BytesIO()
        Image.fromarray(noisy).save(file, "JPEG", quality=_QUALITY)
        size = file.tell()
        if abs(size - _BYTES) <= _TOLERANCE * _BYTES or high - low < 0.01:
            return file.getvalue()
        low, high = (sigma, high) if size < _BYTES else (low, sigma)
