"""Figures out of labels and probabilities, each with an interval that resamples whole groups."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from endolink.model.manifest import Figure
from endolink.training.intervals import RESAMPLES, Bootstrap, Measure, ratio

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]

CALIBRATION_BINS = 15
# Sensitivity is also told where specificity is held at these.
SPECIFICITIES = (0.9, 0.95, 0.97)


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

    def part(self, rows: NDArray[np.intp]) -> "Judged":
        """Give the frames of `rows`."""
        return replace(
            self,
            present=self.present[rows],
            known=self.known[rows],
            probabilities=self.probabilities[rows],
            called=self.called[rows],
            groups=tuple(self.groups[row] for row in rows),
        )


def figures(judged: Judged, *, seed: int = 0, resamples: int = RESAMPLES) -> tuple[Figure, ...]:
    """Measure everything, with 95 % percentile intervals of a bootstrap over groups.

    `macro-f1`, `mcc`, `balanced-accuracy` and `accuracy` are of the top finding, as in the
    literature on HyperKvasir, over the frames that show exactly one; where there is but one finding
    they are of its being called present. `macro-auroc`, `ece` and `brier` without a finding are
    means over the findings. `sensitivity` and `specificity` are at the operating points. A figure
    that the frames do not determine (no frame shows the finding) is left out.
    """
    bootstrap = Bootstrap(judged.groups, seed=seed, resamples=resamples)
    made: list[Figure | None] = [
        bootstrap.figure(name, measure) for name, measure in _overall(judged)
    ]
    for number, code in enumerate(judged.findings):
        known, present = judged.known[:, number], judged.present[:, number]
        called = judged.called[:, number]
        made.append(bootstrap.share("sensitivity", called, known & present, code))
        made.append(bootstrap.share("specificity", ~called, known & ~present, code))
        made += [
            bootstrap.figure(name, _of_column(judged, number, measure), code)
            for name, measure in _SCORED.items()
        ]
    return tuple(figure for figure in made if figure is not None)


def top_scores(judged: Judged) -> tuple[float, float]:
    """Give macro-F1 and MCC of the top finding, over the frames that show exactly one.

    They are 0 where the frames do not determine them.
    """
    confusion = Confusion(judged)(np.ones(len(judged)))
    return float(macro_f1(confusion)), float(np.nan_to_num(matthews(confusion)))


def macro_f1(confusion: Reals) -> Reals:
    """Average the F1 of every class that occurs; `confusion` [..., true, predicted] counts."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, called = confusion.sum(-1), confusion.sum(-2)
    occurs = true > 0
    each = np.where(occurs, 2 * hits / np.where(occurs, true + called, 1), 0.0)
    return ratio(each.sum(-1), occurs.sum(-1))


def matthews(confusion: Reals) -> Reals:
    """Give Matthews' correlation for several classes (Gorodkin, Comput. Biol. Chem. 2004).

    It is 0 where all is called the same, as scikit-learn has it. Where all is the same, nothing can
    correlate with it, and it is NaN: a resample without the one scene that shows a finding would
    otherwise drag the interval down to 0.
    """
    hits = np.trace(confusion, axis1=-2, axis2=-1)
    true, called = confusion.sum(-1), confusion.sum(-2)
    total = true.sum(-1)
    spread = (total**2 - (called**2).sum(-1)) * (total**2 - (true**2).sum(-1))
    top = hits * total - (true * called).sum(-1)
    value = np.where(spread > 0, top / np.sqrt(np.where(spread > 0, spread, 1.0)), 0.0)
    return np.where((true > 0).sum(-1) > 1, value, np.nan)


def balanced_accuracy(confusion: Reals) -> Reals:
    """Average the recall of every class that occurs."""
    recall = ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1))
    occurs = ~np.isnan(recall)
    return ratio(np.where(occurs, recall, 0.0).sum(-1), occurs.sum(-1))


def auroc(present: Flags, scores: Reals, weights: Reals) -> Reals:
    """Give the chance that a frame with the finding scores above one without; ties count half.

    `weights` is [..., N], the result [...], as for all that follow.
    """
    with_it, without = stepped(present, scores, weights)
    above = np.cumsum(with_it, -1) - with_it
    area = (without * (above + with_it / 2)).sum(-1)
    return ratio(area, with_it.sum(-1) * without.sum(-1))


def auprc(present: Flags, scores: Reals, weights: Reals) -> Reals:
    """Give the average precision: the area under precision over recall, as steps."""
    with_it, without = stepped(present, scores, weights)
    hits, alarms = np.cumsum(with_it, -1), np.cumsum(without, -1)
    precision = np.nan_to_num(ratio(hits, hits + alarms))
    return ratio((with_it * precision).sum(-1), with_it.sum(-1))


