"""Instruments in view: forceps, snares, a transparent cap."""

import numpy as np
from PIL import Image, ImageDraw

_METAL = ((205, 205, 210), (150, 152, 158), (90, 92, 98), (60, 110, 190), (30, 30, 34))


def draw(picture: Image.Image, where: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Draw one of them; gives the outline without what it hides."""
    kind = rng.integers(3)
    seen = where.copy()
    if kind == 0:
        _forceps(picture, seen, rng)
    elif kind == 1:
        _snare(picture, rng)
    else:
        _cap(picture, rng)
    return seen


def _forceps(picture: Image.Image, seen: Image.Image, rng: np.random.Generator) -> None:
    """Draw a shaft that comes in from the rim, shaded across, with a tip."""
    side = picture.width
    angle = rng.uniform(0, 2 * np.pi)
    out = np.array([np.cos(angle), np.sin(angle)])
    start = side / 2 + out * side * 0.75
    end = side / 2 + out * side * rng.uniform(-0.05, 0.3) + rng.normal(0, 0.08, 2) * side
    across = np.array([-out[1], out[0]])
    thick = rng.uniform(0.04, 0.13) * side
    colour = np.array(_METAL[rng.integers(len(_METAL))])
    drawing, hidden = ImageDraw.Draw(picture), ImageDraw.Draw(seen)
    for step in np.linspace(1, 0.1, 5):
        shade = tuple(int(value) for value in np.clip(colour * (1.35 - 0.8 * step), 0, 255))
        wide = across * thick / 2 * step
        corners = [tuple(p) for p in (start + wide, end + wide, end - wide, start - wide)]
        drawing.polygon(corners, fill=shade)
        if step == 1:
            hidden.polygon(corners, fill=0)
    if rng.random() < 0.6:
        for sign in (-1, 1):
            jaw = end - out * thick * 1.3 + sign * across * thick * rng.uniform(0.1, 0.6)
            drawing.line([tuple(end), tuple(jaw)], fill=tuple(colour), width=max(1, int(thick / 3)))


def _snare(picture: Image.Image, rng: np.random.Generator) -> None:
    """Draw a wire's loop, with its sheath."""
    side = picture.width
    middle = rng.uniform(0.25, 0.75, 2) * side
    wide, high = rng.uniform(0.06, 0.22, 2) * side
    turn = np.linspace(0, 2 * np.pi, 24)
    tilt = rng.uniform(0, 2 * np.pi)
    round_ = np.stack([np.cos(turn) * wide, np.sin(turn) * high], 1)
    way = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    points = [tuple(point) for point in round_ @ way.T + middle]
    colour = _METAL[rng.integers(len(_METAL))]
    drawing = ImageDraw.Draw(picture)
    drawing.line(points, fill=colour, width=int(rng.integers(1, 4)), joint="curve")
    away = (np.array(points[0]) - middle) * 12 + middle
    drawing.line([points[0], tuple(away)], fill=colour, width=int(rng.integers(3, 9)))


def _cap(picture: Image.Image, rng: np.random.Generator) -> None:
    """Lay a transparent cap's ring over the rim: lighter, with bright edges."""
    side = picture.width
    radius = rng.uniform(0.38, 0.5) * side
    x, y = side / 2 + rng.normal(0, 0.02, 2) * side
    ring = Image.new("L", picture.size, int(rng.integers(20, 110)))
    ImageDraw.Draw(ring).ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    picture.paste(Image.new("RGB", picture.size, (200, 200, 205)), mask=ring)
    inner = (x - radius, y - radius, x + radius, y + radius)
    drawing = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(1, 4))):
        start = rng.uniform(0, 360)
        drawing.arc(inner, start, start + rng.uniform(20, 140), (235, 235, 235), 2)
