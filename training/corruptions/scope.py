"""How another scope or another screen would have shown the same picture."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from endolink.model.frame import Frame
from endolink.model.view import View

Pixels = NDArray[np.uint8]


def replaced(frame: Frame, pixels: Pixels) -> Frame:
    """Give `frame` with other pixels, of whatever size."""
    pixels = np.ascontiguousarray(pixels)
    pixels.setflags(write=False)
    height, width = pixels.shape[:2]
    return replace(frame, pixels=pixels, width=width, height=height)


def mask(frame: Frame, view: View, kept: float, rng: np.random.Generator) -> Frame:
    """Lay a circle, a cut circle, an octagon or a rounded rectangle over the view.

    `kept` is the share of the patient's pixels, in (0, 1], that is still shown.
    """
    x0, y0, x1, y1 = view.box
    height, width = frame.pixels.shape[:2]
    across = (np.arange(width) + 0.5 - (x0 + x1) / 2) / ((x1 - x0) / 2)
    down = (np.arange(height)[:, None] + 0.5 - (y0 + y1) / 2) / ((y1 - y0) / 2)
    aspect = (x1 - x0) / (y1 - y0)
    circle = np.hypot(across * aspect, down)
    shapes = (
        lambda: circle,
        lambda: np.maximum(circle, np.abs(down) * 1.25),
        lambda: np.maximum.reduce(
            [np.abs(across) + 0 * down, np.abs(down) + 0 * across, (abs(across) + abs(down)) / 1.5]
        ),
        lambda: (across**6 + down**6) ** (1 / 6),
    )
    distance = shapes[rng.integers(len(shapes))]()
    edge = np.quantile(distance[view.mask], kept) if view.mask.any() else np.inf
    pixels = frame.pixels.copy()
    pixels[distance > edge] = 0
    return replaced(frame, pixels)


def off_centre(frame: Frame, view: View, beyond: float, rng: np.random.Generator) -> Frame:
    """Show the view alone on a black 16:9 screen, at the left or the right.

    `beyond` is the share of its width, and half of that of its height, that the screen's edge cuts
    away.
    """
    x0, y0, x1, y1 = view.box
    shown = frame.pixels[y0:y1, x0:x1].copy()
    shown[~_inside(view)[y0:y1, x0:x1]] = 0
    high, wide = shown.shape[:2]
    height = round(high * 1.04)
    width = max(round(height * 16 / 9), round(wide * 1.3))
    screen = np.zeros((height, width, 3), np.uint8)
    margin = round(width * 0.02)
    left = margin if beyond == 0 else -round(wide * beyond)
    top = (height - high) // 2 - round(high * beyond / 2) * int(rng.choice([-1, 1]))
    if rng.random() < 0.5:
        left = width - wide - left
    across = slice(max(left, 0), min(left + wide, width))
    down = slice(max(top, 0), min(top + high, height))
    screen[down, across] = shown[
        down.start - top : down.stop - top, across.start - left : across.stop - left
    ]
    return replaced(frame, screen)


def turn(frame: Frame, _: View, how: str, rng: np.random.Generator) -> Frame:
    """Mirror the frame, turn it by quarters, or by any angle; a scope has no upright."""
    mirrored, quarters, angle = rng.integers(2), rng.integers(1, 4), rng.uniform(15, 345)
    pixels = frame.pixels
    if how == "mirror":
        return replaced(frame, pixels[:, ::-1] if mirrored else pixels[::-1])
    if mirrored:
        pixels = pixels[:, ::-1]
    if how == "quarter":
        return replaced(frame, np.rot90(pixels, int(quarters)))
    turned = Image.fromarray(pixels).rotate(angle, Image.Resampling.BICUBIC, expand=True)
    return replaced(frame, np.asarray(turned))


def _inside(view: View) -> NDArray[np.bool_]:
    """Give where the scope shows anything: the patient, and what is laid over the patient."""
    inside = view.mask.copy()
    for x0, y0, x1, y1 in (*view.insets, *view.texts):
        inside[y0:y1, x0:x1] = True
    return inside
