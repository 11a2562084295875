import numpy as np
import pytest
from sklearn import metrics as sk

from endolink.model.manifest import Figure
from endolink.training.metrics import (
    Judged,
    auroc,
    calibration_error,
    figures,
    macro_f1,
    matthews,
    top_scores,
)

CODES = ("polyp", "cecum", "bbps-2-3")


def _judged(count: int = 200, seed: int = 0) -> Judged:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 3, count)
    present = np.eye(3, dtype=bool)[true]
    chances = np.clip(0.5 * present + rng.uniform(0, 0.6, (count, 3)), 0, 1).round(2)
    groups = tuple(f"g{number // 4}" for number in range(count))
    return Judged(CODES, present, np.ones_like(present), chances, chances >= 0.5, groups)


def test_the_figures_are_scikit_learns() -> None:
    judged = _judged()
    true, top = judged.present.argmax(1), judged.probabilities.argmax(1)
    named = {(f.name, f.finding): f.value for f in figures(judged, resamples=20)}
    assert named["macro-f1", None] == pytest.approx(sk.f1_score(true, top, average="macro"))
    assert named["mcc", None] == pytest.approx(sk.matthews_corrcoef(true, top))
    assert named["accuracy", None] == pytest.approx(sk.accuracy_score(true, top))
    for column, code in enumerate(CODES):
        present, scores = judged.present[:, column], judged.probabilities[:, column]
        called = judged.called[:, column]
        assert named["auroc", code] == pytest.approx(sk.roc_auc_score(present, scores))
        assert named["sensitivity", code] == pytest.approx(sk.recall_score(present, called))
        assert named["specificity", code] == pytest.approx(
            sk.recall_score(present, called, pos_label=False)
        )


def test_weights_count_a_frame_that_often() -> None:
    rng = np.random.default_rng(3)
    present, scores = rng.random(50) < 0.4, rng.random(50).round(1)
    weights = rng.integers(0, 4, 50)
    again = np.repeat(np.arange(50), weights)
    ones = np.ones(len(again))
    for measure in (auroc, calibration_error):
        assert measure(present, scores, weights.astype(float)) == pytest.approx(
            measure(present[again], scores[again], ones)
        )


def _repeated(judged: Judged, times: int, groups: tuple[str, ...]) -> Judged:
    return Judged(
        judged.findings,
        present=np.repeat(judged.present, times, axis=0),
        known=np.repeat(judged.known, times, axis=0),
        probabilities=np.repeat(judged.probabilities, times, axis=0),
        called=np.repeat(judged.called, times, axis=0),
        groups=groups,
    )


def _width(figure: Figure) -> float:
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low <= figure.value <= figure.high
    return figure.high - figure.low


def test_intervals_hold_the_value_and_widen_where_frames_are_near_copies() -> None:
    scenes = tuple(str(number // 5) for number in range(1000))
    frames = tuple(str(number) for number in range(1000))
    honest = figures(_repeated(_judged(), 5, scenes), resamples=200)
    naive = figures(_repeated(_judged(), 5, frames), resamples=200)
    for one, other in zip(honest, naive, strict=True):
        assert one.value == other.value
        # A figure that is 1 in every resample has no width at all.
        assert _width(one) > 1.3 * _width(other) or one.value == 1.0


def test_what_is_unknown_or_undetermined_is_left_out() -> None:
    judged = _judged()
    known = judged.known.copy()
    known[:, 2] = judged.present[:, 2]
    part = Judged(CODES, judged.present, known, judged.probabilities, judged.called, judged.groups)
    names = {(f.name, f.finding) for f in figures(part, resamples=5)}
    assert ("sensitivity", "bbps-2-3") in names
    assert ("specificity", "bbps-2-3") not in names
    assert ("auroc", "bbps-2-3") not in names


def test_frames_with_no_or_several_findings_do_not_count_for_the_top_one() -> None:
    judged = _judged(60)
    present = judged.present.copy()
    present[:30] = [[True, True, False]]
    mixed = Judged(CODES, present, judged.known, judged.probabilities, judged.called, judged.groups)
    rest = slice(30, None)
    alone = Judged(
        CODES,
        present[rest],
        judged.known[rest],
        judged.probabilities[rest],
        judged.called[rest],
        judged.groups[rest],
    )
    assert top_scores(mixed) == top_scores(alone)


def test_an_empty_confusion_has_no_scores_and_a_constant_one_no_correlation() -> None:
    assert np.isnan(macro_f1(np.zeros((3, 3))))
    assert np.isnan(matthews(np.zeros((3, 3))))
    constant = np.array([[5.0, 0.0], [3.0, 0.0]])
    assert matthews(constant) == sk.matthews_corrcoef([0] * 5 + [1] * 3, [0] * 8) == 0.0


def test_a_resample_without_the_one_scene_of_a_finding_says_nothing_of_correlation() -> None:
    assert np.isnan(matthews(np.array([[5.0, 3.0], [0.0, 0.0]])))
    # Ten scenes show it; one, of ninety frames, does not, and is in five of eight resamples.
    present = np.array([True] * 10 + [False] * 90)[:, None]
    called = present.copy()
    called[[0, 50]] ^= True
    groups = tuple(str(number) if number < 10 else "burst" for number in range(100))
    chances = np.where(called, 0.9, 0.1)
    judged = Judged(("bleeding",), present, np.ones_like(present), chances, called, groups)
    found = {(f.name, f.finding): f for f in figures(judged)}
    low = found["mcc", None].low
    assert low is not None
    assert low > 0.5
    specificity = found["specificity", "bleeding"]
    assert specificity.value == pytest.approx(89 / 90)
    assert specificity.low is None
