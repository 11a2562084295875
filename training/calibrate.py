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
    specificity: float,
    measured_on: str,
) -> tuple[OperatingPoint, ...]:
    """Choose each finding's threshold on its probability, [N, findings].

    Of all thresholds whose specificity is at least the one asked for, that of highest sensitivity,
    of equals that of highest specificity; it lies half-way to the next frame below. Where no frame
    shows the finding, or none lacks it, sensitivity or specificity cannot be measured and is 0.
    """
    return tuple(
        _point(
            code,
            chances[known[:, column], column],
            present[known[:, column], column],
            specificity=specificity,
            measured_on=measured_on,
        )
        for column, code in enumerate(findings)
    )


def _point(
    code: str, scores: Reals, present: Flags, *, specificity: float, measured_on: str
) -> OperatingPoint:
    levels = np.unique(np.concatenate([[0.0], scores, [1.0]]))
    thresholds = (levels[1:] + levels[:-1]) / 2
    passed = scores[None, :] >= thresholds[:, None]
    sensitive = (passed & present).sum(1) / max(present.sum(), 1)
    specific = (~passed & ~present).sum(1) / max((~present).sum(), 1)
    # Where not even the highest threshold is specific enough, the most specific one is taken.
    enough = specific >= min(specificity, specific.max())
    best = max(np.flatnonzero(enough), key=lambda index: (sensitive[index], specific[index]))
    return OperatingPoint(
        code=code,
        threshold=float(thresholds[best]),
        rule=f"specificity {specificity:g} or more, then highest sensitivity",
        sensitivity=float(sensitive[best]),
        specificity=float(specific[best]),
        measured_on=measured_on,
    )
