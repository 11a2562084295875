"""What one frame of an epoch is drawn as, so that the class does not go with the look.

Public sets are photographed class by class: polyps at one scope with one mask, a clean cecum at
another. A network that learns the look is right on every held-out frame and wrong in the next
hospital. So the look is parted from the class: polyps are transplanted into frames without,
frames with a polyp are cropped or covered until none is left, tones and masks are exchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from endolink.training.augment import Augment
from endolink.training.augment.geometry import Zoom
from endolink.training.frames import Drawings, Frames
from endolink.training.recipe import Recipe
from endolink.training.transplant import graft

Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]

_TRIES = 8
# A lesion on a smaller share of the picture is too small to ask for ...
_SMALLEST = 0.002
# ... and one that has lost more than this share of itself to the rim, too.
_LEAST_LEFT = 0.25
_NEAR: Zoom = (0.75, 1.1)


@dataclass(frozen=True)
class Chances:
    """How often a frame is drawn otherwise than it is.

    `lesion_free` is the share of frames with a traced lesion that are drawn without it,
    `transplant` that of frames without that are given one, `seam` that of frames without that are
    given a patch of mucosa, `tone` and `mask` those that take the colours and the shape of the view
    of another frame, `heal` those whose blanked parts are filled from the rest of the view.
    """

    lesion_free: float = 0.2
    transplant: float = 0.4
    seam: float = 0.1
    tone: float = 0.3
    mask: float = 0.25
    heal: float = 0.3


def drawer_of(
    frames: Frames,
    recipe: Recipe,
    chances: Chances = Chances(),
    adjust: Callable[[Augment], Augment] | None = None,
) -> "Drawer":
    """Make what draws `frames` as `recipe` says; `adjust` may leave changes out."""
    augment = Augment(recipe.train_size, recipe.preprocess.fill)
    augment = replace(
        augment, colour=augment.colour * recipe.colour, cast=augment.cast * recipe.colour
    )
    if adjust is not None:
        augment = adjust(augment)
    return Drawer(frames, augment, replace(chances, tone=chances.tone * recipe.colour))


@dataclass(frozen=True, eq=False)
class Example:
    """A frame to learn from.

    `pixels` is uint8 S×S×3; `present` and `known` are its labels, bool [findings]; `outline` is
    uint8 S×S, 255 where the lesion lies, and holds where `traced`.
    """

    pixels: Pixels
    present: Bools
    known: Bools
    outline: Pixels
    traced: bool


class Drawer:
    """Draws examples of `frames`; nothing but the generator given decides how."""

    def __init__(self, frames: Frames, augment: Augment, chances: Chances) -> None:
        self.frames, self.augment, self.chances = frames, augment, chances
        self.drawings = frames.drawings or _plain(frames)
        lesion, count = self.drawings.lesion, len(frames)
        self.lesion = lesion
        here = np.zeros(count, bool) if lesion is None else frames.present[:, lesion]
        absent = np.zeros(count, bool)
        if lesion is not None:
            absent = frames.known[:, lesion] & ~here
        self.traced = here & self.drawings.traced[frames.rows]
        self.absent = absent
        self.donors, self.healthy = np.flatnonzero(self.traced), np.flatnonzero(absent)

    def __call__(self, row: int, rng: np.random.Generator) -> Example:
        """Draw position `row` of the frames."""
        frames, chances, lesion = self.frames, self.chances, self.lesion
        present, known = frames.present[row].copy(), frames.known[row].copy()
        square, outline = self._square(row), self._outline(row)
        traced = bool(self.traced[row] or self.absent[row])
        zoom: Zoom | None = None if traced or lesion is None else _NEAR
        if lesion is not None and self.traced[row] and rng.random() < chances.lesion_free:
            bare = self._without(square, outline, rng)
            if bare is not None:
                square, outline, zoom = bare, np.zeros(bare.shape[:2], np.uint8), _NEAR
                present[lesion] = False
                # What is left of the frame may well be clean, or the cecum: nobody said.
                known[:] = False
                known[lesion] = True
        elif lesion is not None and self.absent[row]:
            if len(self.donors) and rng.random() < chances.transplant:
                lies = self._transplanted(square, rng)
                if lies is not None:
                    outline, present[lesion] = lies, True
            elif len(self.donors) and rng.random() < chances.seam:
                self._seamed(square, rng)
        outline = self._restyled(square, outline, rng)
        whole = float((outline > 127).mean())
        changed = self.augment(square, outline, rng, zoom)
        if lesion is not None and traced and present[lesion]:
            left = float((changed.outline > 127).mean())
            if left == 0.0:
                present[lesion] = False
            elif left < max(_SMALLEST, _LEAST_LEFT * whole):
                known[lesion] = False
        return Example(changed.pixels, present, known, changed.outline, traced)

    def _restyled(self, square: Pixels, outline: Pixels, rng: np.random.Generator) -> Pixels:
        """Exchange tones and masks with other frames, in place; where the lesion then lies."""
        chances, count = self.chances, len(self.frames)
        if rng.random() < chances.tone:
            _tone(square, self._square(int(rng.integers(count))), rng)
        if rng.random() < chances.heal:
            outline = _heal(square, outline)
        if rng.random() < chances.mask:
            other = self._square(int(rng.integers(count)))
            if other.shape == square.shape:
                np.minimum(square[..., 3], other[..., 3], out=square[..., 3])
        return outline

    def _square(self, row: int) -> Pixels:
        return np.array(self.drawings.squares[self.frames.rows[row]])

    def _outline(self, row: int) -> Pixels:
        return np.asarray(self.drawings.outlines[self.frames.rows[row]])

    def _without(self, square: Pixels, outline: Pixels, rng: np.random.Generator) -> Pixels | None:
        """Draw a frame without its lesion: a part that has none, or mucosa laid over it."""
        if rng.random() < 0.5 or not len(self.healthy):
            return _part(square, outline, rng)
        if float((outline > 127).mean()) > 0.3:
            return None
        rows, columns = np.nonzero(outline[::2, ::2] > 0)
        rows, columns = 2 * rows, 2 * columns
        middle = (float(np.ptp(columns)) / 2 + columns.min(), float(np.ptp(rows)) / 2 + rows.min())
        # Turned at random, a disc about the lesion covers it whatever its shape.
        reach = float(np.hypot(columns - middle[0], rows - middle[1]).max())
        length = 2.1 * reach + 0.05 * len(square)
        side = len(square)
        if length > 0.8 * side:
            return None
        donor = self._square(int(rng.choice(self.healthy)))
        disc = _disc(side, rng, min(length, 0.6 * side))
        lies = graft(square, donor, disc, rng, length=length, centre=middle)
        return None if lies is None else square

    def _transplanted(self, square: Pixels, rng: np.random.Generator) -> Pixels | None:
        """Give a frame a lesion of another; where that lies."""
        side = len(square)
        for _ in range(_TRIES):
            donor = int(rng.choice(self.donors))
            stencil = self._outline(donor)
            share = float((stencil > 127).mean())
            if not 0.001 < share < 0.35:
                continue
            length = float(np.exp(rng.uniform(np.log(0.09), np.log(0.45)))) * side
            at = tuple(rng.uniform(0.12, 0.88, 2) * side)
            lies = graft(square, self._square(donor), stencil, rng, length=length, centre=at)
            if lies is not None:
                return lies
        return None

    def _seamed(self, square: Pixels, rng: np.random.Generator) -> None:
        """Lay mucosa of another frame over a place, as a lesion would be laid."""
        side = len(square)
        for _ in range(_TRIES):
            # A frame's lesion must not be what is laid: its outline is shifted off it.
            donor = int(rng.choice(self.healthy))
            shape = self._outline(int(rng.choice(self.donors)))
            length = float(np.exp(rng.uniform(np.log(0.09), np.log(0.45)))) * side
            at = tuple(rng.uniform(0.12, 0.88, 2) * side)
            patch = self._square(donor)
            if graft(square, patch, shape, rng, length=length, centre=at) is not None:
                return


def _plain(frames: Frames) -> Drawings:
    """Draw from the squares themselves, with no outline."""
    nowhere = np.broadcast_to(np.uint8(0), frames.squares.shape[:3])
    return Drawings(frames.squares, nowhere, np.zeros(len(frames.squares), bool), None)


def _part(square: Pixels, outline: Pixels, rng: np.random.Generator) -> Pixels | None:
    """Cut out a square part without the lesion, most of which is shown."""
    side = len(square)
    for _ in range(2 * _TRIES):
        length = int(rng.uniform(0.35, 0.7) * side)
        x, y = (int(value) for value in rng.integers(0, side - length, 2))
        window = np.s_[y : y + length, x : x + length]
        if not outline[window].any() and (square[window][..., 3] > 127).mean() > 0.6:
            return np.ascontiguousarray(square[window])
    return None


def _disc(side: int, rng: np.random.Generator, length: float) -> Pixels:
    y, x = np.mgrid[:side, :side]
    middle = rng.uniform(0.4, 0.6, 2) * side
    inside = np.hypot(x - middle[0], y - middle[1]) < length / 2
    return np.where(inside, np.uint8(255), np.uint8(0))


def _tone(square: Pixels, other: Pixels, rng: np.random.Generator) -> None:
    """Give a square the mean and the spread of another's colours, in place.

    After Reinhard et al., "Color Transfer between Images", IEEE CG&A 2001, in RGB.
    """
    mine, theirs = square[::8, ::8].astype(np.float32), other[::8, ::8].astype(np.float32)
    own, wanted = mine[mine[..., 3] > 127][:, :3], theirs[theirs[..., 3] > 127][:, :3]
    if len(own) < 50 or len(wanted) < 50:
        return
    much = rng.uniform(0.5, 1.0)
    mean = own.mean(0) * (1 - much) + wanted.mean(0) * much
    spread = own.std(0) * (1 - much) + wanted.std(0) * much
    gain = np.clip(spread / (own.std(0) + 1), 0.5, 2.0)
    levels = np.arange(256)[:, None]
    tables = np.clip((levels - own.mean(0)) * gain + mean, 0, 255).astype(np.uint8)
    for channel in range(3):
        square[..., channel] = tables[:, channel][square[..., channel]]


def _heal(square: Pixels, outline: Pixels) -> Pixels:
    """Fill what is blanked with the mirrored view where that is shown, in place.

    Gives the outline with what lies in the filled parts.
    """
    healed = outline.copy()
    for turn in (np.s_[:, ::-1], np.s_[::-1], np.s_[::-1, ::-1]):
        mirrored = square[turn]
        wanting = (square[..., 3] <= 127) & (mirrored[..., 3] > 127)
        square[wanting] = mirrored[wanting]
        healed[wanting] = healed[turn][wanting]
    return healed
