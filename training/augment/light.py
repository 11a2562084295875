"""Light and colour: white balance, gamma, colour casts, narrow band, glare, halation."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

_LEVELS = np.arange(256, dtype=np.float32) / 255


def toned(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Draw white balance, brightness, contrast and gamma as one look-up table a channel."""
    wide = 0.25 if rng.random() < 0.35 else 0.12
    gain = rng.uniform(0.7, 1.3) * rng.uniform(1 - wide, 1 + wide, 3)
    gamma = np.exp(rng.uniform(-0.35, 0.35))
    contrast, level = rng.uniform(0.75, 1.3), rng.uniform(0.3, 0.6)
    lift = rng.uniform(-0.04, 0.06, 3)
    curve = (_LEVELS**gamma - level) * contrast + level
    tables = np.clip(curve * gain[:, None] + lift[:, None], 0, 1) * 255
    toned = picture.point([int(value) for value in tables.round().ravel()])
    return _saturated(toned, rng.uniform(0.4, 1.5)) if rng.random() < 0.5 else toned


def cast(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Mix the channels: as narrow-band and blue-light imaging, dye and odd processors do."""
    mixed = np.eye(3)
    kind = rng.integers(3)
    if kind == 0:
        # Narrow band: the haemoglobin bands of blue and green are shown, red hardly at all.
        mixed = np.array([[0.25, 0.7, 0.0], [0.05, 0.55, 0.45], [0.0, 0.35, 0.65]])
        mixed *= rng.uniform(0.8, 1.2, (3, 1))
    elif kind == 1:
        # Nearly without colour.
        mixed = 0.2 * mixed + 0.8 * np.array([0.3, 0.59, 0.11])
        mixed *= rng.uniform(0.85, 1.15, (3, 1))
    else:
        mixed = mixed + rng.uniform(-0.25, 0.25, (3, 3))
        mixed /= mixed.sum(1, keepdims=True)
    matrix = [value for row in mixed for value in (*row, 0.0)]
    return picture.convert("RGB", tuple(matrix))


def halated(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Let what is bright shine over its surround, or light one side more than the other."""
    if rng.random() < 0.5:
        bright = picture.point([max(0, 2 * level - 255) for level in range(256)] * 3)
        glow = bright.filter(ImageFilter.BoxBlur(rng.uniform(0.03, 0.1) * picture.width))
        pixels = np.asarray(picture, np.float32) + rng.uniform(0.5, 1.5) * np.asarray(glow)
    else:
        along = np.linspace(-1, 1, picture.width, dtype=np.float32)
        angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.6)
        ramp = 1 + depth * (np.cos(angle) * along + np.sin(angle) * along[:, None])
        pixels = np.asarray(picture, np.float32) * np.clip(ramp, 0.2, 2)[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def glints(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Paint what wet mucosa throws back of the light."""
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(1, 12)):
        x, y = rng.uniform(0, picture.width, 2)
        wide, high = rng.uniform(0.6, 7, 2)
        level = int(rng.integers(225, 256))
        draw.ellipse((x - wide, y - high, x + wide, y + high), fill=(level, level, level - 8))
    return picture


def _saturated(picture: Image.Image, factor: float) -> Image.Image:
    return Image.blend(picture.convert("L").convert("RGB"), picture, factor)
