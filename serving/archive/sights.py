"""A study's sights: what a reader takes for one and the same picture, however long it lasts."""

from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from endolink.model.similarity import SAME_SCENE, distance

Descriptor = NDArray[np.float32]


class Sight(NamedTuple):
    """A run of near-identical frames, whatever they show: first, last, and nearest to a lesion."""

    first: int
    last: int
    best: int
    evidence: float


class Sights:
    """A study's sights, as its frames go by."""

    def __init__(self) -> None:
        self.ended: list[Sight] = []
        self._anchor: Descriptor | None = None
        self._first = self._last = self._best = 0
        self._evidence = -inf

    def take(self, number: int, value: float, descriptor: Descriptor) -> None:
        """Take the next frame: its `number`, its evidence for a lesion, and how it looks."""
        if self._anchor is None or distance(self._anchor, descriptor) > SAME_SCENE:
            self.close()
            self._anchor, self._first = descriptor, number
            self._best, self._evidence = number, value
        elif value > self._evidence:
            self._best, self._evidence = number, value
        self._last = number

    def close(self) -> None:
        """End the sight that is in view."""
        if self._anchor is not None:
            self.ended.append(Sight(self._first, self._last, self._best, self._evidence))
        self._anchor = None
