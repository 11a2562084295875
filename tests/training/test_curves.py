import numpy as np
import pytest
from sklearn import metrics as sk

from endolink.training.curves import GRID, THRESHOLDS, curves, net_benefit, precision_recall, roc
from endolink.training.metrics import Judged

RNG = np.random.default_rng(0)
PRESENT = RNG.random(300) < 0.3
SCORES = np.clip(0.35 * PRESENT + RNG.uniform(0, 0.65, 300), 0, 1).round(2)
ONES = np.ones(300)


def _judged() -> Judged:
    present = np.stack([PRESENT, ~PRESENT], 1)
    chances = np.stack([SCORES, 1 - SCORES], 1)
    groups = tuple(str(number // 3) for number in range(300))
    return Judged(
        ("polyp", "cecum"), present, np.ones_like(present), chances, chances >= 0.5, groups
    )


def test_roc_is_scikit_learns() -> None:
    rate, hits, _ = sk.roc_curve(PRESENT, SCORES, drop_intermediate=False)
    assert roc(PRESENT, SCORES, ONES) == pytest.approx(np.interp(GRID, rate, hits), abs=1e-9)


def test_precision_is_the_best_at_that_recall_or_a_higher_one() -> None:
    precision, recall, _ = sk.precision_recall_curve(PRESENT, SCORES)
    wanted = [precision[recall >= at - 1e-9].max() for at in GRID[1:]]
    # scikit-learn ends its curve with a precision of 1 that no threshold has.
    assert precision_recall(PRESENT, SCORES, ONES)[1:] == pytest.approx(wanted, abs=1e-9)


def test_net_benefit_is_vickers_and_elkins() -> None:
    at = 19
    threshold = THRESHOLDS[at]
    called = threshold <= SCORES
    true, false = (called & PRESENT).sum(), (called & ~PRESENT).sum()
    wanted = true / 300 - false / 300 * threshold / (1 - threshold)
    assert net_benefit(PRESENT, SCORES, ONES)[at] == pytest.approx(wanted)


def test_weights_count_a_frame_that_often() -> None:
    weights = np.random.default_rng(1).integers(0, 3, (2, 300)).astype(float)
    for shape in (roc, precision_recall, net_benefit):
        together = shape(PRESENT, SCORES, weights)
        for row in range(2):
            again = np.repeat(np.arange(300), weights[row].astype(int))
            alone = shape(PRESENT[again], SCORES[again], np.ones(len(again)))
            assert together[row] == pytest.approx(alone)


def test_every_curve_lies_in_its_band() -> None:
    made = curves(_judged(), resamples=60)
    for family in (made.roc, made.precision_recall, made.reliability, made.decision):
        assert [curve.finding for curve in family] == ["polyp", "cecum"]
        for curve in family:
            assert len(curve.x) == len(curve.y) == len(curve.low) == len(curve.high)
            ends = zip(curve.low, curve.y, curve.high, strict=True)
            assert all(low <= y <= high for low, y, high in ends)


def test_the_bins_of_a_reliability_hold_every_frame() -> None:
    (curve, _) = curves(_judged(), resamples=20).reliability
    assert sum(curve.count) == 300
    shown = sum(share * count for share, count in zip(curve.y, curve.count, strict=True))
    assert shown == pytest.approx(PRESENT.sum(), abs=0.01)


def test_the_confusion_counts_single_findings_and_a_lone_finding_against_none() -> None:
    judged = _judged()
    table = curves(judged, resamples=5).confusion
    assert table.labels == ("polyp", "cecum")
    assert sum(map(sum, table.counts)) == 300
    alone = Judged(
        ("polyp",),
        judged.present[:, :1],
        judged.known[:, :1],
        judged.probabilities[:, :1],
        judged.called[:, :1],
        judged.groups,
    )
    table = curves(alone, resamples=5).confusion
    assert table.labels == ("none", "polyp")
    assert table.counts[1][1] == (PRESENT & (SCORES >= 0.5)).sum()


def test_a_finding_that_no_frame_shows_has_no_curve() -> None:
    judged = _judged()
    nothing = Judged(
        judged.findings,
        judged.present & [True, False],
        judged.known,
        judged.probabilities,
        judged.called,
        judged.groups,
    )
    assert [curve.finding for curve in curves(nothing, resamples=5).roc] == ["polyp"]
