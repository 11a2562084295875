"""Insets: rectangles that a processor or a recorder drew over the patient's picture."""

import math

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
Mask = NDArray[np.bool_]

# Lengths are shares of the picture's longer side, areas of the whole picture.
SHORTEST_EDGE = 0.06
LARGEST_INSET = 0.35
MOST_INSETS = 4
# Only this many upright and this many level lines are combined into rectangles.
MOST_LINES = 12
MOST_TRIED = 16
# A step is this high on CURVE, on which black beside dark tissue is a step as well.
STEP = 14
CURVE = np.round(255 * np.log1p(np.arange(256) / 20) / np.log1p(255 / 20)).astype(np.uint8)
# The share of a rectangle's outline that is a step or black on both sides: each side, and in all.
# Chance gives 0.4 on wet or stool-covered mucosa.
SIDE_SEEN = 0.6
OUTLINE_SEEN = 0.84
# An inset is black, or of one colour in this share of its pixels, or (a second picture) has nearly
# the whole of its outline drawn by steps.
BLACK_FLAT, PLAIN_FLAT, FLAT_WITHIN = 0.8, 0.5, 3
PLAIN_OUTLINE = 0.8
PICTURE_OUTLINE, PICTURE_SIDE = 0.86, 0.7
# A second picture is no smaller than this share of the longer side.
SMALLEST_PICTURE = 0.12


def find_insets(colours: NDArray[np.uint8], lit: Mask, written: Mask) -> list[Box]:
    """Find the rectangles drawn into a picture of some 160 pixels, uint8 H×W×3.

    `lit` and `written` are bool H×W, True where the picture is not black and where there is text,
    whose lines are straight as well. Tissue has no edges that are straight,
    axis-aligned and sharp over a twentieth of the picture, so every pair of such upright lines and
    pair of such level lines is tried as a rectangle, the frame's own borders among them.
    """
    height, width = lit.shape
    shortest = max(6, round(SHORTEST_EDGE * max(height, width)))
    if min(height, width) < 2 * shortest:
        return []
    planes = np.take(CURVE, colours.transpose(2, 0, 1))
    upright, level = _steps(planes, 2), np.ascontiguousarray(_steps(planes, 1).T)
    upright &= ~written
    level &= ~written.T
    lit = lit.copy()
    blank = ~lit | written
    found: list[Box] = []
    while len(found) < MOST_INSETS:
        box = _best_rectangle(colours, upright, level, lit, blank, shortest)
        if box is None:
            break
        found.append(box)
        # Its sides speak for no other rectangle.
        x0, y0, x1, y1 = box
        around = np.s_[max(0, y0 - 2) : y1 + 2, max(0, x0 - 2) : x1 + 2]
        upright[around] = level.T[around] = lit[around] = False
        blank[around] = True
    return found


def _steps(planes: NDArray[np.uint8], axis: int) -> Mask:
    """Mark the sharp steps of uint8 C×H×W planes along `axis`: bool H×W, no more than 2 wide."""
    moved = planes.swapaxes(1, axis)
    before, after = moved[:, :-2], moved[:, 2:]
    height = (np.maximum(before, after) - np.minimum(before, after)).max(axis=0)
    peak = height >= STEP
    peak[1:] &= height[1:] >= height[:-1]
    peak[:-1] &= height[:-1] >= height[1:]
    steps = np.zeros(moved.shape[1:], bool)
    steps[1:-1] = peak
    # A step between two pixels is as high seen from either; which of them wins is noise.
    steps[2:] |= peak[:]
    return steps.swapaxes(0, axis - 1)


