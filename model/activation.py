"""Where a network looked: from a class activation map to a box in the frame."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from endolink.model.frame import Frame
from endolink.model.preprocess import Placement
from endolink.model.verdict import Box

# The share of the map's peak that still belongs to the box: a compromise between a box that only
# holds the centre of a lesion and one that spills over the view (Zhou et al., CVPR 2016, use 0.2 on
# object photographs; lesions are smaller against a map of 7 × 7).
_LEVEL = 0.5


def bound(activation: NDArray[np.float32], placement: Placement, size: int, frame: Frame) -> Box:
    """Bound the part of the frame that speaks for a finding.

    `activation` is one finding's map, h×w, in logits (Zhou et al., "Learning Deep Features for
    Discriminative Localization", CVPR 2016). It is enlarged to the network's square of `size`
    pixels, cut at half its peak, and the piece that holds the peak is bounded. The box is (x0, y0,
    x1, y1) in the original frame's pixels, half-open, inside the frame and at least one pixel.
    """
    rise = np.maximum(activation - activation.min(), 0.0).astype(np.float32)
    smooth = np.asarray(Image.fromarray(rise).resize((size, size), Image.Resampling.BICUBIC))
    peak = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
    pieces, _ = ndimage.label(smooth >= _LEVEL * smooth[peak])
    rows, columns = ndimage.find_objects((pieces == pieces[peak]).astype(np.int8))[0]
    left, top = placement.to_frame(columns.start, rows.start)
    right, bottom = placement.to_frame(columns.stop, rows.stop)
    x0, x1 = _within(left, right, frame.scale, frame.width)
    y0, y1 = _within(top, bottom, frame.scale, frame.height)
    return x0, y0, x1, y1


def _within(low: float, high: float, scale: float, length: int) -> tuple[int, int]:
    start = min(max(int(low * scale), 0), length - 1)
    return start, min(max(round(high * scale), start + 1), length)
