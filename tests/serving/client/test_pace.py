from itertools import pairwise

import pytest

from endolink.serving.client.pace import FIRST_RETRY_S, LAST_RETRY_S, Pace, Retry


def test_frames_are_let_through_evenly_at_the_rate() -> None:
    pace, went, now = Pace(), [], 0.0
    for _ in range(2500):
        if pace.wait_s(now) == 0:
            went.append(now)
            pace.go(now, fps=10)
        now += 0.004
    assert len(went) == pytest.approx(100, abs=2)
    assert all(later - sooner > 0.049 for sooner, later in pairwise(went))


def test_a_camera_of_the_same_rate_that_jitters_is_not_thinned() -> None:
    pace, went = Pace(), 0
    for number in range(1000):
        now = number * 0.04 + (0.004 if number % 2 else 0.0)
        if pace.wait_s(now) <= 0.004:
            went += 1
            pace.go(now, fps=25)
    assert went == 1000


def test_retries_double_up_to_the_last_and_begin_anew() -> None:
    retry = Retry()
    delays = [retry.delay_s() for _ in range(12)]
    assert delays[0] <= FIRST_RETRY_S
    assert LAST_RETRY_S / 2 <= delays[-1] <= LAST_RETRY_S
    retry.succeeded()
    assert retry.delay_s() <= FIRST_RETRY_S
