from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from endolink.model.manifest import ValidatedInput
from endolink.serving.link import (
    CEILING_QUALITY,
    FIRST_RUNG,
    FPS_LEAST,
    FPS_MOST,
    RUNGS,
    WINDOW_LEAST,
    WINDOW_MOST,
    LinkAdvisor,
    Range,
)
from endolink.serving.wire import Advice

PICTURES = Range.of(ValidatedInput(min_side=160, jpeg_quality=40), 224)


@dataclass
class Link:
    """A link of some rate and round trip under a sender that follows the advice."""

    mbit_s: float
    round_trip_s: float
    jitter_s: float = 0.0

    def run(self, advisor: LinkAdvisor, seconds: float, start_s: float = 0.0) -> list[Advice]:
        rng = np.random.default_rng(1)
        now, free, said = start_s, start_s, []
        while now < start_s + seconds:
            advice = advisor.advice
            # About what a JPEG of an endoscope's picture takes: 1.2 bits a pixel at quality 75.
            size = int(advice.side**2 * 1.25 * 0.15 * (advice.quality / 75) ** 1.5)
            if free - now < 0.2:  # the window would not let more out
                free = max(now, free) + size * 8 / (self.mbit_s * 1e6)
                arrived = free + self.round_trip_s / 2 + rng.exponential(self.jitter_s or 1e-9)
                advisor.arrived(now, arrived, size, self.round_trip_s)
                advisor.answered(now, arrived + 0.01, self.round_trip_s)
            changed = advisor.think(now)
            said += [changed] if changed else []
            now += 1 / min(25, advice.fps)
        return said


def test_the_range_is_the_bundles_own() -> None:
    assert PICTURES.rung(0) == (160, 40)
    assert PICTURES.rung(RUNGS - 1) == (320, CEILING_QUALITY)
    high = Range.of(ValidatedInput(min_side=600, jpeg_quality=95), 224)
    assert high.rung(0) == high.rung(RUNGS - 1) == (600, 95)
    with pytest.raises(ValueError, match="poorer"):
        Range(200, 50, 100, 60)


def test_a_session_begins_low_and_climbs_to_the_ceiling_where_there_is_room() -> None:
    advisor = LinkAdvisor(PICTURES)
    assert (advisor.advice.side, advisor.advice.quality) == PICTURES.rung(FIRST_RUNG)
    Link(mbit_s=200, round_trip_s=0.012, jitter_s=0.001).run(advisor, 60)
    assert (advisor.advice.side, advisor.advice.quality) == PICTURES.rung(RUNGS - 1)
    assert advisor.advice.fps == FPS_MOST


def test_on_a_narrow_link_it_stays_low_and_never_below_what_was_validated() -> None:
    advisor = LinkAdvisor(PICTURES)
    said = Link(mbit_s=0.3, round_trip_s=0.05).run(advisor, 60)
    assert said
    assert all(advice.side >= 160 and advice.quality >= 40 for advice in said)
    assert (advisor.advice.side, advisor.advice.quality) == (160, 40)
    assert FPS_LEAST <= advisor.advice.fps < FPS_MOST


def test_a_link_that_narrows_is_followed_down_within_seconds_and_up_again() -> None:
    advisor = LinkAdvisor(PICTURES)
    Link(mbit_s=50, round_trip_s=0.02).run(advisor, 40)
    high = advisor.advice
    Link(mbit_s=2, round_trip_s=0.02).run(advisor, 5, start_s=40)
    assert advisor.advice.side < high.side
    Link(mbit_s=50, round_trip_s=0.02).run(advisor, 200, start_s=45)
    assert advisor.advice.side == high.side


def test_a_rung_that_is_too_high_is_tried_ever_more_rarely() -> None:
    advisor = LinkAdvisor(PICTURES)
    said = Link(mbit_s=6, round_trip_s=0.03).run(advisor, 300)
    changes = [b.side != a.side for a, b in pairwise(said)]
    assert sum(changes) < 40
    assert advisor.advice.side > 160


