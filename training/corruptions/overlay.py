"""What lies in front of the patient's picture: insets, letters, instruments."""

import colorsys
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from endolink.model.frame import Frame
from endolink.model.view import View
from endolink.training.corruptions.scope import replaced

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Typefaces that every installation of Matplotlib brings.
_FACES = ("DejaVuSans.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSerif.ttf", "STIXGeneral.ttf")
_INKS = ((255, 255, 255), (250, 230, 40), (90, 240, 120), (110, 220, 250))
_METALS = ((176, 178, 182), (120, 122, 126), (205, 200, 188))
_SHEATHS = ((235, 235, 230), (70, 130, 200), (230, 190, 60), (60, 60, 64))


def inset(frame: Frame, view: View, share: float, rng: np.random.Generator) -> Frame:
    """Cover a corner of the view with a map of the scope's shape, a bare panel or a small picture.

    `share` is the inset's width over the view's.
    """
    x0, y0, x1, y1 = view.box
    wide, high = round((x1 - x0) * share), round((x1 - x0) * share * rng.uniform(0.7, 1.1))
    high = min(high, y1 - y0)
    left, top = int(rng.choice([x0, x1 - wide])), int(rng.choice([y0, y1 - high]))
    colour = _any_colour(rng)
    kind = rng.integers(3)
    if kind == 2:
        panel = Image.fromarray(frame.pixels[:, ::-1]).resize((wide, high))
    else:
        panel = Image.new("RGB", (wide, high), colour)
    draw = ImageDraw.Draw(panel)
    if kind == 1:
        ink = tuple(255 - value for value in colour)
        turns = np.cumsum(rng.normal(0, 0.5, 24)) + rng.uniform(0, 6)
        steps = np.stack([np.cos(turns), np.sin(turns)], 1) * high / 16
        path = np.cumsum(steps, 0) + np.array([wide, high]) / 2
        draw.line([tuple(point) for point in path], ink, max(1, wide // 24), joint="curve")
    if rng.random() < 0.5:
        draw.rectangle((0, 0, wide - 1, high - 1), outline=_any_colour(rng))
    pixels = frame.pixels.copy()
    pixels[top : top + high, left : left + wide] = np.asarray(panel)
    return replaced(frame, pixels)


def remove_inset(frame: Frame, view: View, _: object, __: np.random.Generator) -> Frame:
    """Paint every inset that the view step finds out: mirrored tissue from beside it, or above."""
    pixels = frame.pixels.copy()
    for x0, y0, x1, y1 in view.insets:
        pixels[y0:y1, x0:x1] = _mirrored(pixels, view, (x0, y0, x1, y1))
    return replaced(frame, pixels)


def text(frame: Frame, view: View, lines: int, rng: np.random.Generator) -> Frame:
    """Burn in a patient's line, a clock, a scope's settings: some over the view, some beside it."""
    image = Image.fromarray(frame.pixels)
    draw = ImageDraw.Draw(image)
    x0, y0, x1, y1 = view.box
    size = max(9, round((y1 - y0) * rng.uniform(0.028, 0.042)))
    font = ImageFont.truetype(_face(str(rng.choice(_FACES))), size)
    ink = _INKS[rng.integers(len(_INKS))]
    for _ in range(lines):
        spot = x0 + (x1 - x0) * rng.uniform(0, 0.75), y0 + (y1 - y0) * rng.uniform(0, 0.95)
        written = _written(rng)
        if rng.random() < 0.5:
            draw.text((spot[0] + 1, spot[1] + 1), written, (0, 0, 0), font)
        draw.text(spot, written, ink, font)
    return replaced(frame, np.asarray(image))


def instrument(frame: Frame, view: View, reach: float, rng: np.random.Generator) -> Frame:
    """Push forceps or a snare in from the view's edge, or put a transparent cap around the lens.

    `reach` is how far it comes in, over the view's shorter side; a cap's rim takes a fifth of it.
    """
    kind = rng.integers(3)
    if kind == 2:
        return replaced(frame, _capped(frame, view, reach / 5, rng))
    # Drawn at twice the size and scaled down, so that edges are as smooth as a lens makes them.
    x0, y0, x1, y1 = (2 * value for value in view.box)
    side = min(x1 - x0, y1 - y0)
    layer = Image.new("RGBA", (x1 - x0, y1 - y0), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    # Channels open below: instruments come in from between 3 and 9 o'clock.
    angle = rng.uniform(0.05, 0.95) * np.pi
    middle = np.array([x1 - x0, y1 - y0]) / 2
    inward = -np.array([np.cos(angle), np.sin(angle)])
    start = middle - inward * np.hypot(*middle)
    tip = middle - inward * side * (0.5 - reach)
    if kind == 0:
        metal = _METALS[rng.integers(len(_METALS))]
        _shaft(draw, start, tip, side * 0.06, metal)
        _jaws(draw, tip, inward, width=side * 0.05, colour=metal, opening=rng.uniform(0.2, 0.6))
    else:
        _shaft(draw, start, tip, side * 0.035, _SHEATHS[rng.integers(len(_SHEATHS))])
        _loop(draw, tip, inward, side * reach * 0.5, max(2, round(side * 0.008)))
    small = layer.resize(((x1 - x0) // 2, (y1 - y0) // 2), Image.Resampling.BOX)
    image = Image.fromarray(frame.pixels)
    image.paste(small, (x0 // 2, y0 // 2), small)
    return replaced(frame, np.where(view.mask[:, :, None], np.asarray(image), frame.pixels))


def _any_colour(rng: np.random.Generator) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(*rng.uniform(0, 1, 3))
    return round(red * 255), round(green * 255), round(blue * 255)


@cache
def _face(name: str) -> str:
    return str(Path(mpl.get_data_path(), "fonts", "ttf", name))


def _written(rng: np.random.Generator) -> str:
    clock = "{:02}:{:02}:{:02}".format(*rng.integers(0, (24, 60, 60)))
    letters = "".join(rng.choice(list("ABCDEFGHKLMNPRSTUVW"), 2))
    number = rng.integers(100, 99999)
    return str(
        rng.choice([clock, f"{letters}-{number}", f"{letters}: {number % 10}", f"#{number}"])
    )


def _shaft(
    draw: ImageDraw.ImageDraw,
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    width: float,
    colour: Colour,
) -> None:
    """Draw a lit tube: dark at its rims, bright along a line off its middle."""
    across = np.array([-(end - start)[1], (end - start)[0]]) / np.hypot(*(end - start))
    for part, light in ((1.0, 0.45), (0.75, 0.75), (0.5, 1.0), (0.15, 1.35)):
        shift = across * width * (1 - part) * 0.25
        ends = [tuple(start + shift), tuple(end + shift)]
        draw.line(ends, _lit(colour, light), max(1, round(width * part)))


def _jaws(
    draw: ImageDraw.ImageDraw,
    tip: NDArray[np.float64],
    inward: NDArray[np.float64],
    *,
    width: float,
    colour: Colour,
    opening: float,
) -> None:
    for side in (-1, 1):
        turn = np.arctan2(inward[1], inward[0]) + side * opening
        along = np.array([np.cos(turn), np.sin(turn)])
        for part, light in ((1.0, 0.5), (0.6, 1.1)):
            for step in np.linspace(0, 2.2, 12):
                x, y = tip + along * width * step
                half = width * part * 0.5 * (1 - (step / 2.4) ** 4)
                draw.ellipse((x - half, y - half, x + half, y + half), _lit(colour, light))


def _loop(
    draw: ImageDraw.ImageDraw,
    tip: NDArray[np.float64],
    inward: NDArray[np.float64],
    size: float,
    width: int,
) -> None:
    turn = np.linspace(0, 2 * np.pi, 48)
    across = np.array([-inward[1], inward[0]])
    path = (
        tip
        + np.outer(size * (1 - np.cos(turn)) / 2, inward)
        + np.outer(size * 0.35 * np.sin(turn), across)
    )
    draw.line([tuple(point) for point in path], (40, 40, 42, 255), width + 2, joint="curve")
    draw.line([tuple(point) for point in path], (190, 190, 195, 255), width, joint="curve")


def _capped(frame: Frame, view: View, rim: float, rng: np.random.Generator) -> Pixels:
    x0, y0, x1, y1 = view.box
    height, width = frame.pixels.shape[:2]
    across = (np.arange(width) + 0.5 - (x0 + x1) / 2) / ((x1 - x0) / 2)
    down = (np.arange(height)[:, None] + 0.5 - (y0 + y1) / 2) / ((y1 - y0) / 2)
    shift = rng.uniform(-0.05, 0.05, 2)
    distance = np.hypot(across - shift[0], down - shift[1])
    inner = 1 - 2 * rim
    haze = np.where(distance > inner, 0.3, 0.0) + 0.5 * np.exp(-(((distance - inner) / 0.012) ** 2))
    haze = np.where(view.mask, haze, 0.0)[:, :, None]
    blended = frame.pixels * (1 - haze) + np.array([215, 220, 225]) * haze
    return np.asarray(np.rint(blended), np.uint8)


def _lit(colour: Colour, light: float) -> tuple[int, int, int, int]:
    red, green, blue = (min(255, round(value * light)) for value in colour)
    return red, green, blue, 255


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
