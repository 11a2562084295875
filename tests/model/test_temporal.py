import copy
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endolink.model.errors import TimeBackwards
from endolink.model.temporal import Change, Event, TemporalRule, Watch, find_events

RULE = TemporalRule()
THRESHOLD = {"polyp": 0.4}
FRAME_S = 1 / 15


def run(
    probabilities: list[float], step_s: float = FRAME_S, usable: list[bool] | None = None
) -> list[Event]:
    times = [index * step_s for index in range(len(probabilities))]
    return find_events(times, {"polyp": probabilities}, THRESHOLD, usable=usable)


def first_alert(probabilities: list[float], step_s: float = FRAME_S) -> float:
    return run(probabilities, step_s)[0].alert_s


# One after another


def test_a_clear_finding_is_announced_within_a_quarter_of_a_second_or_so() -> None:
    probabilities = [0.02] * 15 + [0.9] * 30
    (event,) = run(probabilities)
    assert event.alert_s - 1.0 <= 0.3
    assert event.start_s < event.alert_s
    assert event.end_s == pytest.approx(44 * FRAME_S)


@pytest.mark.parametrize("before", [0.0, 0.2, 0.39])
def test_one_odd_frame_raises_nothing(before: float) -> None:
    assert run([before] * 15 + [1.0] + [before] * 15) == []


def test_one_odd_frame_ends_nothing() -> None:
    probabilities = [0.9] * 30 + [0.0] + [0.9] * 30
    assert len(run(probabilities)) == 1


def test_a_frame_alone_is_never_an_alert() -> None:
    assert run([0.99]) == []
    assert run([0.99, 0.99], step_s=RULE.forget_s + 1) == []


def test_slow_frames_alert_at_the_second() -> None:
    assert first_alert([0.1, 0.9, 0.9, 0.9], step_s=1.0) == 2.0


def test_what_hovers_about_the_threshold_does_not_come_and_go() -> None:
    rng = np.random.default_rng(0)
    hovering = [float(p) for p in rng.uniform(0.3, 0.55, 900)]
    toggles = sum((one >= 0.4) != (other >= 0.4) for one, other in pairwise(hovering))
    assert toggles > 300
    assert len(run(hovering)) <= 2


def test_an_alert_goes_off_below_its_release_and_not_before() -> None:
    above = [0.9] * 30
    assert run(above + [0.25] * 60)[0].end_s == pytest.approx(89 * FRAME_S)
    assert run(above + [0.10] * 60)[0].end_s < 40 * FRAME_S


def test_an_alert_is_held_for_its_minimum() -> None:
    (event,) = run([0.02] * 15 + [0.9] * 6 + [0.0] * 60)
    assert RULE.hold_s <= event.end_s - event.alert_s < RULE.hold_s + 2 * FRAME_S


def test_the_peak_is_the_highest_probability_of_the_event() -> None:
    probabilities = [0.01] * 10 + [0.7] * 10 + [0.97] + [0.7] * 20 + [0.01] * 40
    (event,) = run(probabilities)
    assert (event.peak_s, event.peak_probability) == (20 * FRAME_S, 0.97)


def test_findings_do_not_meddle() -> None:
    times = [index * FRAME_S for index in range(90)]
    present, absent = [0.9] * 90, [0.1] * 90
    values = {"polyp": present, "cecum": absent}
    events = find_events(times, values, {"polyp": 0.4, "cecum": 0.5})
    assert [event.finding for event in events] == ["polyp"]


# Frames that are dropped or not usable


def test_blurred_frames_do_not_end_an_alert() -> None:
    probabilities = [0.9] * 30 + [0.01] * 15 + [0.9] * 30
    usable = [True] * 30 + [False] * 15 + [True] * 30
    assert len(run(probabilities, usable=usable)) == 1
    assert len(run(probabilities)) == 2


def test_a_frame_that_is_not_usable_still_shows_its_finding() -> None:
    assert len(run([0.9] * 30, usable=[False] * 30)) == 1


def test_a_second_of_lost_frames_ends_nothing() -> None:
    times = [0.0, 0.1, 0.2, 0.3, 1.4, 1.5, 1.6]
    assert len(find_events(times, {"polyp": [0.9] * 7}, THRESHOLD)) == 1


