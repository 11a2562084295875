"""Insets: the rectangles that a processor or a recorder drew over the patient's picture."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
Mask = NDArray[np.bool_]

# Lengths are shares of the picture's longer side, areas of the whole picture.
SHORTEST_EDGE = 0.06
LARGEST_INSET = 0.35
MOST_INSETS = 4
# So many lines of either direction are combined into rectangles, so many of these looked into.
MOST_LINES = 12
MOST_TRIED = 16
# A step is this high on CURVE, on which black beside dark tissue is a step as well.
STEP = 14
CURVE = np.round(255 * np.log1p(np.arange(256) / 20) / np.log1p(255 / 20)).astype(np.uint8)
# The share of each side, and of the whole outline, that is a step or where none can be told. Chance
# gives 0.4 on wet or stool-covered mucosa.
SIDE_SHOWN = 0.6
OUTLINE_SHOWN = 0.84
# An inset is black; or it is drawn by steps and of one colour (within so many levels) in so many of
# its pixels; or it is a second picture, then large enough and drawn by steps on every side.
EMPTY = 0.05
BLACK_FLAT, PLAIN_FLAT, FLAT_WITHIN = 0.8, 0.5, 3
PLAIN_DRAWN, PICTURE_DRAWN, PICTURE_SIDE = 0.8, 0.86, 0.7
SMALLEST_PICTURE = 0.12


def find_insets(colours: NDArray[np.uint8], lit: Mask, written: Mask) -> list[Box]:
    """Find the rectangles (x0, y0, x1, y1) drawn into a picture of at most 255 pixels a side.

    `colours` is uint8 H×W×3; `lit` and `written` are bool H×W, True where it is not black and where
    there is text, whose lines are straight as well. Tissue has no edges that are straight, level or
    upright, and sharp over a twentieth of the picture: so every two such upright lines are tried as
    a rectangle with every two level ones, the picture's own borders among them.
    """
    shortest = max(6, round(SHORTEST_EDGE * max(lit.shape)))
    if min(lit.shape) < 2 * shortest:
        return []
    planes = np.take(CURVE, colours.transpose(2, 0, 1))
    upright = _steps(planes, axis=2) & ~written
    level = np.ascontiguousarray(_steps(planes, axis=1).T) & ~written.T
    picture = _Picture(colours, lit.copy(), ~lit | written, upright, level, shortest)
    found: list[Box] = []
    while len(found) < MOST_INSETS:
        box = _best_inset(picture)
        if box is None:
            break
        box = _to_border(box, picture.lit)
        found.append(box)
        picture.forget(box)
    return found


@dataclass(frozen=True, eq=False)
class _Picture:
    """What is known of a picture, H×W; `level` is W×H, so that its lines are columns as well."""

    colours: NDArray[np.uint8]
    lit: Mask
    blank: Mask  # black or written on: no step can be told
    upright: Mask
    level: Mask
    shortest: int

    def forget(self, box: Box) -> None:
        """Take an inset away; its sides speak for no other."""
        x0, y0, x1, y1 = box
        around = np.s_[max(0, y0 - 2) : y1 + 2, max(0, x0 - 2) : x1 + 2]
        self.upright[around] = self.level.T[around] = self.lit[around] = False
        self.blank[around] = True


def _steps(planes: NDArray[np.uint8], axis: int) -> Mask:
    """Mark the sharp steps of uint8 C×H×W planes along `axis`: bool H×W, at most 2 pixels wide."""
    moved = planes.swapaxes(1, axis)
    before, after = moved[:, :-2], moved[:, 2:]
    height = (np.maximum(before, after) - np.minimum(before, after)).max(axis=0)
    peak = height >= STEP
    peak[1:] &= height[1:] >= height[:-1]
    peak[:-1] &= height[:-1] >= height[1:]
    steps = np.zeros(moved.shape[1:], bool)
    steps[1:-1] = peak
    # A step between two pixels is as high seen from either; which of them wins is noise.
    steps[2:] |= peak
    return steps.swapaxes(0, axis - 1)


def _best_inset(picture: _Picture) -> Box | None:
    """Give the rectangle with the most steps along its outline that is an inset."""
    height, width = picture.lit.shape
    shortest = picture.shortest
    xs, ys = _lines(picture.upright, shortest), _lines(picture.level, shortest)
    across, down = _pairs(xs, shortest), _pairs(ys, shortest)
    if len(xs) == 2 or len(ys) == 2 or not len(across) or not len(down):
        return None
    tall, wide = ys[down[:, 1]] - ys[down[:, 0]], xs[across[:, 1]] - xs[across[:, 0]]
    steps_up, mute_up = _support(picture.upright, picture.blank, xs, ys[down])
    steps_level, mute_level = _support(picture.level, picture.blank.T, ys, xs[across])
    up_shown = steps_up + mute_up > SIDE_SHOWN * tall
    level_shown = steps_level + mute_level > SIDE_SHOWN * wide
    # Pairs of upright lines by pairs of level lines; few of them are left after this.
    i, j = np.nonzero(
        (up_shown[across[:, 0]] & up_shown[across[:, 1]])
        & (level_shown[down[:, 0]] & level_shown[down[:, 1]]).T
        & (np.multiply.outer(wide, tall) < LARGEST_INSET * height * width)
    )
    (left, right), (top, bottom) = across[i].T, down[j].T
    up, flat = [(left, j), (right, j)], [(top, i), (bottom, i)]
    steps = np.stack([steps_up[side] for side in up] + [steps_level[side] for side in flat])
    mute = np.stack([mute_up[side] for side in up] + [mute_level[side] for side in flat])
    lengths = np.stack([tall[j], tall[j], wide[i], wide[i]])
    # The picture's own border asks for no step.
    border = np.stack([left == 0, right == len(xs) - 1, top == 0, bottom == len(ys) - 1])
    lengths[border], mute[border] = 0, 0
    asked, total = np.maximum(lengths.sum(axis=0), 1), steps.sum(axis=0)
    shown = (total + mute.sum(axis=0)) / asked
    drawn = total / np.maximum(asked - mute.sum(axis=0), 1)
    weakest = np.where(border, 1.0, steps / np.maximum(lengths, 1)).min(axis=0)
    rank = total * shown**4
    rank[(shown < OUTLINE_SHOWN) | (total < 2.5 * shortest) | (total < 0.3 * asked)] = 0
    for k in np.argsort(-rank)[: min(MOST_TRIED, np.count_nonzero(rank))]:
        x0, x1, y0, y1 = xs[left[k]], xs[right[k]] + 1, ys[top[k]], ys[bottom[k]] + 1
        box = max(0, int(x0)), max(0, int(y0)), min(width, int(x1)), min(height, int(y1))
        seen = float(drawn[k]) if total[k] >= 0.5 * asked[k] else 0.0
        if _is_inset(picture, box, seen, float(weakest[k])):
            return box
    return None


def _is_inset(picture: _Picture, box: Box, drawn: float, weakest: float) -> bool:
    """Judge a rectangle by what it holds, and by the share of its outline that steps draw."""
    x0, y0, x1, y1 = box
    light = np.count_nonzero(picture.lit[y0:y1, x0:x1])
    empty = light < EMPTY * (x1 - x0) * (y1 - y0)
    if light > 0.5 * np.count_nonzero(picture.lit) or (not empty and drawn < PLAIN_DRAWN):
        return False
    flat = _flatness(picture.colours[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2])
    if empty:
        return flat >= BLACK_FLAT
    large = min(x1 - x0, y1 - y0) > SMALLEST_PICTURE * max(picture.lit.shape)
    return flat >= PLAIN_FLAT or (large and drawn >= PICTURE_DRAWN and weakest >= PICTURE_SIDE)


def _to_border(box: Box, lit: Mask) -> Box:
    """Let an inset go on to the border where little lies between, and that black.

    A line drawn in a black inset can pass for its side.
    """
    x0, y0, x1, y1 = box
    height, width = lit.shape
    beside = (
        (x0, x1 - x0, lit[y0:y1, :x0]),
        (y0, y1 - y0, lit[:y0, x0:x1]),
        (width - x1, x1 - x0, lit[y0:y1, x1:]),
        (height - y1, y1 - y0, lit[y1:, x0:x1]),
    )
    left, top, right, bottom = (
        gap <= 0.5 * extent and np.count_nonzero(strip) <= EMPTY * strip.size
        for gap, extent, strip in beside
    )
    return (
        0 if left else x0,
        0 if top else y0,
        width if right else x1,
        height if bottom else y1,
    )


def _lines(steps: Mask, shortest: int) -> NDArray[np.int64]:
    """Give the columns that hold a run of steps of about `shortest` pixels, and both borders."""
    # No column has more than 255 pixels, so its running count fits a byte.
    total = np.zeros((len(steps) + 1, steps.shape[1]), np.uint8)
    np.cumsum(steps.view(np.uint8), axis=0, dtype=np.uint8, out=total[1:])
    run = total[shortest:] - total[:-shortest]
    solid = np.add.reduce(run >= math.ceil(0.9 * shortest), axis=0, dtype=np.uint8)
    kept = solid > 0
    kept[1:] &= solid[1:] > solid[:-1]
    kept[:-1] &= solid[:-1] >= solid[1:]
    kept[:2] = kept[-2:] = False
    columns = np.flatnonzero(kept)
    if len(columns) > MOST_LINES:
        fewest = np.argsort(255 - solid[columns], kind="stable")
        columns = np.sort(columns[fewest[:MOST_LINES]])
    return np.concatenate([[-1], columns, [steps.shape[1]]])


def _pairs(lines: NDArray[np.int64], shortest: int) -> NDArray[np.int64]:
    """Give each pair, N×2 indices in order, of `lines` that are at least `shortest` apart."""
    return np.argwhere(lines[None, :] - lines[:, None] >= shortest)


def _support(
    steps: Mask, blank: Mask, lines: NDArray[np.int64], spans: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the steps and the mute pixels of each column in `lines` over each span of rows.

    Mute is what is blank on both sides, where no step can be told; the border is mute all along.
    """
    step = steps.take(lines, axis=1, mode="clip")
    step[:, [0, -1]] = False
    left, right = (blank.take(lines + beside, axis=1, mode="clip") for beside in (-2, 2))
    mute = left & right & ~step
    mute[:, [0, -1]] = True
    total = np.zeros((2, len(steps) + 1, len(lines)), np.int64)
    np.cumsum(step, axis=0, out=total[0, 1:])
    np.cumsum(mute, axis=0, out=total[1, 1:])
    counts = total[:, spans[:, 1]] - total[:, np.maximum(spans[:, 0] + 1, 0)]
    seen, silent = counts.swapaxes(1, 2)
    return seen, silent


def _flatness(inner: NDArray[np.uint8]) -> float:
    """Say which share of the pixels of an H×W×3 picture is of its middle colour."""
    every = 1 + math.isqrt(inner.size // 1200)
    pixels = inner[::every, ::every].reshape(-1, 3).astype(np.int16)
    if not len(pixels):
        return 0.0
    middle = np.sort(pixels, axis=0)[len(pixels) // 2]
    return float((np.abs(pixels - middle) <= FLAT_WITHIN).all(axis=1).mean())
