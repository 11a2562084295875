"""A frame: one decoded picture, and how the bytes of an image become one."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Frame:
    """One upright RGB picture.

    `pixels` is uint8 H×W×3 in sRGB, read-only. It may hold fewer pixels than the original: a JPEG
    can be decoded at 1/2, 1/4 or 1/8 of its size. `width` and `height` are always the original's,
    in pixels, after its EXIF orientation was applied, and every coordinate that leaves EndoLink is
    in them.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    sha256: str
    captured_at: datetime | None = None
    sequence: int | None = None

    @property
    def scale(self) -> float:
        """Original pixels for each decoded pixel; 1.0 where nothing was reduced."""
        return self.width / self.pixels.shape[1]
