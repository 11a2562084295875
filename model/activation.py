"""Where a network looked: from an activation map to a box in the frame."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from endolink.model.frame import Frame
from endolink.model.preprocess import Placement
from endolink.model.verdict import Box
from endolink.model.view import View

# The share of the peak's probability that still belongs to the box. On polyps' outlines that the
# network had not seen, half to two thirds of it drew the boxes that overlap theirs most.
_LEVEL = 0.5
# The network's maps are some 14 × 14; a quarter of its input shows all that is in them.
_COARSER = 4


def bound(activation: NDArray[np.float32], placement: Placement, size: int, frame: Frame) -> Box:
    """Bound the part of the frame that speaks for a finding.

    `activation` is one finding's map, h×w: how much each place speaks for it, in logits. As
    probabilities it is enlarged to the network's square of `size` pixels, cut at half its peak, and
    the piece that holds the peak is bounded. The box is (x0, y0,
    x1, y1) in the original frame's pixels, half-open, inside the frame and at least one pixel.
    """
    smooth = _enlarge(activation, size)
    peak = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
    pieces, _ = ndimage.label(smooth >= _LEVEL * smooth[peak])
    rows, columns = ndimage.find_objects((pieces == pieces[peak]).astype(np.int8))[0]
    left, top = placement.to_frame(columns.start, rows.start)
    right, bottom = placement.to_frame(columns.stop, rows.stop)
    x0, x1 = _within(left, right, frame.scale, frame.width)
    y0, y1 = _within(top, bottom, frame.scale, frame.height)
    return x0, y0, x1, y1


def peak(
    activation: NDArray[np.float32], placement: Placement, size: int, frame: Frame
) -> tuple[int, int]:
    """Give the original frame's pixel (x, y) that speaks most for a finding.

    `activation` is as in `bound`, which bounds the piece that holds this pixel.
    """
    smooth = _enlarge(activation, size)
    row, column = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
    x, y = placement.to_frame(float(column) + 0.5, float(row) + 0.5)
    left, _ = _within(x, x, frame.scale, frame.width)
    top, _ = _within(y, y, frame.scale, frame.height)
    return left, top


def shade(
    activation: NDArray[np.float32], placement: Placement, size: int, view: View, frame: Frame
) -> tuple[NDArray[np.uint8], Box]:
    """Show how much each part of the view speaks for a finding.

    `activation` is as in `bound`. The map is uint8 h×w, 255 at its peak and 0 where nothing speaks
    for the finding, and covers the box (x0, y0, x1, y1) of the original frame, in its pixels: the
    view's own.
    """
    smooth = _enlarge(activation, size)
    x0, y0, x1, y1 = view.box
    left, right = ((x - placement.left) * placement.zoom for x in (x0, x1))
    top, bottom = ((y - placement.top) * placement.zoom for y in (y0, y1))
    rows = slice(max(0, round(top)), max(1, round(bottom)))
    columns = slice(max(0, round(left)), max(1, round(right)))
    shown = smooth[rows, columns]
    height, width = (max(1, length // _COARSER) for length in shown.shape)
    small = np.asarray(Image.fromarray(shown).resize((width, height), Image.Resampling.BOX))
    peak = max(float(small.max()), float(np.finfo(np.float32).tiny))
    shades = np.rint(np.clip(small / peak, 0.0, 1.0) * 255).astype(np.uint8)
    first, last = _within(x0, x1, frame.scale, frame.width)
    upper, lower = _within(y0, y1, frame.scale, frame.height)
    return shades, (first, upper, last, lower)


def _enlarge(activation: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    # In logits, the box would depend on how surely the rest of the view shows nothing.
    chances = 1 / (1 + np.exp(-np.asarray(activation, np.float32)))
    rise = np.maximum(chances - chances.min(), 0.0)
    return np.asarray(Image.fromarray(rise).resize((size, size), Image.Resampling.BICUBIC))


def _within(low: float, high: float, scale: float, length: int) -> tuple[int, int]:
    start = min(max(int(low * scale), 0), length - 1)
    return start, min(max(round(high * scale), start + 1), length)
