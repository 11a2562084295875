"""One frame, changed: what is drawn, how often, and in which order."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from endolink.training.augment import instrument, light, overlay, processing
from endolink.training.augment.geometry import Zoom, move

Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]

_PICTURE: tuple[tuple[str, Callable[[Image.Image, np.random.Generator], Image.Image]], ...] = (
    ("glint", light.glints),
    ("colour", light.toned),
    ("cast", light.cast),
    ("halation", light.halated),
    ("blur", processing.blurred),
    ("shrink", processing.shrunk),
    ("interlace", processing.interlaced),
    ("noise", processing.noisy),
    ("sharpen", processing.sharpened),
)


@dataclass(frozen=True, eq=False)
class Changed:
    """What the network learns from: `pixels` uint8 S×S×3, and the outline moved alike, S×S."""

    pixels: Pixels
    outline: Pixels


@dataclass(frozen=True)
class Augment:
    """How often each change is made; `size` is the side, in pixels, of what the network trains on.

    `zoom` is the least and the largest share of the square's side that is kept. A change is a
    probability a frame; those that hide something paint it as the view step would (`fill`) half of
    the time, and as a view step that missed it would otherwise: a network must not read anything
    out of a box in the corner, blanked or not, nor out of letters.
    """

    size: int
    fill: Colour
    zoom: Zoom = (0.5, 1.3)
    colour: float = 0.8
    cast: float = 0.1
    halation: float = 0.1
    glint: float = 0.15
    instrument: float = 0.12
    blur: float = 0.25
    shrink: float = 0.2
    sharpen: float = 0.2
    noise: float = 0.15
    interlace: float = 0.06
    jpeg: float = 0.5
    scope: float = 0.35
    inset: float = 0.4
    text: float = 0.35

    def __call__(
        self,
        square: Pixels,
        outline: Pixels,
        rng: np.random.Generator,
        zoom: Zoom | None = None,
    ) -> Changed:
        """Change one square, uint8 S×S×4, whose finding lies in `outline`, uint8 S×S.

        The fourth channel is 255 where a patient is shown.
        """
        moved, where = move(square, outline, self.size, zoom or self.zoom, rng)
        picture, shown = moved.convert("RGB"), moved.getchannel("X").point(_above_half)

        def now(chance: float) -> bool:
            return bool(rng.random() < chance)

        # What belongs to the picture: what is in it, its light ...
        if now(self.instrument):
            where = instrument.draw(picture, where, rng)
        # ... and how the camera and the processor drew it ...
        for name, change in _PICTURE:
            if now(getattr(self, name)):
                picture = change(picture, rng)
        # ... what is drawn over it ...
        hidden = ImageDraw.Draw(shown)
        if now(self.text):
            overlay.text(picture, hidden, rng)
        if now(self.inset):
            where = overlay.inset(picture, shown, where, rng)
        if now(self.jpeg):
            picture = processing.reencoded(picture, rng)
        # ... and what the view step has blanked.
        if now(self.scope):
            shown = overlay.scope(shown, rng)
        canvas = Image.new("RGB", picture.size, self.fill)
        canvas.paste(picture, mask=shown)
        seen = Image.composite(where, Image.new("L", where.size), shown)
        return Changed(np.asarray(canvas), np.asarray(seen))


def _above_half(value: int) -> int:
    return 255 if value > 127 else 0