def test_a_long_gap_ends_the_alert_when_it_was_forgotten() -> None:
    times = [0.0, 0.1, 0.2, 0.3, 60.0, 60.1, 60.2]
    first, second = find_events(times, {"polyp": [0.9] * 7}, THRESHOLD)
    assert first.end_s == pytest.approx(0.3 + RULE.forget_s)
    assert second.start_s == 60.0


def test_a_view_that_stays_unusable_ends_the_alert() -> None:
    probabilities = [0.9] * 15 + [0.0] * 45
    (event,) = run(probabilities, usable=[True] * 15 + [False] * 45)
    assert event.end_s == pytest.approx(14 * FRAME_S + RULE.forget_s)


def test_a_silent_stream_is_told_when_its_alert_lapses() -> None:
    watch = Watch(THRESHOLD)
    for time_s in (0.0, 0.1, 0.2):
        watch.update(time_s, {"polyp": 0.9})
    assert watch.elapse(1.0) == ()
    assert watch.present == {"polyp"}
    (change,) = watch.elapse(2.0)
    assert (change.present, change.time_s) == (False, pytest.approx(0.2 + RULE.forget_s))
    assert watch.present == frozenset()
    assert watch.finish() == ()


# The live stream


def test_changes_say_when_an_alert_comes_on_and_goes_off() -> None:
    watch = Watch(THRESHOLD)
    changes: list[Change] = []
    for index in range(120):
        before = watch.present
        new = watch.update(index * FRAME_S, {"polyp": 0.9 if 15 <= index < 60 else 0.0})
        assert (before != watch.present) == bool(new)
        changes += new
    on, off = changes
    assert (on.present, off.present, on.event) == (True, False, None)
    assert off.event is not None
    assert (off.event.alert_s, off.event.end_s) == (on.time_s, off.time_s)


def test_an_alert_may_come_back() -> None:
    cycle = [0.9] * 30 + [0.0] * 30
    assert len(run(cycle * 3)) == 3


@pytest.mark.parametrize("time_s", [0.9, float("nan"), float("inf")])
def test_time_does_not_run_backwards(time_s: float) -> None:
    watch = Watch(THRESHOLD)
    watch.update(1.0, {"polyp": 0.1})
    with pytest.raises(TimeBackwards, match="in their order"):
        watch.update(time_s, {"polyp": 0.1})
    with pytest.raises(TimeBackwards):
        watch.elapse(time_s)
    watch.update(1.0, {"polyp": 0.1})


def test_a_finished_watch_begins_anew() -> None:
    watch = Watch(THRESHOLD)
    assert watch.finish() == ()
    watch.update(100.0, {"polyp": 0.9})
    watch.finish()
    watch.update(0.0, {"polyp": 0.9})


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_probabilities_are_probabilities(probability: float) -> None:
    watch = Watch(THRESHOLD)
    with pytest.raises(ValueError, match="probability of polyp"):
        watch.update(0.0, {"polyp": probability})
    with pytest.raises(KeyError):
        watch.update(0.0, {"cecum": 0.5})
    with pytest.raises(ValueError, match="threshold of polyp"):
        Watch({"polyp": probability})


