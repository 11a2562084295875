"""95 % intervals that resample whole groups.

Frames of one group are near-copies: to resample frames one by one would count one scene as dozens
of witnesses, and make every interval too narrow.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from endolink.model.manifest import Figure

Reals = NDArray[np.float64]
# Takes weights [..., frames], how often each frame counts, and gives the figure [...]; NaN where
# such frames do not determine it.
Measure = Callable[[Reals], Reals]

RESAMPLES = 1000
# The weights of so many frames are held at once.
_MOST_AT_ONCE = 4_000_000
# A figure that fewer of the resamples determine has no interval.
_DETERMINED = 0.5


class Bootstrap:
    """The percentile bootstrap over groups (Field & Welsh, "Bootstrapping clustered data", 2007).

    The same draws serve every figure, so that two figures' difference has an honest interval too.
    With fewer than two groups nothing can be resampled, and no figure has an interval.
    """

    def __init__(self, groups: Sequence[str], *, seed: int = 0, resamples: int = RESAMPLES) -> None:
        names, self._member = np.unique(np.asarray(groups, str), return_inverse=True)
        self.groups = len(names)
        rng = np.random.default_rng(seed)
        share = np.full(self.groups, 1 / max(self.groups, 1))
        self._draws = (
            rng.multinomial(self.groups, share, size=resamples)
            if self.groups > 1
            else np.zeros((0, self.groups), np.int64)
        )

    def spread(self, measure: Measure) -> Reals:
        """Give the measure in every resample, [resamples, ...]."""
        step = max(1, _MOST_AT_ONCE // max(1, len(self._member)))
        parts = [
            np.asarray(measure(self._draws[start : start + step][:, self._member].astype(float)))
            for start in range(0, len(self._draws), step)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, *self.value(measure).shape))

    def value(self, measure: Measure) -> Reals:
        """Give the measure where every frame counts once."""
        return np.asarray(measure(np.ones(len(self._member))))

    def interval(self, measure: Measure) -> tuple[Reals, Reals]:
        """Give the 2.5th and the 97.5th percentile, NaN where too few resamples determine them."""
        spread = self.spread(measure)
        shape = spread.shape[1:]
        if not len(spread):
            return np.full(shape, np.nan), np.full(shape, np.nan)
        enough = np.mean(~np.isnan(spread), axis=0) >= _DETERMINED
        # A column without a single number would make NumPy warn.
        low, high = np.nanpercentile(np.where(enough, spread, 0.0), [2.5, 97.5], axis=0)
        return np.where(enough, low, np.nan), np.where(enough, high, np.nan)

    def figure(self, name: str, measure: Measure, finding: str | None = None) -> Figure | None:
        """Measure with an interval; None where the frames do not determine the figure.

        A calibration error is biased upwards in resamples: where the interval would miss the value
        it is widened to hold it.
        """
        value = float(self.value(measure))
        if np.isnan(value):
            return None
        low, high = (float(end) for end in self.interval(measure))
        if np.isnan(low):
            return Figure(name, value, finding=finding)
        return Figure(name, value, min(low, value), max(high, value), finding)

    def share(
        self,
        name: str,
        flags: NDArray[np.bool_],
        where: NDArray[np.bool_],
        finding: str | None = None,
    ) -> Figure | None:
        """Measure the share of `flags` among the frames of `where`, as `figure` does.

        Where all or none are set, resamples cannot differ, and an interval without width would
        claim what a few frames cannot show: it is Clopper & Pearson's, as of one frame a group.
        Nor can they where all the frames are of one group: the share has no interval then.
        """
        made = self.figure(name, mean_where(flags.astype(float), where), finding)
        if made is None:
            return None
        count = len(np.unique(self._member[where]))
        if 0 < made.value < 1:
            return made if count > 1 else Figure(name, made.value, finding=finding)
        near = float(0.025 ** (1 / count))
        low, high = (0.0, 1 - near) if made.value == 0 else (near, 1.0)
        return Figure(name, made.value, low, high, finding)


def ratio(part: Reals, whole: Reals) -> Reals:
    """Divide, NaN where `whole` is 0."""
    whole = np.asarray(whole, float)
    nothing = np.full(whole.shape, np.nan)
    return np.asarray(np.divide(part, whole, out=nothing, where=whole > 0))


def mean_where(values: Reals, where: NDArray[np.bool_]) -> Measure:
    """Make the measure that averages `values` [frames] over the frames of `where`."""
    counted = where.astype(float)
    scaled = np.where(where, values, 0.0)
    return lambda weights: ratio(weights @ scaled, weights @ counted)
