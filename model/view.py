"""The view: where the scope's illuminated picture is in a frame, and what of it is the patient."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from endolink.model.frame import Frame
from endolink.model.inset import find_insets
from endolink.model.text import find_texts

Box = tuple[int, int, int, int]

# The geometry is found on a copy with at most this many pixels on its longer side, burned-in text
# on a finer one. FINE is about what a JPEG decoded for a network has: the view of a frame is then
# the same however far it was reduced. Whoever stores pictures, and must find small print, asks for
# more detail.
COARSE = 200
FINE = 480
# What is brighter than its surround over less than this share of the longer side is a stroke of
# text, a fine line or a highlight, and says nothing of where the view is.
STROKE = 1 / 80
# A pixel is lit where it is this much brighter than the frame's black, which lies at most at the
# pedestal of limited-range video; in levels of 0-255 of `_light`, which halves red.
LIT_ABOVE_BLACK = 4.5
BLACK_AT_MOST = 12
# A lit area smaller than this share of the frame is not a view.
SMALLEST_VIEW = 0.03
# A ground that software drew is of one colour, within so many levels, along so much of the frame's
# border; no more than 28 % is alike where tissue reaches it. Where there is such a ground, others
# of a smaller share (title bars, lists) are told by the same, so many in all.
GROUND_WITHIN = 3
GROUND_SHOWN, MORE_SHOWN = 0.3, 0.05
MOST_GROUNDS = 6
# Nor is it as dark as the black of video is, nor, as tissue is, redder than anything else.
DARKEST_GROUND, REDDEST_GROUND = 6, 1.5
# Where another lit part is at least this share of the largest, the one with the most relief is the
# view: what software drew is flat.
RIVAL = 0.15
RELIEF = 2
# Where the view is narrower than this share of the frame (a scope's picture on a larger screen),
# it is looked at again, alone.
SMALL_ON_SCREEN = 0.6
# No box has a side shorter than this, in decoded pixels, or than the frame where that is shorter.
SMALLEST_SIDE = 16
# The outline is cut by this many half-planes: a rectangle and an octagon come out exact, a circle
# 0.1 % too wide at worst.
DIRECTIONS = 64
ANGLES = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
NORMALS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


@dataclass(frozen=True, eq=False)
class View:
    """The part of a frame that shows the patient, in pixels of the decoded array.

    `box` bounds the illuminated picture (x0, y0, x1, y1, half-open). `mask` is bool H×W, True where
    the patient is shown: inside the scope's mask and neither an inset nor burned-in text. `found`
    is False where no illuminated picture could be told from its surround; the box is then the
    frame. `insets` are the rectangles blanked in the view, `texts` those blanked anywhere.
    """

    box: Box
    mask: NDArray[np.bool_]
    insets: tuple[Box, ...] = ()
    texts: tuple[Box, ...] = ()
    found: bool = True


def find_view(frame: Frame, *, detail: int = FINE) -> View:
    """Find the illuminated picture in `frame`, whatever the scope's mask and wherever it lies.

    A scope's picture is convex, so its outline is the convex hull of the largest lit area: a dark
    lumen inside is kept, whether or not it reaches the edge. A ground that software drew counts as
    black, and of several large areas the one with the most relief is taken, for panels are flat.
    Text, then insets, are looked for first, so that they neither widen the hull nor stay in the
    mask; text on a copy with at most `detail` pixels on its longer side.
    """
    pixels = frame.pixels
    height, width = pixels.shape[:2]
    fine, reduction = frame.image, math.ceil(max(width, height) / detail)
    if reduction > 1:
        fine = fine.reduce(reduction)
        pixels = np.asarray(fine)
    light = _light(pixels)
    ground = _open(light, 2 * max(1, round(max(fine.size) * STROKE / 2)) + 1)
    texts = find_texts(light, ground)

    outline, insets = _search(fine, ground, texts)
    if outline is None:
        box, mask = (0, 0, width, height), np.ones((height, width), bool)
    else:
        outline *= reduction
        box, mask = _bounds(outline, width, height), _inside(outline, width, height)
    insets = [_enlarged(inset, reduction, width, height) for inset in insets]
    # The black beside the view is no inset, though its rectangle may touch the view's edge.
    rim = 2 * math.ceil(max(width, height) / COARSE)
    insets = [
        (x0, y0, x1, y1)
        for x0, y0, x1, y1 in insets
        if mask[y0 + rim : y1 - rim, x0 + rim : x1 - rim].any()
    ]
    texts = [_enlarged(text, reduction, width, height) for text in texts]
    for x0, y0, x1, y1 in insets + texts:
        mask[y0:y1, x0:x1] = False
    return View(box, mask, tuple(insets), tuple(texts), outline is not None)


def _light(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give the brightness, uint8 H×W, in which tissue is lit and text stands out from it.

    White, yellow and green text are bright in green, tissue is mostly in red.
    """
    red_or_blue = np.maximum(pixels[:, :, 0], pixels[:, :, 2])
    light: NDArray[np.uint8] = np.maximum(pixels[:, :, 1], red_or_blue >> 1)
    return light


