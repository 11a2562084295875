import numpy as np
import pytest

from endolink.training.intervals import Bootstrap, mean_where, ratio


def test_an_interval_of_a_mean_is_the_textbooks() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(3.0, 2.0, 400)
    bootstrap = Bootstrap([str(number) for number in range(400)], resamples=2000)
    figure = bootstrap.figure("mean", mean_where(values, np.ones(400, bool)))
    assert figure is not None
    assert figure.value == pytest.approx(values.mean())
    margin = 1.96 * values.std() / 20
    assert figure.low == pytest.approx(values.mean() - margin, abs=0.03)
    assert figure.high == pytest.approx(values.mean() + margin, abs=0.03)


def test_copies_in_a_group_do_not_narrow_it() -> None:
    rng = np.random.default_rng(1)
    values = np.repeat(rng.random(30), 20)
    everything = np.ones(600, bool)
    groups = [str(number // 20) for number in range(600)]
    honest = Bootstrap(groups).interval(mean_where(values, everything))
    naive = Bootstrap([str(number) for number in range(600)]).interval(
        mean_where(values, everything)
    )
    assert honest[1] - honest[0] > 3 * (naive[1] - naive[0])


def test_one_group_gives_a_value_without_an_interval() -> None:
    figure = Bootstrap(["a"] * 5).figure("x", mean_where(np.arange(5.0), np.ones(5, bool)))
    assert figure is not None
    assert (figure.value, figure.low, figure.high) == (2.0, None, None)


def test_a_figure_that_few_resamples_determine_has_no_interval() -> None:
    where = np.zeros(200, bool)
    where[0] = True
    bootstrap = Bootstrap([str(number) for number in range(200)])
    figure = bootstrap.figure("x", mean_where(np.ones(200), where))
    # A single frame is in 63 % of the resamples; of two that must both be there it is 40 %.
    assert figure is not None
    assert figure.low == 1.0

    def both(weights: np.ndarray) -> np.ndarray:
        return ratio(weights[..., 0] * weights[..., 1], weights[..., 0] * weights[..., 1])

    figure = bootstrap.figure("x", both)
    assert figure is not None
    assert figure.low is None


def test_what_the_frames_do_not_determine_is_no_figure() -> None:
    assert Bootstrap(["a", "b"]).figure("x", mean_where(np.ones(2), np.zeros(2, bool))) is None


def test_many_frames_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values, groups = np.arange(12.0), [str(number // 2) for number in range(12)]
    whole = Bootstrap(groups).spread(mean_where(values, np.ones(12, bool)))
    monkeypatch.setattr("endolink.training.intervals._MOST_AT_ONCE", 50)
    parts = Bootstrap(groups).spread(mean_where(values, np.ones(12, bool)))
    assert np.array_equal(whole, parts)
