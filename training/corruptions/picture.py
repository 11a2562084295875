"""What processors, recorders, links and a moving scope do to the picture itself."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from endolink.model.frame import Frame
from endolink.model.view import View
from endolink.training.corruptions.scope import replaced

Pixels = NDArray[np.uint8]

# A smear is the mean of so many pictures at most: gaps between them stay below the lens's blur.
_EXPOSURES = 16


def colour(frame: Frame, _: View, most: float, rng: np.random.Generator) -> Frame:
    """Shift the white balance, the saturation and the gamma, each by up to `most` (natural log)."""
    cast = rng.normal(size=3)
    cast = np.exp(most * (cast - cast.mean()) / np.abs(cast - cast.mean()).max())
    gamma, saturation = np.exp(most * rng.uniform(-1, 1, 2))
    light = (np.arange(256) / 255) ** gamma * 255
    shifted = light[frame.pixels] * cast
    grey = shifted.mean(axis=2, keepdims=True)
    shifted = grey + (shifted - grey) * saturation
    return replaced(frame, np.rint(np.clip(shifted, 0, 255)).astype(np.uint8))


def sharpen(frame: Frame, view: View, percent: int, _: np.random.Generator) -> Frame:
    """Sharpen as a processor's structure enhancement does, by `percent`."""
    radius = max(1.0, 0.004 * (view.box[2] - view.box[0]))
    sharpened = Image.fromarray(frame.pixels).filter(ImageFilter.UnsharpMask(radius, percent, 0))
    return replaced(frame, np.asarray(sharpened))


def compress(frame: Frame, _: View, quality: int, __: np.random.Generator) -> bytes:
    """Encode once more, as a JPEG of `quality` with halved chroma: the bytes of the file."""
    buffer = io.BytesIO()
    Image.fromarray(frame.pixels).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def shrink(frame: Frame, _: View, side: int, __: np.random.Generator) -> Frame:
    """Scale down to what a phone's link carries: `side` pixels on the shorter side, or as it is."""
    zoom = min(1.0, side / min(frame.pixels.shape[:2]))
    height, width = (max(32, round(length * zoom)) for length in frame.pixels.shape[:2])
    small = Image.fromarray(frame.pixels).resize((width, height), Image.Resampling.BILINEAR)
    return replaced(frame, np.asarray(small))


def smear(frame: Frame, view: View, share: float, rng: np.random.Generator) -> Frame:
    """Move the scope while the shutter is open, by `share` of the view's width; overlays stay."""
    length = max(2.0, share * (view.box[2] - view.box[0]))
    angle = rng.uniform(0, np.pi)
    count = min(_EXPOSURES, int(length) + 1)
    steps = np.linspace(-length / 2, length / 2, count)
    pad = int(length) + 1
    wide = np.pad(frame.pixels, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    height, width = frame.pixels.shape[:2]
    total = np.zeros(frame.pixels.shape, np.uint16)
    for step in steps:
        top, left = pad + round(step * np.sin(angle)), pad + round(step * np.cos(angle))
        total += wide[top : top + height, left : left + width]
    return replaced(frame, _within(frame, view, (total // count).astype(np.uint8)))


def interlace(frame: Frame, view: View, share: float, rng: np.random.Generator) -> Frame:
    """Show two fields a fiftieth of a second apart: every other row is shifted sideways."""
    shift = max(1, round(share * (view.box[2] - view.box[0]))) * int(rng.choice([-1, 1]))
    combed = frame.pixels.copy()
    combed[1::2] = np.roll(combed[1::2], shift, axis=1)
    return replaced(frame, _within(frame, view, combed))


def glare(frame: Frame, view: View, count: int, rng: np.random.Generator) -> Frame:
    """Let wet mucosa throw `count` highlights back into the lens: white, burnt out, soft-edged."""
    x0, y0, x1, y1 = view.box
    side = min(x1 - x0, y1 - y0)
    shine = Image.new("L", (frame.pixels.shape[1], frame.pixels.shape[0]))
    draw = ImageDraw.Draw(shine)
    for _ in range(count):
        x, y = rng.uniform((x0, y0), (x1, y1))
        # A highlight is a chain of blots, not an ellipse.
        for dx, dy, half in rng.uniform((-1, -1, 0.3), (1, 1, 1), (3, 3)) * side * 0.012:
            draw.ellipse((x + dx - half, y + dy - half, x + dx + half, y + dy + half), 255)
    soft = np.asarray(shine.filter(ImageFilter.GaussianBlur(max(1.0, side * 0.004))))[:, :, None]
    lit = np.minimum(frame.pixels + soft.astype(np.uint16) * 3 // 2, 255).astype(np.uint8)
    return replaced(frame, _within(frame, view, lit))


def _within(frame: Frame, view: View, changed: Pixels) -> Pixels:
    """Give what is `changed` where the patient is shown, and the frame elsewhere."""
    return np.where(view.mask[:, :, None], changed, frame.pixels)
