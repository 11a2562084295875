"""Frames as other scopes, processors and links would have shown them.

Everything here is drawn from a generator made of (seed, epoch, frame), so that a run is the same
whatever the workers, and goes on the same after a stop. The work is done by Pillow, frame by frame,
at about a millisecond each: `torchvision.transforms.v2` draws one set of parameters a batch or
costs several times as much a frame, and its JPEG needs a compiled operator.
"""

import io
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]

_LEVELS = np.arange(256, dtype=np.float32) / 255
_TEXT_COLOURS: tuple[Colour, ...] = (
    (255, 255, 255),
    (220, 220, 220),
    (255, 255, 0),
    (0, 255, 0),
    (255, 140, 0),
)
_WORDS = (
    *("ID:", "Name:", "Sex:", "Age:", "D.O.B.:", "SCV:1", "CVP:8", "Eh:A5"),
    *("Cm:1", "D:N", "F", "E", "4/8", "GIF", "CF-H180AL", "----"),
)


@dataclass(frozen=True)
class Augment:
    """How often each change is made; `size` is the side, in pixels, of what the network trains on.

    `zoom` is the least share of the square's side that is kept. A change is a probability a frame;
    those that hide something paint it as the view step would (`fill`) half of the time, and as a
    view step that missed it would otherwise: a network must not read anything out of a box in the
    corner, blanked or not, nor out of letters.
    """

    size: int
    fill: Colour
    zoom: float = 0.65
    colour: float = 0.8
    blur: float = 0.2
    jpeg: float = 0.5
    scope: float = 0.3
    inset: float = 0.5
    text: float = 0.4
    glint: float = 0.1

    def __call__(self, square: Pixels, rng: np.random.Generator) -> Pixels:
        """Change one cached square, uint8 S×S×4, into what is learned from: uint8 size×size×3."""
        moved = self._move(square, rng)
        picture, shown = moved.convert("RGB"), moved.getchannel("X").point(_above_half)
        # What belongs to the picture, its light and its processing ...
        if rng.random() < self.glint:
            _glints(picture, rng)
        if rng.random() < self.colour:
            picture = picture.point(_tables(rng))
        if rng.random() < self.blur:
            picture = _blurred(picture, rng)
        # ... what the processor draws over it ...
        hidden = ImageDraw.Draw(shown)
        if rng.random() < self.text:
            self._text(picture, hidden, rng)
        if rng.random() < self.inset:
            self._inset(picture, hidden, rng)
        if rng.random() < self.jpeg:
            picture = _reencoded(picture, rng)
        # ... and what the view step has blanked.
        if rng.random() < self.scope:
            shown = self._scope(shown, rng)
        canvas = Image.new("RGB", picture.size, self.fill)
        canvas.paste(picture, mask=shown)
        return np.asarray(canvas)

    def _move(self, square: Pixels, rng: np.random.Generator) -> Image.Image:
        """Turn, mirror, stretch a little, zoom and shift, in one resampling."""
        side = square.shape[0]
        angle = rng.uniform(0, 2 * pi) if rng.random() < 0.7 else rng.integers(4) * pi / 2
        scale = rng.uniform(self.zoom, 1.05) * side / self.size
        stretch = rng.uniform(0.92, 1.09)
        mirror = 1 if rng.random() < 0.5 else -1
        a, b = cos(angle) * scale * stretch * mirror, -sin(angle) * scale / stretch
        d, e = sin(angle) * scale * stretch * mirror, cos(angle) * scale / stretch
        slack = side * max(0.0, 1 - scale * self.size / side) / 2
        centre_x, centre_y = side / 2 + rng.uniform(-slack, slack, 2)
        half = self.size / 2
        matrix = (a, b, centre_x - (a + b) * half, d, e, centre_y - (d + e) * half)
        # RGBX, not RGBA: Pillow would multiply by an alpha channel, there and back.
        image = Image.frombuffer("RGBX", (side, side), square.tobytes(), "raw", "RGBX", 0, 1)
        return image.transform(
            (self.size, self.size), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )

    def _inset(
        self, picture: Image.Image, hidden: ImageDraw.ImageDraw, rng: np.random.Generator
    ) -> None:
        width, height = rng.uniform(0.12, 0.42, 2) * self.size
        left = rng.choice([0.0, self.size - width]) + rng.normal(0, 0.04) * self.size
        top = rng.choice([0.0, self.size - height]) + rng.normal(0, 0.04) * self.size
        box = (left, top, left + width, top + height)
        if rng.random() < 0.5:
            hidden.rectangle(box, fill=0)
            return
        colour: Colour = (0, 0, 0)
        if rng.random() < 0.6:
            colour = _random_colour(rng)
        ImageDraw.Draw(picture).rectangle(box, fill=colour)
        hidden.rectangle(box, fill=255)

    def _text(
        self, picture: Image.Image, hidden: ImageDraw.ImageDraw, rng: np.random.Generator
    ) -> None:
        font = ImageFont.load_default(int(rng.integers(6, 12)))
        text = "\n".join(_line(rng) for _ in range(rng.integers(1, 6)))
        place = tuple(rng.uniform(0, 0.8, 2) * self.size)
        draw = ImageDraw.Draw(picture)
        if rng.random() < 0.5:
            hidden.rectangle(draw.multiline_textbbox(place, text, font, spacing=1), fill=0)
            return
        colour = _TEXT_COLOURS[rng.integers(len(_TEXT_COLOURS))]
        draw.multiline_text(place, text, colour, font, spacing=1)
        hidden.multiline_text(place, text, 255, font, spacing=1)

    def _scope(self, shown: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Cut what is shown to another scope's mask: octagon, circle or rectangle."""
        stencil = Image.new("L", shown.size, 0)
        draw = ImageDraw.Draw(stencil)
        (x0, y0), (x1, y1) = rng.uniform(0, 0.1, 2), rng.uniform(0.9, 1.0, 2)
        box = tuple(np.array([x0, y0, x1, y1]) * self.size)
        shape = rng.integers(3)
        if shape == 0:
            cut = rng.uniform(0.1, 0.3) * self.size
            draw.polygon(_octagon(box, cut), fill=255)
        elif shape == 1:
            draw.ellipse(box, fill=255)
        else:
            draw.rectangle(box, fill=255)
        nothing = Image.new("L", shown.size, 0)
        return Image.composite(shown, nothing, stencil)


def _above_half(value: int) -> int:
    return 255 if value > 127 else 0


def _tables(rng: np.random.Generator) -> list[int]:
    """Draw white balance, brightness, contrast and gamma as one look-up table a channel."""
    gain = rng.uniform(0.75, 1.25) * rng.uniform(0.88, 1.12, 3)
    gamma = np.exp(rng.uniform(-0.3, 0.3))
    contrast, level = rng.uniform(0.8, 1.25), rng.uniform(0.3, 0.6)
    curve = (_LEVELS**gamma - level) * contrast + level
    tables = np.clip(curve * gain[:, None], 0, 1) * 255
    return [int(value) for value in tables.round().ravel()]


def _blurred(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    if rng.random() < 0.5:
        return picture.filter(ImageFilter.BoxBlur(rng.uniform(0.4, 1.6)))
    side = round(picture.width * rng.uniform(0.35, 0.8))
    return picture.resize((side, side), Image.Resampling.BILINEAR).resize(
        picture.size, Image.Resampling.BILINEAR
    )


def _reencoded(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=int(rng.integers(30, 96)))
    return Image.open(buffer)


def _glints(picture: Image.Image, rng: np.random.Generator) -> None:
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(1, 8)):
        x, y = rng.uniform(0, picture.width, 2)
        wide, high = rng.uniform(1, 7, 2)
        draw.ellipse((x - wide, y - high, x + wide, y + high), fill=(250, 250, 245))


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
