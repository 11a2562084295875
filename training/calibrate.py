"""Turn validation logits into probabilities that hold, and into operating points."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from endolink.model.manifest import OperatingPoint

Flags = NDArray[np.bool_]
Reals = NDArray[np.float64]

# A temperature beyond these says that the validation frames are too few to tell.
_COLDEST, _HOTTEST = 0.2, 5.0


def temperature(logits: NDArray[np.floating], present: Flags, known: Flags) -> float:
    """Find the temperature of least negative log-likelihood over logits [N, findings].

    One number for all findings (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017):
    it cannot change which finding is the top one.
    """
    signed = np.where(present, -1.0, 1.0)[known] * np.asarray(logits, np.float64)[known]

    def loss(log_temperature: float) -> float:
        return float(np.logaddexp(0.0, signed / np.exp(log_temperature)).mean())

    bounds = (np.log(_COLDEST), np.log(_HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def operating_points(
    findings: Sequence[str],
    chances: Reals,
    present: Flags,
    known: Flags,
    *,
    specificity: float | None = None,
    sensitivity: float | None = None,
    measured_on: str,
) -> tuple[OperatingPoint, ...]:
    """Choose each finding's threshold on its probability, [N, findings].

    Either `specificity` is given, or `sensitivity`. Of all thresholds at which it is at least as
    high as asked for, that where the other is highest, of equals that where it is highest itself;
    the threshold lies half-way to the next frame below. Where no frame shows the finding, or none
    lacks it, sensitivity or specificity cannot be measured and is 0. Raises ValueError where not
    exactly one of the two is given.
    """
    if (specificity is None) == (sensitivity is None):
        raise ValueError("give either specificity or sensitivity")
    return tuple(
        _point(
            code,
            chances[known[:, column], column],
            present[known[:, column], column],
            specificity=specificity,
            sensitivity=sensitivity,
            measured_on=measured_on,
        )
        for column, code in enumerate(findings)
    )


def balanced_point(code: str, scores: Reals, present: Flags, *, measured_on: str) -> OperatingPoint:
    """Choose the threshold on probabilities [N] whose lesser of the two shares is greatest.

    Neither sensitivity nor specificity then gives way to the other where both fall, as they do on
    frames of another hospital.
    """
    thresholds, sensitive, specific = _shares(scores, present)
    least = np.minimum(sensitive, specific)
    best = max(np.flatnonzero(least >= least.max()), key=lambda index: sensitive[index])
    return OperatingPoint(
        code=code,
        threshold=float(thresholds[best]),
        rule="sensitivity and specificity as high as both can be at once",
        sensitivity=float(sensitive[best]),
        specificity=float(specific[best]),
        measured_on=measured_on,
    )


def _shares(scores: Reals, present: Flags) -> tuple[Reals, Reals, Reals]:
    """Give every threshold that tells scores apart, with its sensitivity and specificity."""
    levels = np.unique(np.concatenate([[0.0], scores, [1.0]]))
    thresholds = (levels[1:] + levels[:-1]) / 2
    hits, alarms = _above(scores[present], thresholds), _above(scores[~present], thresholds)
    sensitive = hits / max(int(present.sum()), 1)
    specific = ((~present).sum() - alarms) / max(int((~present).sum()), 1)
    return thresholds, sensitive, specific


def _point(
    code: str,
    scores: Reals,
    present: Flags,
    *,
    specificity: float | None,
    sensitivity: float | None,
    measured_on: str,
) -> OperatingPoint:
    thresholds, sensitive, specific = _shares(scores, present)
    if specificity is not None:
        asked, held, other = specificity, specific, sensitive
        rule = f"specificity {asked:g} or more, then highest sensitivity"
    else:
        asked, held, other = sensitivity or 0.0, sensitive, specific
        rule = f"sensitivity {asked:g} or more, then highest specificity"
    # Where no threshold gives what was asked for, the one that comes nearest is taken.
    enough = held >= min(asked, held.max())
    best = max(np.flatnonzero(enough), key=lambda index: (other[index], held[index]))
    return OperatingPoint(
        code=code,
        threshold=float(thresholds[best]),
        rule=rule,
        sensitivity=float(sensitive[best]),
        specificity=float(specific[best]),
        measured_on=measured_on,
    )


def _above(scores: Reals, thresholds: Reals) -> NDArray[np.intp]:
    """Count the scores at or above each threshold."""
    return len(scores) - np.searchsorted(np.sort(scores), thresholds, side="left")