def sensitivity_at(present: Flags, scores: Reals, weights: Reals, *, specificity: float) -> Reals:
    """Give the highest sensitivity of any threshold whose specificity is at least this."""
    with_it, without = stepped(present, scores, weights)
    hits, alarms = np.cumsum(with_it, -1), np.cumsum(without, -1)
    total = without.sum(-1)
    allowed = alarms <= (1 - specificity) * total[..., None] + 1e-9
    best = np.where(allowed, hits, 0.0).max(-1)
    return np.where(total > 0, ratio(best, with_it.sum(-1)), np.nan)


def calibration_error(present: Flags, scores: Reals, weights: Reals) -> Reals:
    """Give the expected calibration error over equally wide bins (Guo et al., ICML 2017)."""
    bins = np.minimum((scores * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    inside = (bins[:, None] == np.arange(CALIBRATION_BINS)) * (present - scores)[:, None]
    return ratio(np.abs(weights @ inside).sum(-1), weights.sum(-1))


def brier(present: Flags, scores: Reals, weights: Reals) -> Reals:
    """Give the mean squared difference of probability and truth (Brier 1950); 0 is best."""
    return ratio(weights @ (scores - present) ** 2, weights.sum(-1))


class Confusion:
    """Counts [..., true, called] for weights [..., N], with `labels` for either side.

    Of several findings it is the top one that is called, over the frames that show exactly one; of
    a single finding it is whether it was called present, and `none` stands for where it is not.
    """

    def __init__(self, judged: Judged) -> None:
        if len(judged.findings) == 1:
            self.labels: tuple[str, ...] = ("none", *judged.findings)
            self.counted = judged.known[:, 0]
            true = judged.present[:, 0].astype(int)
            called = judged.called[:, 0].astype(int)
        else:
            self.labels = judged.findings
            self.counted = (judged.present.sum(1) == 1) & judged.known.all(1)
            true = judged.present.argmax(1)
            called = judged.probabilities.argmax(1)
        kinds = len(self.labels)
        cell = true * kinds + called
        self._cells = (cell[:, None] == np.arange(kinds**2)) * self.counted[:, None].astype(float)

    def __call__(self, weights: Reals) -> Reals:
        kinds = len(self.labels)
        return np.asarray((weights @ self._cells).reshape(*weights.shape[:-1], kinds, kinds))


def _accuracy(confusion: Reals) -> Reals:
    return ratio(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum((-2, -1)))


_TOP: dict[str, Callable[[Reals], Reals]] = {
    "macro-f1": macro_f1,
    "mcc": matthews,
    "balanced-accuracy": balanced_accuracy,
    "accuracy": _accuracy,
}

_Column = Callable[[Flags, Reals, Reals], Reals]


def _at(specificity: float) -> _Column:
    return lambda present, scores, weights: sensitivity_at(
        present, scores, weights, specificity=specificity
    )


_SCORED: dict[str, _Column] = {
    "auroc": auroc,
    "auprc": auprc,
    "ece": calibration_error,
    "brier": brier,
    **{f"sensitivity-at-specificity-{level:g}": _at(level) for level in SPECIFICITIES},
}
_MEANS = {"macro-auroc": auroc, "ece": calibration_error, "brier": brier}


def _overall(judged: Judged) -> Iterator[tuple[str, Measure]]:
    confusion = Confusion(judged)
    for name, summary in _TOP.items():
        yield name, _of_confusion(confusion, summary)
    for name, measure in _MEANS.items():
        yield name, _of_all(judged, measure)


def _of_confusion(confusion: Confusion, summary: Callable[[Reals], Reals]) -> Measure:
    return lambda weights: summary(confusion(weights))


def _of_all(judged: Judged, measure: _Column) -> Measure:
    """Average over the findings that are determined."""
    each = [_of_column(judged, number, measure) for number in range(len(judged.findings))]

    def mean(weights: Reals) -> Reals:
        values = np.stack([one(weights) for one in each])
        told = ~np.isnan(values)
        return ratio(np.where(told, values, 0.0).sum(0), told.sum(0))

    return mean


def _of_column(judged: Judged, number: int, measure: _Column) -> Measure:
    known = judged.known[:, number]
    present, scores = judged.present[known, number], judged.probabilities[known, number]
    return lambda weights: measure(present, scores, weights[..., known])


def stepped(present: Flags, scores: Reals, weights: Reals) -> tuple[Reals, Reals]:
    """Give the weights with and without the finding at each distinct score, highest first."""
    if not len(scores):
        nothing = np.zeros((*weights.shape[:-1], 1))
        return nothing, nothing
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    sorted_weights, shows = weights[..., order], present[order]
    with_it = np.add.reduceat(sorted_weights * shows, starts, axis=-1)
    without = np.add.reduceat(sorted_weights * ~shows, starts, axis=-1)
    return with_it, without