def _search(
    fine: Image.Image, ground: NDArray[np.uint8], texts: list[Box]
) -> tuple[NDArray[np.float64] | None, list[Box]]:
    """Find the view's outline (N×2 corners x, y) and the insets in `fine`.

    Where the view is but a part of a larger screen, it is looked at again, alone: whatever else is
    there has straight edges as well, which make insets with its own.
    """
    whole = _coarse(fine, ground, texts, (0, 0, fine.width, fine.height))
    outline: NDArray[np.float64] | None = None
    insets: list[Box] = []
    if not whole.grounds:
        outline, insets = _look(whole)
        if outline is None:
            return None, insets
        x0, y0, x1, y1 = _bounds(outline, fine.width, fine.height)
        if min((x1 - x0) / fine.width, (y1 - y0) / fine.height) >= SMALL_ON_SCREEN:
            return outline, insets
    component = _largest(whole.lit, whole.dim)
    if component is None:
        return outline, insets
    outline = _outline(component) * whole.reduction
    x0, y0, x1, y1 = _bounds(outline, fine.width, fine.height)
    margin = (x1 - x0 + y1 - y0) // 40 + 4
    low, high = (max(0, x0 - margin), max(0, y0 - margin)), (x1 + margin, y1 + margin)
    close = (*low, min(fine.width, high[0]), min(fine.height, high[1]))
    again, insets = _look(_coarse(fine, ground, texts, close, whole.grounds))
    return outline if again is None else again, insets


@dataclass(frozen=True, eq=False)
class _Coarse:
    """A part of a picture at 1 / `reduction` of its size, H×W, its corner at `origin` (x, y).

    `colours` is uint8 H×W×3, black where software drew the ground, `dim` uint8 H×W its brightness
    without strokes; `lit` and `written` are bool H×W, True where something is shown, and where
    there is text. `grounds` are the colours, int16 3, of what was drawn around the view.
    """

    origin: tuple[int, int]
    reduction: int
    colours: NDArray[np.uint8]
    dim: NDArray[np.uint8]
    lit: NDArray[np.bool_]
    written: NDArray[np.bool_]
    grounds: list[NDArray[np.int16]]


