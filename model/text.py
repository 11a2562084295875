"""Burned-in text: where a processor or a recorder wrote into the picture."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Box = tuple[int, int, int, int]

# Text is this much brighter than what it is written on, in levels of 0-255.
CONTRAST = 40
# Lengths are shares of the picture's longer side: the gap between the strokes and letters of a
# word is closed up to GAP; nothing taller than TALLEST is a line.
GAP = 1 / 80
TALLEST = 0.04
# A word, or a line, is at least this many times as wide as it is tall.
SLIMMEST = 2.0
# Along a row of pixels, text as wide as it is tall crosses this many strokes; wet highlights cross
# fewer (99 % of them under 1.2) and are seldom in rows. A long line may have fewer for each letter.
STROKES_OF_WORD, WORD = 1.15, 2.6
STROKES_OF_LINE, LINE = 0.65, 4.0
# The share of its width that the rows of a word span, at the lower third of the rows: letters stand
# between two straight lines, highlights do not.
LEVEL_WORD, LEVEL_LINE = 0.55, 0.7
# What follows a word in its line, within this many line heights, is text with fewer strokes, too.
REACH = 2.5


def find_texts(light: NDArray[np.uint8], ground: NDArray[np.uint8]) -> list[Box]:
    """Find lines and words of bright text, boxes (x0, y0, x1, y1) in pixels of `light`.

    `light` is uint8 H×W and `ground` the same without its thin bright strokes.
    """
    height, width = light.shape
    longer = max(height, width)
    half = max(1, round(GAP / 2 * longer))
    # A margin on all sides makes room for joining, and ends every run within its row.
    ink = np.zeros((height + 2, width + 2 * half + 2), bool)
    np.greater_equal(light - ground, CONTRAST, out=ink[1:-1, half + 1 : -half - 1])
    joined = ink.copy()
    for shift in range(1, half + 1):
        joined[:, shift:] |= ink[:, :-shift]
        joined[:, :-shift] |= ink[:, shift:]
    written = _crossing_twice(joined, ink)
    if written is None:
        return []
    ink = ink[written[0]]
    labels, count = ndimage.label(written[1], np.ones((3, 3), int))
    slices = ndimage.find_objects(labels)
    boxes = np.array([(x.start, y.start, x.stop, y.stop) for y, x in slices])
    boxes += (half, 0, -half, 0)
    wide, tall = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]

    begins = ink.copy()
    begins[:, 1:] &= ~ink[:, :-1]
    crossed = np.bincount(labels[begins], minlength=count + 1)[1:] / tall
    density = crossed * tall / wide
    fits = (tall >= 2) & (tall <= TALLEST * longer)
    shaped = fits & (wide >= SLIMMEST * tall)
    word = shaped & (density >= STROKES_OF_WORD) & (crossed >= WORD)
    line = shaped & (density >= STROKES_OF_LINE) & (crossed >= LINE)
    for k in np.flatnonzero(word | line):
        level = _level(ink[slices[k]] & (labels[slices[k]] == k + 1)) / wide[k]
        word[k] &= level >= LEVEL_WORD
        line[k] &= level >= LEVEL_LINE
    text = word | line
    if not text.any():
        return []
    text |= fits & (density >= 0.5) & _beside(boxes, text)
    rows, columns = written[0]
    boxes += (columns.start - half - 2, rows.start - 2, columns.start - half, rows.start)
    low, high = np.zeros(4, int), np.array([width, height, width, height])
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in np.clip(boxes[text], low, high).tolist()]


def _crossing_twice(
    joined: NDArray[np.bool_], ink: NDArray[np.bool_]
) -> tuple[tuple[slice, slice], NDArray[np.bool_]] | None:
    """Keep the runs of `joined` in which a row crosses two strokes of `ink` or more.

    Most wet highlights are gone with that. Gives where the runs lie and the part of `joined` there,
    or nothing where there are none.
    """
    width = joined.shape[1]
    bounds = np.flatnonzero(joined.ravel()[1:] != joined.ravel()[:-1]) + 1
    begins = np.flatnonzero(ink.ravel()[1:] > ink.ravel()[:-1]) + 1
    starts, ends = bounds[::2], bounds[1::2]
    strokes = np.searchsorted(begins, ends) - np.searchsorted(begins, starts)
    starts, ends = starts[strokes >= 2], ends[strokes >= 2]
    if not len(starts):
        return None
    rows, left, right = starts // width, starts % width, ends - starts + starts % width
    top, first = rows[0], left.min()
    kept = np.zeros((rows[-1] + 1 - top, right.max() - first + 1), np.int8)
    np.add.at(kept, (rows - top, left - first), 1)
    np.add.at(kept, (rows - top, right - first), -1)
    part = slice(int(top), int(rows[-1]) + 1), slice(int(first), int(right.max()) + 1)
    return part, np.cumsum(kept, axis=1, dtype=np.int8).astype(bool)


def _level(ink: NDArray[np.bool_]) -> int:
    """Give the span of the row of `ink` that a third of its rows do not exceed."""
    rows = ink[ink.any(axis=1)]
    spans = rows.shape[1] - rows.argmax(axis=1) - rows[:, ::-1].argmax(axis=1)
    return int(np.sort(spans)[len(spans) // 3])


def _beside(boxes: NDArray[np.int64], text: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which boxes stand in one line with a box of text, and near it."""
    ax0, ay0, ax1, ay1 = boxes.T[:, :, None]
    bx0, by0, bx1, by1 = boxes[text].T[:, None, :]
    tall = by1 - by0
    apart = np.maximum(bx0 - ax1, ax0 - bx1)
    shared = np.minimum(ay1, by1) - np.maximum(ay0, by0)
    own = ay1 - ay0
    near = (apart < REACH * tall) & (shared > 0.6 * own) & (own < 1.5 * tall) & (own > 0.35 * tall)
    return np.asarray(near.any(axis=1))