def _best_rectangle(
    colours: NDArray[np.uint8], upright: Mask, level: Mask, lit: Mask, blank: Mask, shortest: int
) -> Box | None:
    height, width = lit.shape
    xs, ys = _lines(upright, shortest), _lines(level, shortest)
    if len(xs) == 2 or len(ys) == 2:
        return None
    across, down = _pairs(xs, shortest), _pairs(ys, shortest)
    if not len(across) or not len(down):
        return None
    seen_up, mute_up = _support(upright, blank, xs, ys[down])
    seen_level, mute_level = _support(level, blank.T, ys, xs[across])
    tall, wide = ys[down[:, 1]] - ys[down[:, 0]], xs[across[:, 1]] - xs[across[:, 0]]
    # The frame's own border asks for no step.
    for seen, mute, length in ((seen_up, mute_up, tall), (seen_level, mute_level, wide)):
        seen[[0, -1]], mute[[0, -1]] = 0, length
    up_shown = seen_up + mute_up > SIDE_SEEN * tall
    level_shown = seen_level + mute_level > SIDE_SEEN * wide
    possible = (
        up_shown[across[:, 0]]
        & up_shown[across[:, 1]]
        & (level_shown[down[:, 0]] & level_shown[down[:, 1]]).T
        & (np.multiply.outer(wide, tall) < LARGEST_INSET * lit.size)
    )
    i, j = np.nonzero(possible)
    (left, right), (top, bottom) = across[i].T, down[j].T
    sides = np.stack([seen_up[left, j], seen_up[right, j], seen_level[top, i], seen_level[bottom, i]])
    mutes = np.stack([mute_up[left, j], mute_up[right, j], mute_level[top, i], mute_level[bottom, i]])
    lengths = np.stack([tall[j], tall[j], wide[i], wide[i]])
    outline = lengths.sum(axis=0)
    steps = sides.sum(axis=0)
    at_border = np.stack([left == 0, right == len(xs) - 1, top == 0, bottom == len(ys) - 1])
    asked = np.maximum(np.where(at_border, 0, lengths).sum(axis=0), 1)
    shown = (steps + np.where(at_border, 0, mutes).sum(axis=0)) / asked
    weakest = np.where(at_border, 1, sides / lengths).min(axis=0)
    drawn = steps / np.maximum(outline - mutes.sum(axis=0), 1)
    rank = steps * shown**4
    rank[(shown < OUTLINE_SEEN) | (steps < 2.5 * shortest) | (steps < 0.3 * asked)] = 0
    lights = np.count_nonzero(lit)
    for best in np.argsort(-rank)[: min(MOST_TRIED, np.count_nonzero(rank))]:
        (x0, x1), (y0, y1) = xs[[left[best], right[best]]], ys[[top[best], bottom[best]]]
        box = max(0, int(x0)), max(0, int(y0)), min(width, int(x1) + 1), min(height, int(y1) + 1)
        light = np.count_nonzero(lit[box[1] : box[3], box[0] : box[2]])
        if light > 0.5 * lights:
            continue
        empty = light < 0.05 * (x1 - x0) * (y1 - y0)
        if not empty and (steps[best] < 0.5 * asked[best] or drawn[best] < PLAIN_OUTLINE):
            continue
        flat = _flatness(colours[box[1] + 2 : box[3] - 2, box[0] + 2 : box[2] - 2])
        if empty:
            if flat >= BLACK_FLAT:
                return box
        elif flat >= PLAIN_FLAT or (
            drawn[best] >= PICTURE_OUTLINE
            and weakest[best] >= PICTURE_SIDE
            and min(x1 - x0, y1 - y0) >= SMALLEST_PICTURE * max(height, width)
        ):
            return box
    return None


def _lines(steps: Mask, shortest: int) -> NDArray[np.int64]:
    """Give the columns that hold a run of steps of about `shortest` pixels, and both borders."""
    # No column is as high as 256 pixels, so its running count fits a byte.
    total = np.zeros((len(steps) + 1, steps.shape[1]), np.uint8)
    np.cumsum(steps.view(np.uint8), axis=0, dtype=np.uint8, out=total[1:])
    run = total[shortest:] - total[:-shortest]
    solid = np.count_nonzero(run >= 0.9 * shortest, axis=0)
    kept = solid > 0
    kept[1:] &= solid[1:] > solid[:-1]
    kept[:-1] &= solid[:-1] >= solid[1:]
    kept[:2] = kept[-2:] = False
    columns = np.flatnonzero(kept)
    if len(columns) > MOST_LINES:
        columns = np.sort(columns[np.argsort(-solid[columns])[:MOST_LINES]])
    return np.concatenate([[-1], columns, [steps.shape[1]]])


def _pairs(lines: NDArray[np.int64], shortest: int) -> NDArray[np.int64]:
    """Give each pair, N×2 indices in order, of `lines` that are at least `shortest` apart."""
    return np.argwhere(lines[None, :] - lines[:, None] >= shortest)


def _support(
    steps: Mask, blank: Mask, lines: NDArray[np.int64], spans: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count, for each column of `lines` and each span of rows, the steps and the mute pixels.

    Mute is what is black, or written on, on both sides, where no step can be told.
    """
    last = steps.shape[1] - 1
    columns = np.clip(lines, 0, last)
    step = steps[:, columns]
    mute = blank[:, np.clip(lines - 2, 0, last)] & blank[:, np.clip(lines + 2, 0, last)] & ~step
    low, high = np.maximum(spans[:, 0] + 1, 0), spans[:, 1]
    total = np.zeros((2, len(steps) + 1, len(lines)), np.int64)
    np.cumsum(step, axis=0, out=total[0, 1:])
    np.cumsum(mute, axis=0, out=total[1, 1:])
    seen, silent = (total[:, high] - total[:, low]).swapaxes(1, 2)
    return seen, silent


def _flatness(inner: NDArray[np.uint8]) -> float:
    """Say which share of the pixels of an H×W×3 picture is of its middle colour."""
    every = 1 + math.isqrt(inner.size // 1200)
    pixels = inner[::every, ::every].reshape(-1, 3).astype(np.int16)
    middle = np.sort(pixels, axis=0)[len(pixels) // 2]
    return float((np.abs(pixels - middle) <= FLAT_WITHIN).all(axis=1).mean())
