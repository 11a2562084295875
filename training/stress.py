"""Changes to a frame that must not change its verdict: insets, letters, poorer pictures."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from endolink.model.frame import Frame
from endolink.model.view import View

Change = Callable[[Frame, View, np.random.Generator], Frame]
Pixels = NDArray[np.uint8]

_INSET_COLOURS = ((0, 0, 0), (0, 90, 40), (20, 60, 160), (128, 128, 128))
_TEXT_COLOURS = ((255, 255, 255), (255, 220, 0), (80, 255, 80))
_TEXT = ("Name: A.N.Other", "ID: 0042-1234", "Sex: F Age: 61", "D.O.B.: 04/07/1964", "CVP:3 Eh:A5")


def paint_inset(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Paint a navigation inset into a corner of the view: black, green, blue or grey."""
    x0, y0, x1, y1 = view.box
    width, height = x1 - x0, y1 - y0
    wide, high = round(width * rng.uniform(0.2, 0.35)), round(height * rng.uniform(0.2, 0.35))
    left, top = rng.choice([x0, x1 - wide]), rng.choice([y0, y1 - high])
    pixels = frame.pixels.copy()
    pixels[top : top + high, left : left + wide] = _INSET_COLOURS[rng.integers(len(_INSET_COLOURS))]
    return _with(frame, pixels)


def remove_inset(frame: Frame, view: View, _: np.random.Generator) -> Frame:
    """Paint every inset that the view step finds out: mirrored tissue from beside it, or above."""
    pixels = frame.pixels.copy()
    for x0, y0, x1, y1 in view.insets:
        beside = _mirrored(pixels, view, (x0, y0, x1, y1))
        pixels[y0:y1, x0:x1] = beside
    return _with(frame, pixels)


def add_text(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Burn some lines of letters in, as a processor does with a patient's name and the date."""
    image = Image.fromarray(frame.pixels)
    x0, y0, x1, y1 = view.box
    size = max(8, round((y1 - y0) * rng.uniform(0.025, 0.04)))
    lines = rng.permutation(_TEXT)[: rng.integers(1, len(_TEXT) + 1)]
    spot = (x0 + (x1 - x0) * rng.uniform(0.0, 0.6), y0 + (y1 - y0) * rng.uniform(0.0, 0.8))
    colour = _TEXT_COLOURS[rng.integers(len(_TEXT_COLOURS))]
    ImageDraw.Draw(image).multiline_text(
        spot, "\n".join(lines), colour, ImageFont.load_default(size)
    )
    return _with(frame, np.array(image))


STRESSES: dict[str, dict[str, Change]] = {
    "inset": {"inset painted in": paint_inset, "inset painted out": remove_inset},
    "text": {"text added": add_text},
}
"""What `endolink evaluate --stress` may name, and the changes that each stands for."""


def smaller(frame: Frame, side: int) -> bytes:
    """Give the frame with its shorter side scaled down to `side` pixels, as a lossless PNG."""
    zoom = min(1.0, side / min(frame.width, frame.height))
    size = max(32, round(frame.width * zoom)), max(32, round(frame.height * zoom))
    image = Image.fromarray(frame.pixels).resize(size, Image.Resampling.BOX, reducing_gap=None)
    return _encoded(image, "PNG")


def poorer(frame: Frame, quality: int) -> bytes:
    """Give the frame encoded once more, as a JPEG of this quality."""
    return _encoded(Image.fromarray(frame.pixels), "JPEG", quality=quality)


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _with(frame: Frame, pixels: Pixels) -> Frame:
    pixels.setflags(write=False)
    return replace(frame, pixels=pixels)


def _mirrored(pixels: Pixels, view: View, box: tuple[int, int, int, int]) -> Pixels:
    """Reflect what lies on the side of `box` that shows most of the patient into it."""
    x0, y0, x1, y1 = box
    wide, high = x1 - x0, y1 - y0
    height, width = pixels.shape[:2]
    columns, rows = np.arange(x0, x1), np.arange(y0, y1)
    sides = {
        "right": (rows, np.clip(2 * x1 - 1 - columns, 0, width - 1)),
        "left": (rows, np.clip(2 * x0 - 1 - columns, 0, width - 1)),
        "below": (np.clip(2 * y1 - 1 - rows, 0, height - 1), columns),
        "above": (np.clip(2 * y0 - 1 - rows, 0, height - 1), columns),
    }
    shown = {name: view.mask[np.ix_(*ends)].mean() for name, ends in sides.items()}
    reflected: Pixels = pixels[np.ix_(*sides[max(shown, key=lambda name: shown[name])])]
    return reflected.reshape(high, wide, 3)
