"""What is drawn over the picture: the scope's mask, insets, text."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

_TEXT_COLOURS: tuple[Colour, ...] = (
    (255, 255, 255),
    (220, 220, 220),
    (255, 255, 0),
    (0, 255, 0),
    (255, 140, 0),
    (0, 200, 255),
)
_WORDS = (
    *("ID:", "Name:", "Sex:", "Age:", "D.O.B.:", "SCV:1", "CVP:8", "Eh:A5"),
    *("Cm:1", "D:N", "F", "E", "4/8", "GIF", "CF-H180AL", "----", "REC", "NBI", "1080p"),
)


def inset(
    picture: Image.Image, shown: Image.Image, where: Image.Image, rng: np.random.Generator
) -> Image.Image:
    """Put a box of any colour, or a picture in the picture, into a corner; blanked or not.

    Gives the outline without what the box hides.
    """
    side = picture.width
    width, height = (max(2, int(value)) for value in rng.uniform(0.1, 0.42, 2) * side)
    left = int(rng.choice([0, side - width]) + rng.normal(0, 0.04) * side)
    top = int(rng.choice([0, side - height]) + rng.normal(0, 0.04) * side)
    box = (left, top, left + width, top + height)
    hidden = ImageDraw.Draw(shown)
    seen = where.copy()
    ImageDraw.Draw(seen).rectangle(box, fill=0)
    if rng.random() < 0.5:
        hidden.rectangle(box, fill=0)
        return seen
    kind = rng.random()
    if kind < 0.25:
        # A smaller picture of the same place, or of its polyp: it is no place in this picture.
        colour = _random_colour(rng)
        ImageDraw.Draw(picture).rectangle(box, fill=colour)
        rim = int(rng.integers(0, 3))
        if width > 2 * rim + 2 and height > 2 * rim + 2:
            small = picture.resize((width - 2 * rim, height - 2 * rim))
            picture.paste(small, (left + rim, top + rim))
    else:
        colour = (0, 0, 0) if kind < 0.5 else _random_colour(rng)
        draw = ImageDraw.Draw(picture)
        draw.rectangle(box, fill=colour)
        if rng.random() < 0.4:
            # A drawing of the scope's way.
            points = rng.uniform(0.15, 0.85, (int(rng.integers(3, 7)), 2)) * (width, height)
            line = [(left + x, top + y) for x, y in points]
            draw.line(line, fill=_random_colour(rng), width=int(rng.integers(1, 5)), joint="curve")
    hidden.rectangle(box, fill=255)
    return seen


def text(picture: Image.Image, hidden: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Burn in some lines of text, or blank them."""
    font = ImageFont.load_default(int(rng.integers(6, 13)))
    lines = "\n".join(_line(rng) for _ in range(rng.integers(1, 6)))
    place = tuple(rng.uniform(0, 0.85, 2) * picture.width)
    draw = ImageDraw.Draw(picture)
    if rng.random() < 0.5:
        hidden.rectangle(draw.multiline_textbbox(place, lines, font, spacing=1), fill=0)
        return
    colour = _TEXT_COLOURS[rng.integers(len(_TEXT_COLOURS))]
    draw.multiline_text(place, lines, colour, font, spacing=1)
    hidden.multiline_text(place, lines, 255, font, spacing=1)


def scope(shown: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Cut what is shown to another scope's mask: octagon, circle, rectangle or a wide screen."""
    side = shown.width
    stencil = Image.new("L", shown.size, 0)
    draw = ImageDraw.Draw(stencil)
    (x0, y0), (x1, y1) = rng.uniform(0, 0.1, 2), rng.uniform(0.9, 1.0, 2)
    shape = rng.integers(5)
    if shape == 3:
        # A wide picture in the square: its aspect is kept.
        y0, y1 = 0.5 - 0.5 * rng.uniform(0.56, 0.85) * np.array([1, -1])
        x0, x1 = 0.0, 1.0
    box = tuple(float(value) for value in np.array([x0, y0, x1, y1]) * side)
    if shape == 0:
        draw.polygon(_octagon(box, rng.uniform(0.05, 0.3) * side), fill=255)
    elif shape == 1:
        draw.ellipse(box, fill=255)
    elif shape == 4:
        draw.rounded_rectangle(box, rng.uniform(0.05, 0.35) * side, fill=255)
    else:
        draw.rectangle(box, fill=255)
    nothing = Image.new("L", shown.size, 0)
    return Image.composite(shown, nothing, stencil)


def _octagon(box: tuple[float, ...], cut: float) -> list[tuple[float, float]]:
    x0, y0, x1, y1 = box
    return [
        (x0 + cut, y0),
        (x1 - cut, y0),
        (x1, y0 + cut),
        (x1, y1 - cut),
        (x1 - cut, y1),
        (x0 + cut, y1),
        (x0, y1 - cut),
        (x0, y0 + cut),
    ]


def _random_colour(rng: np.random.Generator) -> Colour:
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue


def _line(rng: np.random.Generator) -> str:
    if rng.random() < 0.5:
        day, month, year = rng.integers(1, 29), rng.integers(1, 13), rng.integers(2005, 2030)
        return f"{day:02}/{month:02}/{year}"
    return " ".join(rng.choice(_WORDS, rng.integers(1, 4)))
