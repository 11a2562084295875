import numpy as np
import pytest

from endolink.model.calibration import probabilities
from endolink.training.calibrate import balanced_point, operating_points, temperature


def test_the_temperature_is_found_back() -> None:
    rng = np.random.default_rng(0)
    true_logits = rng.normal(0, 2, (4000, 3))
    present = rng.random((4000, 3)) < probabilities(true_logits, 1.0)
    known = np.ones_like(present)
    assert temperature(true_logits * 2.5, present, known) == pytest.approx(2.5, rel=0.1)


def test_what_is_unknown_does_not_warm() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (2000, 2))
    present = rng.random((2000, 2)) < probabilities(logits, 1.0)
    known = np.ones_like(present)
    known[:, 1] = False
    wrong = present.copy()
    wrong[:, 1] = logits[:, 1] < 0
    assert temperature(logits, wrong, known) == temperature(logits, present, known)


def test_the_operating_point_keeps_its_specificity_and_says_what_it_measured() -> None:
    rng = np.random.default_rng(1)
    present = rng.random((500, 1)) < 0.3
    chances = np.clip(rng.normal(0.35 + 0.3 * present, 0.15), 0, 1)
    (point,) = operating_points(
        ["polyp"], chances, present, np.ones_like(present), specificity=0.95, measured_on="these"
    )
    called = chances >= point.threshold
    assert point.specificity == pytest.approx((~called & ~present).sum() / (~present).sum())
    assert point.sensitivity == pytest.approx((called & present).sum() / present.sum())
    assert 0.95 <= point.specificity < 0.97
    assert point.measured_on == "these"


def test_where_the_finding_is_told_apart_nothing_is_given_away() -> None:
    present = np.array([[False]] * 40 + [[True]] * 5)
    chances = np.array([[0.1]] * 40 + [[0.7]] * 5)
    (point,) = operating_points(
        ["polyp"], chances, present, np.ones_like(present), specificity=0.9, measured_on="these"
    )
    assert (point.threshold, point.sensitivity, point.specificity) == (pytest.approx(0.4), 1.0, 1.0)


def test_the_threshold_may_hold_sensitivity_instead() -> None:
    rng = np.random.default_rng(4)
    present = rng.random((2000, 1)) < 0.4
    chances = np.clip(rng.normal(0.35 + 0.3 * present, 0.15), 0, 1)
    (point,) = operating_points(
        ["polyp"], chances, present, np.ones_like(present), sensitivity=0.9, measured_on="these"
    )
    called = chances >= point.threshold
    assert point.sensitivity == pytest.approx(called[present].mean())
    assert 0.9 <= point.sensitivity < 0.91
    assert point.rule == "sensitivity 0.9 or more, then highest specificity"


def test_one_of_the_two_is_asked_for() -> None:
    nothing = np.zeros((1, 1))
    for asked in ({}, {"specificity": 0.9, "sensitivity": 0.9}):
        with pytest.raises(ValueError, match="either specificity or sensitivity"):
            operating_points(["polyp"], nothing, nothing > 1, nothing < 1, measured_on="", **asked)


def test_a_balanced_point_lets_neither_share_give_way() -> None:
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.uniform(0.3, 1.0, 300), rng.uniform(0.0, 0.6, 900)])
    present = np.arange(1200) < 300
    point = balanced_point("polyp", scores, present, measured_on="drawn frames")
    assert abs(point.sensitivity - point.specificity) < 0.03
    assert 0.4 < point.threshold < 0.55
    assert point.specificity == pytest.approx((scores[~present] < point.threshold).mean())
    assert "both" in point.rule
