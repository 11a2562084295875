"""What a network learns from and is judged on: labelled squares, and how an epoch draws them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Drawings:
    """Finer squares of the same samples, and where in them one finding lies.

    `squares` is uint8 [M, D, D, 4], `outlines` uint8 [M, D, D], 255 inside. `lesion` is the
    finding's column, or None where nobody drew an outline; `traced` [M] says in which samples
    somebody did. Both arrays are memory-mapped.
    """

    squares: NDArray[np.uint8]
    outlines: NDArray[np.uint8]
    traced: Bools
    lesion: int | None


@dataclass(frozen=True, eq=False)
class Frames:
    """Labelled squares: `rows` of uint8 [M, S, S, 4], and for each its labels, [N, findings].

    The fourth channel is the mask of what is shown. `rows` keeps a memory-mapped array on disk.
    `groups` [N] numbers the group of near-copies that each frame belongs to. `drawings` are what
    training frames are drawn from, where they are not these squares.
    """

    squares: NDArray[np.uint8]
    rows: NDArray[np.intp]
    present: Bools
    known: Bools
    groups: NDArray[np.intp]
    drawings: Drawings | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def share(self, burst: int) -> NDArray[np.float64]:
        """Say in what share of epochs each frame is learned from, [N], at `burst` of a group."""
        _, group, count = np.unique(self.groups, return_inverse=True, return_counts=True)
        return np.minimum(1.0, burst / count)[group]

    def epoch_size(self, burst: int) -> int:
        """Count the frames of an epoch that takes at most `burst` of each group."""
        return round(float(self.share(burst).sum()))

    def take(self, positions: NDArray[np.intp]) -> "Frames":
        """Give some of the frames, by their positions in these."""
        return replace(
            self,
            rows=self.rows[positions],
            present=self.present[positions],
            known=self.known[positions],
            groups=self.groups[positions],
        )

    def draw(self, burst: int, rng: np.random.Generator, sampling: float = 0.0) -> NDArray[np.intp]:
        """Draw an epoch: positions in shuffled order, at most `burst` of each group.

        With `sampling` some are then left out and others repeated, so that a label that n frames
        carry is drawn in proportion to n to the power of 1 - `sampling`; the number stays.
        """
        order = rng.permutation(len(self))
        _, group = np.unique(self.groups[order], return_inverse=True)
        # The how-manieth of its group each frame is, in the shuffled order.
        by_group = np.argsort(group, kind="stable")
        starts = np.searchsorted(group[by_group], group[by_group])
        place = np.empty(len(self), np.intp)
        place[by_group] = np.arange(len(self)) - starts
        drawn = order[place < burst]
        return drawn if sampling == 0.0 else self._balanced(drawn, rng, sampling)

    def _balanced(
        self, drawn: NDArray[np.intp], rng: np.random.Generator, sampling: float
    ) -> NDArray[np.intp]:
        labels = np.concatenate([self.present, self.known], axis=1)[drawn]
        _, label, count = np.unique(labels, axis=0, return_inverse=True, return_counts=True)
        weight = count[label.ravel()] ** -sampling
        # Systematic sampling: each frame as often as its weight says, rounded up or down.
        edges = np.cumsum(weight) * (len(drawn) / weight.sum())
        edges[-1] = len(drawn)
        upto = np.floor(edges + rng.random()).astype(int)
        return rng.permutation(np.repeat(drawn, np.diff(upto, prepend=0)))
