import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from endolink.model.calibration import probabilities


@given(st.lists(st.floats(-1e4, 1e4), min_size=1), st.floats(0.05, 20))
def test_it_is_the_sigmoid_of_the_scaled_logit(logits: list[float], temperature: float) -> None:
    found = probabilities(np.array([logits]), temperature)
    assert found == pytest.approx(expit(np.array([logits]) / temperature), abs=1e-12)
    assert found.dtype == np.float64
    assert ((found >= 0) & (found <= 1)).all()


def test_a_higher_temperature_is_less_sure_and_keeps_the_order() -> None:
    logits = np.array([[-3.0, 0.0, 4.0]])
    cool, warm = probabilities(logits, 1.0)[0], probabilities(logits, 3.0)[0]
    assert np.abs(warm - 0.5)[[0, 2]].tolist() < np.abs(cool - 0.5)[[0, 2]].tolist()
    assert cool[1] == warm[1] == 0.5
    assert (np.argsort(cool) == np.argsort(warm)).all()