def _coarse(
    fine: Image.Image,
    ground: NDArray[np.uint8],
    texts: list[Box],
    region: Box,
    grounds: list[NDArray[np.int16]] | None = None,
) -> _Coarse:
    """Reduce `region` of `fine`; `grounds` are looked for where they are not given."""
    left, top, right, bottom = region
    reduction = math.ceil(max(right - left, bottom - top) / COARSE)
    colours = np.asarray(fine.reduce(reduction, box=region))
    dim = np.asarray(Image.fromarray(ground[top:bottom, left:right]).reduce(reduction))
    sample = dim[::3, ::3].ravel()
    black = int(np.partition(sample, len(sample) // 50)[len(sample) // 50])
    lit = dim >= min(black, BLACK_AT_MOST) + LIT_ABOVE_BLACK
    if grounds is None:
        grounds = _drawn_grounds(colours, lit)
    if grounds:
        planes = np.ascontiguousarray(colours.transpose(2, 0, 1))
        drawn = np.zeros(lit.shape, np.uint8)
        for colour in grounds:
            darkest = np.clip(colour - GROUND_WITHIN, 0, 255 - 2 * GROUND_WITHIN).astype(np.uint8)
            # What is darker comes round to levels above.
            red, green, blue = planes - darkest[:, None, None] <= 2 * GROUND_WITHIN
            drawn |= red & green & blue
        # What lies between the ground and something else has a colour of both.
        around = _slide(np.maximum, _slide(np.maximum, drawn, 3, 0), 3, 1).astype(bool)
        lit &= ~around
        colours = colours.copy()
        colours[around] = 0
    written = np.zeros(lit.shape, bool)
    for x0, y0, x1, y1 in texts:
        columns = slice(max(0, x0 - left) // reduction, max(0, x1 - left) // reduction + 1)
        written[max(0, y0 - top) // reduction : max(0, y1 - top) // reduction + 1, columns] = True
    return _Coarse((left, top), reduction, colours, dim, lit, written, grounds)


def _look(seen: _Coarse) -> tuple[NDArray[np.float64] | None, list[Box]]:
    """Find the view's outline (N×2 corners x, y) and the insets, both in the whole picture."""
    lit = seen.lit.copy()
    insets = find_insets(seen.colours, lit, seen.written)
    for x0, y0, x1, y1 in insets:
        # The rim of a black one is the view's own edge.
        if lit[y0:y1, x0:x1].mean() > 0.1:
            lit[max(0, y0 - 1) : y1 + 1, max(0, x0 - 1) : x1 + 1] = False
    component = _largest(lit, seen.dim)
    (left, top), by = seen.origin, seen.reduction
    found = [
        (x0 * by + left, y0 * by + top, x1 * by + left, y1 * by + top) for x0, y0, x1, y1 in insets
    ]
    return None if component is None else _outline(component) * by + np.array([left, top]), found


def _drawn_grounds(colours: NDArray[np.uint8], lit: NDArray[np.bool_]) -> list[NDArray[np.int16]]:
    """Give the colours, other than black, that software drew around the view; often none."""
    if min(lit.shape) < SMALLEST_SIDE:
        return []
    rim = np.concatenate([lit[1], lit[-2], lit[:, 1], lit[:, -2]])
    border = np.concatenate([colours[1], colours[-2], colours[:, 1], colours[:, -2]])[rim]
    grounds: list[NDArray[np.int16]] = []
    while len(grounds) < MOST_GROUNDS:
        asked = (MORE_SHOWN if grounds else GROUND_SHOWN) * len(rim)
        if len(border) < asked:
            break
        # The most frequent level of green, and what else the pixels of that level have.
        levels = np.bincount(border[:, 1], minlength=256)
        near = levels[:-2] + levels[1:-1] + levels[2:]
        level = int(near.argmax()) + 1
        if near[level - 1] < asked:
            break
        alike = border[np.abs(border[:, 1].astype(np.int16) - level) <= 1]
        colour = np.sort(alike, axis=0)[len(alike) // 2].astype(np.int16)
        same = (np.abs(border - colour) <= GROUND_WITHIN).all(axis=1)
        red, other = int(colour[0]), int(colour[1:].max())
        drawn = max(red, other) >= DARKEST_GROUND and red <= REDDEST_GROUND * other
        if not drawn or np.count_nonzero(same) < asked:
            break
        grounds.append(colour)
        border = border[~same]
    return grounds


def _open(plane: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Take away what is bright and narrower than `side` pixels (grey opening by a square)."""
    eroded = _slide(np.minimum, _slide(np.minimum, plane, side, 0), side, 1)
    return _slide(np.maximum, _slide(np.maximum, eroded, side, 0), side, 1)


def _slide(extreme: np.ufunc, plane: NDArray[np.uint8], side: int, axis: int) -> NDArray[np.uint8]:
    """Give the extreme over a centred window of `side` (odd) pixels along `axis`."""
    half = side // 2
    lines = plane.swapaxes(0, axis)
    run = np.concatenate([lines[:1]] * half + [lines] + [lines[-1:]] * half)
    covered = 1
    while covered < side:
        step = min(covered, side - covered)
        run = extreme(run[:-step], run[step:])
        covered += step
    return run.swapaxes(0, axis)


def _largest(lit: NDArray[np.bool_], dim: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Give the largest connected part of `lit`, bool H×W, or nothing where none is large enough.

    Parts that only touch, as a second picture beside the view may, count as two. Of several large
    ones the one with the most relief in `dim`, uint8 H×W, is given.
    """
    plane = lit.view(np.uint8)
    core = _slide(np.minimum, _slide(np.minimum, plane, 5, 0), 5, 1)
    # Every second pixel is enough to tell the parts from each other, and a quarter of the work.
    labels, count = ndimage.label(core[::2, ::2])
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    if not count:
        return None
    if count > 1 and np.partition(sizes, -2)[-2] > RIVAL * sizes.max():
        rough = np.bincount(labels[_relief(dim)[::2, ::2]], minlength=count + 1)
        rough[0] = 0
        sizes = rough if rough.any() else sizes
    part = (labels == sizes.argmax()).view(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    part = part[: lit.shape[0], : lit.shape[1]]
    grown = _slide(np.maximum, _slide(np.maximum, part, 7, 0), 7, 1)
    component = (grown & _open(plane, 3)).astype(bool)
    return component if np.count_nonzero(component) >= SMALLEST_VIEW * lit.size else None


def _relief(dim: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mark where uint8 H×W changes, across or down, as what a scope sees does: bool H×W."""
    levels = dim.astype(np.int16)
    relief = np.zeros(dim.shape, bool)
    relief[:, 1:-1] = np.abs(levels[:, 2:] - levels[:, :-2]) >= RELIEF
    relief[1:-1] |= np.abs(levels[2:] - levels[:-2]) >= RELIEF
    return relief


def _outline(component: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give the corners, float64 DIRECTIONS×2 (x, y), of the convex outline of `component`."""
    rows = np.flatnonzero(component.any(axis=1))
    kept = component[rows]
    left = kept.argmax(axis=1)
    right = kept.shape[1] - kept[:, ::-1].argmax(axis=1)
    xs = np.concatenate([left, right, left, right])
    ys = np.concatenate([rows, rows, rows + 1, rows + 1])
    # Each corner is where two neighbouring lines x cos a + y sin a = reach meet.
    reach = (NORMALS @ np.stack([xs, ys])).max(axis=1)
    after = np.roll(reach, -1)
    (cos, sin), (cos_after, sin_after) = NORMALS.T, np.roll(NORMALS, -1, axis=0).T
    corners = np.stack([reach * sin_after - after * sin, cos * after - cos_after * reach], axis=1)
    return corners / math.sin(2 * math.pi / DIRECTIONS)


def _inside(corners: NDArray[np.float64], width: int, height: int) -> NDArray[np.bool_]:
    image = Image.new("1", (width, height))
    ImageDraw.Draw(image).polygon([(x - 0.5, y - 0.5) for x, y in corners.tolist()], fill=1)
    return np.array(image)


def _bounds(corners: NDArray[np.float64], width: int, height: int) -> Box:
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    x0, x1 = _span(round(left), round(right), width)
    y0, y1 = _span(round(top), round(bottom), height)
    return x0, y0, x1, y1


def _span(low: int, high: int, limit: int) -> tuple[int, int]:
    """Clip a side to the frame, and keep it at least SMALLEST_SIDE long where the frame is."""
    side = min(SMALLEST_SIDE, limit)
    low = max(0, min(low, limit - side))
    return low, min(limit, max(high, low + side))


def _enlarged(box: Box, by: int, width: int, height: int) -> Box:
    x0, y0, x1, y1 = (side * by for side in box)
    return min(x0, width), min(y0, height), min(x1, width), min(y1, height)
