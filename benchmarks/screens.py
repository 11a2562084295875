"""Screens that no network of ours has learned from: other rooms' ways of showing the same picture.

Nothing here is shared with `training.augment` or `training.corruptions`, and what is drawn here is
not drawn there: panels beside the view, grounds that are not black, masks of other shapes, round
insets, scripts other than Latin, colours split by brightness, a monitor photographed by hand.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from endolink.model.frame import Frame
from endolink.model.view import View

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]
Screen = Callable[[Frame, View, np.random.Generator], Frame]

_WORDS = (
    *("Пациент", "Дата", "Врач", "Запись", "Колоноскопия", "Όνομα", "Ημερομηνία", "Ασθενής"),
    *("Հիվանդ", "Ամսաթիվ", "პაციენტი", "თარიღი", "Größe", "Čas", "Şöbə"),
)
_ACCENTS: tuple[Colour, ...] = ((90, 200, 120), (240, 180, 60), (120, 170, 250), (250, 250, 250))


def panels(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Show the view at one side of 1920 × 1080, beside it a lit panel with two thumbnails."""
    patient, shape = cut_out(frame, view)
    screen = Image.new("RGB", (1920, 1080), (0, 0, 0))
    high = 1000
    wide = min(1240, round(high * patient.width / patient.height))
    left = bool(rng.random() < 0.5)
    at = (40 if left else 1880 - wide, 40)
    screen.paste(patient.resize((wide, high)), at, shape.resize((wide, high)))
    x0, x1 = (at[0] + wide + 40, 1920) if left else (0, at[0] - 40)
    level = int(rng.integers(25, 75))
    draw = ImageDraw.Draw(screen)
    draw.rectangle((x0, 0, x1, 1080), fill=(level, level + 4, level + 12))
    fields(draw, (x0 + 30, 40), rng, rows=9, size=30)
    for number in range(2):
        small = patient.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((240, 200))
        screen.paste(small, (x0 + 30, 560 + 240 * number))
    return framed(frame, screen)


