"""Figures out of labels and probabilities, each with an interval that resamples whole groups.

Frames of one group are near-copies: to resample frames one by one would count one scene as dozens
of witnesses, and make every interval too narrow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from endolink.model.manifest import Figure

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]

RESAMPLES = 1000
CALIBRATION_BINS = 15


@dataclass(frozen=True, eq=False)
class Judged:
    """Frames with their labels and verdicts: every array is [N, findings], `groups` one a frame.

    `probabilities` are in [0, 1]; `called` is where a finding passed its operating point.
    """

    findings: tuple[str, ...]
    present: Flags
    known: Flags
    probabilities: Reals
    called: Flags
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.groups)


def figures(judged: Judged, *, seed: int = 0, resamples: int = RESAMPLES) -> tuple[Figure, ...]:
    """Measure everything, with 95 % percentile intervals of a bootstrap over groups.

    `macro-f1`, `mcc` and `accuracy` are of the top finding, as in the literature on HyperKvasir,
    over the frames that show exactly one. `sensitivity` and `specificity` are at the operating
    points. A figure that the frames do not determine (no frame shows the finding) is left out.
    """
    _, member = np.unique(judged.groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    count = int(member.max()) + 1
    draws = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
    measured = []
    for name, finding, measure in _measures(judged):
        value = measure(np.ones(len(judged)))
        if np.isnan(value):
            continue
        spread = np.array([measure(draw[member].astype(float)) for draw in draws])
        low, high = np.nanpercentile(spread, [2.5, 97.5])
        measured.append(Figure(name, float(value), float(low), float(high), finding))
    return tuple(measured)


def top_scores(judged: Judged) -> tuple[float, float]:
    """Give macro-F1 and MCC of the top finding, over the frames that show exactly one."""
    table = _Top(judged)
    weights = np.ones(len(judged))
    return macro_f1(table(weights)), matthews(table(weights))


def macro_f1(confusion: Reals) -> float:
    """Average the F1 of every class that occurs; `confusion` counts [true, predicted]."""
    hits, true, called = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    occurs = true > 0
    return float(np.mean(2 * hits[occurs] / (true + called)[occurs])) if occurs.any() else np.nan


def matthews(confusion: Reals) -> float:
    """Give Matthews' correlation for several classes (Gorodkin, Comput. Biol. Chem. 2004).

    It is 0 where all is called the same, or is the same, as scikit-learn has it.
    """
    hits, true, called = np.trace(confusion), confusion.sum(1), confusion.sum(0)
    total = confusion.sum()
    spread = (total**2 - called @ called) * (total**2 - true @ true)
    if not total:
        return np.nan
    return float((hits * total - true @ called) / np.sqrt(spread)) if spread > 0 else 0.0


def auroc(present: Flags, scores: Reals, weights: Reals) -> float:
    """Give the chance that a frame with the finding scores above one without; ties count half."""
    _, rank = np.unique(scores, return_inverse=True)
    with_it = np.bincount(rank, weights * present)
    without = np.bincount(rank, weights * ~present)
    pairs = with_it.sum() * without.sum()
    if not pairs:
        return np.nan
    below = np.cumsum(without) - without
    return float(with_it @ (below + without / 2) / pairs)


def calibration_error(present: Flags, scores: Reals, weights: Reals) -> float:
    """Give the expected calibration error over equally wide bins (Guo et al., ICML 2017)."""
    bins = np.minimum((scores * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gap = np.bincount(bins, weights * (present - scores))
    total = weights.sum()
    return float(np.abs(gap).sum() / total) if total else np.nan


class _Top:
    """The confusion [true, predicted] of the top finding, for any weights of the frames."""

    def __init__(self, judged: Judged) -> None:
        self.single = (judged.present.sum(1) == 1) & judged.known.all(1)
        self.kinds = judged.present.shape[1]
        true = judged.present[self.single].argmax(1)
        self.cell = true * self.kinds + judged.probabilities[self.single].argmax(1)

    def __call__(self, weights: Reals) -> Reals:
        counted = np.bincount(self.cell, weights[self.single], self.kinds**2)
        return np.asarray(counted.reshape(self.kinds, self.kinds), float)


Measure = Callable[[Reals], float]


def _measures(judged: Judged) -> Sequence[tuple[str, str | None, Measure]]:
    top = _Top(judged)
    measures: list[tuple[str, str | None, Measure]] = [
        ("macro-f1", None, lambda weights: macro_f1(top(weights))),
        ("mcc", None, lambda weights: matthews(top(weights))),
        ("accuracy", None, lambda weights: _ratio(np.diag(top(weights)), top(weights))),
    ]
    for column, code in enumerate(judged.findings):
        measures += [
            (name, code, _of_column(judged, column, measure)) for name, measure in _SINGLE.items()
        ]
    return measures


def _of_column(judged: Judged, column: int, measure: "_Column") -> Measure:
    known = judged.known[:, column]
    present, called = judged.present[known, column], judged.called[known, column]
    scores = judged.probabilities[known, column]
    return lambda weights: measure(present, called, scores, weights[known])


_Column = Callable[[Flags, Flags, Reals, Reals], float]

_SINGLE: dict[str, _Column] = {
    "sensitivity": lambda present, called, _, weights: _ratio(
        weights[present & called], weights[present]
    ),
    "specificity": lambda present, called, _, weights: _ratio(
        weights[~present & ~called], weights[~present]
    ),
    "auroc": lambda present, _, scores, weights: auroc(present, scores, weights),
    "ece": lambda present, _, scores, weights: calibration_error(present, scores, weights),
}


def _ratio(part: Reals, whole: Reals) -> float:
    total = whole.sum()
    return float(part.sum() / total) if total else np.nan