def test_repairs_of_loss_make_pictures_smaller_and_leave_none_out() -> None:
    advisor = LinkAdvisor(PICTURES)
    rng = np.random.default_rng(3)
    for number in range(25 * 60):
        now = number / 25
        # Two frames in three wait for a lost packet to be sent again, one comes through.
        late = 0.005 if number % 3 == 0 else 0.005 + rng.uniform(0.03, 0.12)
        advisor.arrived(now, now + 0.062 + late, 3000, 0.124)
        advisor.answered(now, now + 0.075 + late, 0.124)
        advisor.think(now)
    assert (advisor.advice.side, advisor.advice.quality) == PICTURES.rung(0)
    assert advisor.advice.fps == FPS_MOST


def test_frames_that_a_queue_left_out_come_back_where_losses_go_on_without_one() -> None:
    advisor = LinkAdvisor(PICTURES)

    def send(begin_s: int, end_s: int, excess_s: float) -> None:
        for number in range(25 * begin_s, 25 * end_s):
            now = number / 25
            advisor.arrived(now, now + 0.062 + excess_s, 3000, 0.124)
            advisor.answered(now, now + 0.075 + excess_s, 0.124)
            advisor.think(now)

    send(0, 20, 0.2)
    assert advisor.advice.fps == FPS_LEAST
    # More than where there is room, less than where there is a queue: as far as it gets.
    send(20, 32, 0.016)
    assert advisor.advice.fps == FPS_MOST
    assert (advisor.advice.side, advisor.advice.quality) == PICTURES.rung(0)


def test_a_burst_of_losses_leaves_no_frames_out() -> None:
    advisor = LinkAdvisor(PICTURES)
    for number in range(25 * 60):
        now = number / 25
        # Every five seconds all frames of half a second wait for what is sent again.
        late = 0.2 if now % 5 < 0.5 else 0.016
        advisor.arrived(now, now + 0.062 + late, 3000, 0.124)
        advisor.think(now)
    assert advisor.advice.fps == FPS_MOST


def test_jitter_alone_does_not_bring_it_down() -> None:
    advisor = LinkAdvisor(PICTURES)
    Link(mbit_s=20, round_trip_s=0.124, jitter_s=0.008).run(advisor, 30)
    assert advisor.advice.side >= PICTURES.rung(FIRST_RUNG)[0]
    assert advisor.advice.fps == FPS_MOST


@pytest.mark.parametrize(("round_trip_s", "least", "most"), [(0.002, 2, 3), (0.124, 7, 10)])
def test_the_window_fits_the_round_trip(round_trip_s: float, least: int, most: int) -> None:
    advisor = LinkAdvisor(PICTURES)
    Link(mbit_s=50, round_trip_s=round_trip_s).run(advisor, 5)
    assert least <= advisor.advice.window <= most


def test_the_window_is_bounded() -> None:
    advisor = LinkAdvisor(PICTURES)
    Link(mbit_s=50, round_trip_s=5.0).run(advisor, 5)
    assert advisor.advice.window == WINDOW_MOST
    assert advisor.advice.window > WINDOW_LEAST


def test_too_few_frames_are_no_evidence() -> None:
    advisor = LinkAdvisor(PICTURES)
    advisor.think(0.0)
    advisor.arrived(0.0, 5.0, 1000, 0.01)
    assert advisor.think(10.0) is None


def test_another_models_floor_and_ceiling_hold_at_once() -> None:
    advisor = LinkAdvisor(PICTURES)
    before = advisor.advice
    larger = Range.of(ValidatedInput(min_side=320, jpeg_quality=60), 448)
    advisor.adopt(larger)
    after = advisor.advice
    assert (after.side, after.quality) == larger.rung(FIRST_RUNG)
    assert (after.fps, after.window) == (before.fps, before.window)
