"""What the camera, the processor and the link make of a picture: blur, fields, noise, codes."""

import io

import numpy as np
from PIL import Image, ImageChops, ImageFilter

_SMEARS = 4


def blurred(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Blur out of focus, or smear along a way that the scope moved."""
    if rng.random() < 0.5:
        return picture.filter(ImageFilter.BoxBlur(rng.uniform(0.3, 1.8)))
    angle, length = rng.uniform(0, np.pi), rng.uniform(2, 9)
    smeared = picture
    for step in range(1, _SMEARS):
        along = length * (step / (_SMEARS - 1) - 0.5)
        at = round(np.cos(angle) * along), round(np.sin(angle) * along)
        # The running mean of what has been laid over one another.
        smeared = Image.blend(smeared, ImageChops.offset(picture, *at), 1 / (step + 1))
    return smeared


def shrunk(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Send it smaller than it was."""
    side = round(picture.width * rng.uniform(0.33, 0.85))
    how = Image.Resampling.BILINEAR if rng.random() < 0.7 else Image.Resampling.NEAREST
    return picture.resize((side, side), how).resize(picture.size, Image.Resampling.BILINEAR)


def interlaced(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Show every other line as it was a sixtieth of a second later."""
    pixels = np.array(picture)
    by = int(rng.choice([-1, 1])) * int(rng.integers(1, 6))
    lines = int(rng.integers(1, 3))
    for line in range(lines):
        pixels[line :: 2 * lines] = np.roll(pixels[line :: 2 * lines], by, axis=1)
    return Image.fromarray(pixels)


def noisy(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Add a sensor's noise, of the brightness and of each colour."""
    side = picture.width
    coarse = rng.integers(1, 3)
    grain = rng.standard_normal((-(-side // coarse), -(-side // coarse), 1), dtype=np.float32)
    grain = np.repeat(np.repeat(grain, coarse, 0), coarse, 1)[:side, :side]
    pixels = np.asarray(picture, np.float32) + rng.uniform(2, 10) * grain
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def sharpened(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Raise the edges, as a processor's structure enhancement does."""
    return picture.filter(
        ImageFilter.UnsharpMask(rng.uniform(0.6, 2.5), int(rng.integers(50, 250)), 0)
    )


def reencoded(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Encode as JPEG at quality 30 to 95."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=int(rng.integers(30, 96)))
    return Image.open(buffer)
