"""A drawn frame to corrupt: a lit octagon with blotches on black."""

import numpy as np

from endolink.model.frame import Frame
from tests.training.pictures import draw


def lit_frame(width: int = 360, height: int = 288) -> Frame:
    pixels = np.array(draw("polyp", 3, width=width, height=height))
    return Frame(pixels, width, height, "3" * 64)
