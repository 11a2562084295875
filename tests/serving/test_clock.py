import random

import pytest

from endolink.serving.clock import KEEP_S, ClientClock


def test_at_first_the_hello_is_believed() -> None:
    clock = ClientClock(client_s=5.0, received_s=105.02)
    assert clock.ours(6.0) == pytest.approx(106.02)
    assert clock.round_trip_s is None
    assert clock.last_round_trip_s is None


def test_the_exchange_of_least_round_trip_decides() -> None:
    clock = ClientClock(0.0, 100.5)
    rng = random.Random(1)
    for second in range(10):
        up, down = 0.02 + rng.expovariate(50), 0.02 + rng.expovariate(50)
        if second == 5:
            up = down = 0.02
        sent = 100.0 + second
        clock.observe(sent, sent + up - 100.0, sent + up + down)
    assert clock.ours(7.0) == pytest.approx(107.0)
    assert clock.theirs(107.0) == pytest.approx(7.0)
    assert clock.round_trip_s == pytest.approx(0.04)
    assert clock.last_round_trip_s is not None
    assert clock.last_round_trip_s > 0.04


def test_the_error_is_at_most_half_of_the_round_trip() -> None:
    clock = ClientClock(0.0, 100.0)
    clock.observe(100.0, 0.08, 100.1)  # 80 ms there, 20 back
    assert abs(clock.ours(1.0) - 101.0) <= 0.05


def test_a_clock_that_drifts_is_followed() -> None:
    clock = ClientClock(0.0, 0.0)
    for step in range(200):
        ours = step * 0.5
        clock.observe(ours, (ours + 0.01) * 1.0001, ours + 0.02)
    assert clock.ours(100.0 * 1.0001) == pytest.approx(100.0, abs=100e-6 * KEEP_S)


def test_an_answer_before_its_question_is_an_error() -> None:
    with pytest.raises(ValueError, match="before its question"):
        ClientClock(0.0, 0.0).observe(2.0, 0.0, 1.0)