def light_ground(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Show the view on a light ground with a coloured rim, as reporting software does."""
    patient, shape = cut_out(frame, view)
    ground = int(rng.integers(200, 250))
    margin = round(0.08 * patient.width)
    size = (patient.width + 2 * margin, patient.height + 2 * margin)
    screen = Image.new("RGB", size, (ground, ground, min(255, ground + 5)))
    rim = _ACCENTS[rng.integers(3)]
    wider = shape.filter(ImageFilter.MaxFilter(2 * max(1, patient.width // 160) + 1))
    screen.paste(rim, (margin, margin), wider)
    screen.paste(patient, (margin, margin), shape)
    return framed(frame, screen)


def odd_mask(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Cut the view to a hexagon, to a circle cut on one side, or to one with a notch."""
    x0, y0, x1, y1 = view.box
    cut = Image.new("L", (frame.width, frame.height), 0)
    draw = ImageDraw.Draw(cut)
    wide, high = x1 - x0, y1 - y0
    kind = rng.integers(3)
    if kind == 0:
        turn = np.linspace(0, 2 * np.pi, 6, endpoint=False)
        ring = np.stack([np.cos(turn) * wide / 2, np.sin(turn) * high / 2], 1)
        draw.polygon([tuple(p) for p in ring + np.array([x0 + x1, y0 + y1]) / 2], fill=255)
    else:
        draw.ellipse((x0, y0, x1, y1), fill=255)
        if kind == 1:
            draw.rectangle((x0, y0, x0 + 0.18 * wide, y1), fill=0)
        else:
            middle = (x0 + x1) / 2
            notch = [
                (middle - 0.1 * wide, y0),
                (middle + 0.1 * wide, y0),
                (middle, y0 + 0.12 * high),
            ]
            draw.polygon(notch, fill=0)
    dark = Image.new("RGB", cut.size, (0, 0, 0))
    dark.paste(Image.fromarray(frame.pixels), mask=cut)
    return framed(frame, dark)


def round_inset(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Lay a round inset with a needle over a corner: a compass, or a probe's position."""
    screen = Image.fromarray(frame.pixels)
    draw = ImageDraw.Draw(screen)
    x0, y0, x1, y1 = view.box
    across = round(rng.uniform(0.18, 0.28) * min(x1 - x0, y1 - y0))
    left = x0 + round(0.06 * (x1 - x0)) if rng.random() < 0.5 else x1 - across - (x1 - x0) // 16
    top = y1 - across - round(0.06 * (y1 - y0))
    box = (left, top, left + across, top + across)
    draw.ellipse(box, fill=(20, 40, 60), outline=_ACCENTS[rng.integers(4)], width=across // 20 + 1)
    angle = rng.uniform(0, 2 * np.pi)
    centre = np.array([left, top]) + across / 2
    tip = centre + np.array([np.cos(angle), np.sin(angle)]) * across * 0.4
    draw.line([tuple(centre), tuple(tip)], fill=_ACCENTS[rng.integers(4)], width=across // 14 + 1)
    return framed(frame, screen)


def scripts(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Lay a translucent strip over the view's foot, with words in other scripts; more above."""
    screen = Image.fromarray(frame.pixels).convert("RGBA")
    layer = Image.new("RGBA", screen.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    x0, y0, x1, y1 = view.box
    high = y1 - y0
    draw.rectangle((x0, y1 - round(0.13 * high), x1, y1), fill=(30, 60, 110, 130))
    at = (x0 + round(0.14 * (x1 - x0)), y1 - round(0.12 * high))
    fields(draw, at, rng, rows=2, size=max(9, round(0.045 * high)))
    fields(draw, (at[0], y0 + round(0.1 * high)), rng, rows=2, size=max(9, round(0.04 * high)))
    return framed(frame, Image.alpha_composite(screen, layer).convert("RGB"))


def split_tones(frame: Frame, _: View, rng: np.random.Generator) -> Frame:
    """Give shadows one colour and highlights another, as linked-colour modes do."""
    cast = rng.uniform(-1, 1, 3)
    cast = (cast - cast.mean()) * 50
    levels = np.arange(256)
    high = 1 / (1 + np.exp(-(levels - 128) / 32.0))
    pixels = frame.pixels.astype(np.float32)
    light = pixels.mean(2).astype(np.intp)
    pixels += ((high[light] - (1 - high[light]) * 0.7)[..., None]) * cast
    grey = pixels.mean(2, keepdims=True)
    pixels = grey + (pixels - grey) * 1.25
    pixels[frame.pixels.max(2) < 12] = 0
    return framed(frame, Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))


def filmed(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Photograph the monitor by hand: askew, with its bezel, stripes and uneven light."""
    screen = panels(frame, view, rng) if rng.random() < 0.3 else frame
    image = Image.fromarray(screen.pixels)
    image.thumbnail((1280, 960))
    wide, high = round(image.width * 1.2), round(image.height * 1.2)
    room = Image.new("RGB", (wide, high), (38, 36, 34))
    ImageDraw.Draw(room).rectangle(
        (0.05 * wide, 0.05 * high, 0.95 * wide, 0.95 * high), fill=(12, 12, 13)
    )
    room.paste(image, ((wide - image.width) // 2, (high - image.height) // 2))
    corners = np.array([[0, 0], [0, high], [wide, high], [wide, 0]], float)
    inward = np.sign(np.array([wide, high]) - 2 * corners)
    askew = corners + rng.uniform(0.0, 0.06, (4, 2)) * [wide, high] * inward
    photo = room.transform(
        (wide, high), Image.Transform.QUAD, tuple(askew.ravel()), Image.Resampling.BILINEAR
    )
    y, x = np.mgrid[:high, :wide].astype(np.float32)
    stripes = 1 + 0.04 * np.sin((x * rng.uniform(0.5, 1) + y * rng.uniform(-0.3, 0.3)) * 2.2)
    light = 0.85 + 0.3 * (x / wide if rng.random() < 0.5 else y / high)
    pixels = np.asarray(photo, np.float32) * (stripes * light)[..., None] + 6
    return framed(frame, Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))


def all_at_once(frame: Frame, view: View, rng: np.random.Generator) -> Frame:
    """Lay a mask, tones and words over it, and show that at the side of a 1080p screen."""
    for change in (odd_mask, split_tones, scripts):
        frame = change(frame, view, rng)
    return panels(frame, view, rng)


SCREENS: dict[str, tuple[str, Screen]] = {
    "panels": ("1080p, lit panel and thumbnails beside", panels),
    "light-ground": ("light ground, coloured rim", light_ground),
    "odd-mask": ("hexagon, cut circle, notch", odd_mask),
    "round-inset": ("round inset with a needle", round_inset),
    "scripts": ("strip and words in other scripts", scripts),
    "split-tones": ("shadows and highlights of two colours", split_tones),
    "filmed": ("a monitor photographed by hand", filmed),
    "all-at-once": ("mask, tones, words and panels", all_at_once),
}
"""Each screen: what it looks like, and how it is drawn."""


def cut_out(frame: Frame, view: View) -> tuple[Image.Image, Image.Image]:
    """Cut the scope's picture out, and its shape with it."""
    x0, y0, x1, y1 = view.box
    shape = view.mask.copy()
    for left, top, right, bottom in (*view.insets, *view.texts):
        shape[top:bottom, left:right] = True
    shown = Image.fromarray(shape[y0:y1, x0:x1])
    return Image.fromarray(frame.pixels[y0:y1, x0:x1]), shown.convert("L")


def fields(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    rng: np.random.Generator,
    *,
    rows: int,
    size: int,
) -> None:
    font = ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts/ttf/DejaVuSans.ttf")), size)
    for row in range(rows):
        words = " ".join(rng.choice(_WORDS, 2))
        ink = _ACCENTS[rng.integers(len(_ACCENTS))]
        draw.text((at[0], at[1] + row * size * 1.5), f"{words} {rng.integers(10000)}", ink, font)


def framed(frame: Frame, image: Image.Image) -> Frame:
    pixels = np.ascontiguousarray(np.asarray(image.convert("RGB")))
    pixels.setflags(write=False)
    return replace(frame, pixels=pixels, width=image.width, height=image.height)
