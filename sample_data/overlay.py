"""What the processor puts round and over the scope's picture: mask, insets, burned-in text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from endolink.sample_data.scene import Box, Inset, MaskShape, Text

Point = tuple[float, float]


def outline(shape: MaskShape, box: Box) -> tuple[Point, ...]:
    """Return the polygon, in pixels, of a scope mask that fills `box`."""
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    if shape == "rectangle":
        return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    if shape == "octagon":
        cut = 0.21 * min(width, height)
        return (
            (x0 + cut, y0), (x1 - cut, y0), (x1, y0 + cut), (x1, y1 - cut),
            (x1 - cut, y1), (x0 + cut, y1), (x0, y1 - cut), (x0, y0 + cut),
        )  # fmt: skip
    if shape == "circle":
        radius = min(width, height) / 2
        turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        return tuple((cx + radius * float(np.cos(a)), cy + radius * float(np.sin(a))) for a in turn)
    corner = 0.14 * min(width, height)
    centres = (
        (x1 - corner, y1 - corner, 0.0), (x0 + corner, y1 - corner, 90.0),
        (x0 + corner, y0 + corner, 180.0), (x1 - corner, y0 + corner, 270.0),
    )  # fmt: skip
    points = []
    for cx, cy, begin in centres:
        for degrees in np.linspace(begin, begin + 90, 13):
            angle = np.radians(degrees)
            points.append((cx + corner * float(np.cos(angle)), cy + corner * float(np.sin(angle))))
    return tuple(points)


def polygon_mask(polygon: tuple[Point, ...], width: int, height: int) -> NDArray[np.bool_]:
    """Mark, H x W, the pixels whose centre lies in a convex polygon given clockwise."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    inside = np.ones((height, width), np.bool_)
    for (ax, ay), (bx, by) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        inside &= (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0
    return inside


def draw_inset(picture: Image.Image, inset: Inset) -> Box:
    """Paint a navigation picture, the scope's coil on a plain ground; return its box."""
    box = inset.box(*picture.size)
    x0, y0, x1, y1 = box
    draw = ImageDraw.Draw(picture)
    draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=inset.colour)
    if sum(inset.colour) == 0:
        return box
    light = tuple(min(255, 90 + channel) for channel in inset.colour)
    t = np.linspace(0, 1, 60)
    radius = 0.16 + 0.2 * t
    turn = 0.6 + 4.6 * t
    xs = x0 + (x1 - x0) * (0.52 + radius * np.cos(turn))
    ys = y0 + (y1 - y0) * (0.48 + radius * np.sin(turn))
    course = [(float(px), float(py)) for px, py in zip(xs, ys, strict=True)]
    draw.line(course, fill=light, width=max(3, (x1 - x0) // 22), joint="curve")
    return box


def write(picture: Image.Image, text: Text) -> tuple[Box, ...]:
    """Burn the lines in with Pillow's own font; one box, clipped to the frame, for each line."""
    font = ImageFont.load_default(size=text.size)
    draw = ImageDraw.Draw(picture)
    boxes = []
    x, y = text.at
    for line in text.lines:
        left, top, right, bottom = draw.textbbox((x, y), line, font=font)
        draw.text((x, y), line, font=font, fill=text.colour)
        boxes.append(
            (
                max(0, int(np.floor(left))),
                max(0, int(np.floor(top))),
                min(picture.width, int(np.ceil(right))),
                min(picture.height, int(np.ceil(bottom))),
            )
        )
        y += round(text.size * 1.35)
    return tuple(boxes)
