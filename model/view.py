"""The view: where in a frame the scope's illuminated picture is, and what of it shows the patient."""

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

# The geometry is found on a copy with this many pixels on its longer side, so that one pixel of it
# is the same share of the scene however many pixels were decoded.
COARSE = 200
# Burned-in text is found on a copy with at most this many pixels on its longer side.
FINE = 720
# A pixel is lit where it is this much brighter than the frame's black, in levels of 0-255. The
# black of a capture card may lie as high as the pedestal of limited-range video.
LIT_ABOVE_BLACK = 9
BLACK_AT_MOST = 24
# A lit area smaller than this share of the frame is not a view.
SMALLEST_VIEW = 0.03
# No box has a side shorter than this, in decoded pixels, or than the frame where that is shorter.
SMALLEST_SIDE = 16
# The outline is the intersection of this many half-planes: an octagon and a rectangle are exact, a
# circle is 0.1 % too wide at worst.
DIRECTIONS = 64
ANGLES = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
NORMALS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


@dataclass(frozen=True, eq=False)
class View:
    """The part of a frame that shows the patient, in pixels of the decoded array.

    `box` bounds the illuminated picture (x0, y0, x1, y1, half-open). `mask` is bool H×W, True where
    the patient is shown: inside the scope's mask and neither an inset nor burned-in text. `found` is
    False where no illuminated picture could be told from its surround; the box is then the frame.
    """

    box: Box
    mask: NDArray[np.bool_]
    insets: tuple[Box, ...] = ()
    texts: tuple[Box, ...] = ()
    found: bool = True


def find_view(frame: Frame) -> View:
    """Find the illuminated picture in `frame`, whatever the scope's mask and wherever it lies."""
    pixels = frame.pixels
    height, width = pixels.shape[:2]
    image = Image.fromarray(pixels)
    reduction = -(-max(width, height) // FINE)
    fine_image = image.reduce(reduction) if reduction > 1 else image
    fine = np.asarray(fine_image) if reduction > 1 else pixels

    # Red alone is no measure of light: text is bright in green, too, tissue only half as much.
    light = np.maximum(fine[:, :, 1], np.maximum(fine[:, :, 0], fine[:, :, 2]) >> 1)
    stroke = 2 * max(1, round(max(fine.shape) / 160)) + 1
    ground = _open(light, stroke)

    reduction_again = max(1, -(-max(fine.shape) // COARSE))
    colours = np.asarray(fine_image.reduce(reduction_again))
    dim = np.asarray(Image.fromarray(ground).reduce(reduction_again))
    black = min(int(np.partition(dim[::3, ::3].ravel(), dim.size // 450)[dim.size // 450]), BLACK_AT_MOST // 2)
    lit = dim >= black + LIT_ABOVE_BLACK / 2

    each = reduction * reduction_again
    scale = np.full(4, each)
    size = lit.shape[::-1]
    texts = find_texts(light, ground)
    written = np.zeros(lit.shape, bool)
    fx, fy = size[0] / fine.shape[1], size[1] / fine.shape[0]
    for x0, y0, x1, y1 in texts:
        written[int(y0 * fy) : int(y1 * fy) + 1, int(x0 * fx) : int(x1 * fx) + 1] = True
    insets = find_insets(colours, lit, written)
    for x0, y0, x1, y1 in insets:
        lit[max(0, y0 - 1) : y1 + 1, max(0, x0 - 1) : x1 + 1] = False
    component = _largest(lit)
    found = component is not None
    if component is None:
        outline = Image.new("1", (width, height), 1)
        box = (0, 0, width, height)
    else:
        corners = _outline(component) * scale[:2]
        outline = Image.new("1", (width, height), 0)
        ImageDraw.Draw(outline).polygon([tuple(corner) for corner in corners - 0.5], fill=1)
        box = _bounds(corners, width, height)

    inset_boxes = tuple(_clip(inset * scale, width, height) for inset in np.array(insets))
    text_boxes = tuple(_clip(np.array(text) * reduction, width, height) for text in texts)
    draw = ImageDraw.Draw(outline)
    for x0, y0, x1, y1 in inset_boxes + text_boxes:
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=0)
    return View(box, np.array(outline), inset_boxes, text_boxes, found)


def _open(plane: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Take away what is bright and narrower than `side` pixels (grey opening by a square)."""
    for axis in (0, 1):
        plane = _slide(np.minimum, plane, side, axis)
    for axis in (0, 1):
        plane = _slide(np.maximum, plane, side, axis)
    return plane


def _slide(extreme: np.ufunc, plane: NDArray[np.uint8], side: int, axis: int) -> NDArray[np.uint8]:
    """Give the extreme over a centred window of `side` (odd) pixels along `axis`, edges repeated."""
    half = side // 2
    lines = np.moveaxis(plane, axis, 0)
    run = np.concatenate([lines[:1]] * half + [lines] + [lines[-1:]] * half)
    covered = 1
    while covered < side:
        step = min(covered, side - covered)
        run = extreme(run[:-step], run[step:])
        covered += step
    return np.moveaxis(run, 0, axis)


def _largest(lit: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Give the largest connected part of `lit`, bool H×W, or nothing where none is large enough."""
    solid = _open(lit.view(np.uint8), 3).astype(bool)
    # Every second pixel is enough to tell the parts from each other, and a quarter of the work.
    labels, count = ndimage.label(solid[::2, ::2])
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    if not count or 4 * sizes.max() < SMALLEST_VIEW * lit.size:
        return None
    part = np.repeat(np.repeat(labels == sizes.argmax(), 2, axis=0), 2, axis=1)
    return solid & part[: lit.shape[0], : lit.shape[1]]


def _outline(component: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give the corners, float64 DIRECTIONS×2 (x, y), of the convex outline of `component`."""
    rows = np.flatnonzero(component.any(axis=1))
    kept = component[rows]
    left = kept.argmax(axis=1)
    right = kept.shape[1] - kept[:, ::-1].argmax(axis=1)
    points = np.stack(
        [np.concatenate([left, right, left, right]), np.concatenate([rows, rows, rows + 1, rows + 1])]
    )
    # Each corner is where two neighbouring lines x cos a + y sin a = reach meet.
    reach = (NORMALS @ points).max(axis=1)
    after = np.roll(reach, -1)
    (cos, sin), (cos_after, sin_after) = NORMALS.T, np.roll(NORMALS, -1, axis=0).T
    det = math.sin(2 * math.pi / DIRECTIONS)
    return np.stack([reach * sin_after - after * sin, cos * after - cos_after * reach], 1) / det


def _bounds(corners: NDArray[np.float64], width: int, height: int) -> Box:
    low, high = corners.min(axis=0), corners.max(axis=0)
    x0, x1 = _span(round(low[0]), round(high[0]), width)
    y0, y1 = _span(round(low[1]), round(high[1]), height)
    return x0, y0, x1, y1


def _span(low: int, high: int, limit: int) -> tuple[int, int]:
    """Clip a side to the frame and keep it at least SMALLEST_SIDE long where the frame is."""
    side = min(SMALLEST_SIDE, limit)
    low = max(0, min(low, limit - side))
    return low, min(limit, max(high, low + side))


def _clip(box: NDArray[np.float64], width: int, height: int) -> Box:
    x0, y0 = np.floor(box[:2]).astype(int)
    x1, y1 = np.ceil(box[2:]).astype(int)
    return max(0, int(x0)), max(0, int(y0)), min(width, int(x1)), min(height, int(y1))