@pytest.mark.parametrize(
    "values",
    [
        {"time_constant_s": 0.0},
        {"rise_s": 0.0},
        {"most": 0.0},
        {"release": 3.0},
        {"release": -1.0},
        {"hold_s": 2.0},
        {"forget_s": float("inf")},
    ],
)
def test_a_rule_is_valid(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        TemporalRule(**values)


# Whatever the frames


@st.composite
def studies(draw: st.DrawFn) -> tuple[list[float], list[float], list[bool]]:
    """Frames at irregular times, whose finding comes and goes in stretches with noise upon it."""
    stretches = draw(
        st.lists(
            st.tuples(st.integers(1, 40), st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0])), max_size=10
        )
    )
    noise = draw(st.sampled_from([0.0, 0.2, 0.6]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    level = np.repeat([value for _, value in stretches], [count for count, _ in stretches])
    probabilities = np.clip(level + rng.normal(0, noise, len(level)), 0, 1)
    steps = rng.choice(
        [0.0, 0.033, 0.066, 0.2, 1.0, 5.0], len(level), p=[0.05, 0.4, 0.4, 0.1, 0.04, 0.01]
    )
    usable = rng.random(len(level)) > 0.2
    return (
        [float(time_s) for time_s in np.cumsum(steps)],
        [float(probability) for probability in probabilities],
        [bool(value) for value in usable],
    )


@given(studies(), st.floats(0, 1))
def test_no_event_flickers(
    study: tuple[list[float], list[float], list[bool]], threshold: float
) -> None:
    times, probabilities, usable = study
    events = find_events(times, {"polyp": probabilities}, {"polyp": threshold}, usable=usable)
    for event in events:
        assert times[0] <= event.start_s < event.alert_s <= event.end_s
        assert event.alert_s - event.start_s >= RULE.rise_s
        assert event.end_s - event.alert_s >= RULE.hold_s or event.end_s == times[-1]
        assert event.start_s <= event.peak_s <= event.end_s
        index = times.index(event.peak_s)
        assert event.peak_probability in probabilities[index : index + times.count(event.peak_s)]
    for one, other in pairwise(events):
        assert one.end_s <= other.start_s


@given(studies(), st.integers(0, 400))
def test_a_study_in_pieces_gives_what_it_gives_whole(
    study: tuple[list[float], list[float], list[bool]], cut: int
) -> None:
    times, probabilities, usable = study
    watch = Watch(THRESHOLD)
    changes: list[Change] = []
    for index, (time_s, probability, good) in enumerate(zip(*study, strict=True)):
        if index == cut:
            watch = copy.deepcopy(watch)
        changes += watch.update(time_s, {"polyp": probability}, usable=good)
    changes += watch.finish()
    assert [change.event for change in changes if change.event] == find_events(
        times, {"polyp": probabilities}, THRESHOLD, usable=usable
    )
    assert [change.present for change in changes] == [True, False] * (len(changes) // 2)


@given(st.floats(0.05, 0.95), st.floats(10, 60))
def test_what_is_surely_there_is_always_announced(threshold: float, rate: float) -> None:
    frames = int(rate * 3)
    times = [index / rate for index in range(frames)]
    probabilities = [0.0] * int(rate) + [1.0] * (frames - int(rate))
    (event,) = find_events(times, {"polyp": probabilities}, {"polyp": threshold})
    assert event.alert_s - int(rate) / rate <= 0.4


# Another network takes over


def test_an_alert_outlasts_a_change_of_network_until_the_new_ones_evidence_ends_it() -> None:
    watch = Watch({"polyp": 0.4})
    frames = [step * FRAME_S for step in range(60)]
    for time_s in frames[:15]:
        watch.update(time_s, {"polyp": 0.9})
    assert watch.present == {"polyp"}
    assert watch.adopt({"polyp": 0.7, "cecum": 0.5}) == ()
    assert watch.present == {"polyp"}
    changes: list[Change] = []
    for time_s in frames[15:]:
        changes += watch.update(time_s, {"polyp": 0.3, "cecum": 0.9})
    assert [(change.finding, change.present) for change in changes] == [
        ("polyp", False),
        ("cecum", True),
    ]


def test_evidence_counts_from_the_new_networks_own_threshold() -> None:
    watch = Watch({"polyp": 0.4})
    watch.adopt({"polyp": 0.7})
    for step in range(30):
        assert watch.update(step * FRAME_S, {"polyp": 0.6}) == ()


def test_what_the_new_network_does_not_know_ends_with_the_last_frame() -> None:
    watch = Watch({"polyp": 0.4, "cecum": 0.4})
    for step in range(15):
        watch.update(step * FRAME_S, {"polyp": 0.9, "cecum": 0.9})
    (change,) = watch.adopt({"polyp": 0.4})
    assert change.event is not None
    assert (change.finding, change.event.end_s) == ("cecum", 14 * FRAME_S)
    assert watch.present == {"polyp"}
    with pytest.raises(ValueError, match="threshold of polyp"):
        watch.adopt({"polyp": 2.0})


def test_a_watch_that_saw_nothing_changes_networks_quietly() -> None:
    assert Watch({"cecum": 0.4}).adopt({"polyp": 0.4}) == ()
