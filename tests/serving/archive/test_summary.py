from pathlib import Path

import numpy as np
import pytest

from endolink.model.frame import decode
from endolink.model.similarity import describe
from endolink.model.verdict import Verdict
from endolink.model.view import find_view
from endolink.serving.archive.picture import Locator
from endolink.serving.archive.sights import Sight
from endolink.serving.archive.study import Failure, FrameResult, StudyResult, worth_showing
from endolink.serving.archive.summary import (
    KEY_FRAMES,
    Scene,
    choose_key_frames,
    choose_shortlist,
    summarise,
)
from tests.serving.archive.verdicts import MODEL, look, study, verdict

RATE = 25.0


def withdrawal() -> StudyResult:
    """Ten seconds: the cecum at 1-2 s, a polyp at 4-5 s and another at 8-8.6 s, blur at 6 s."""
    frames = []
    for number in range(250):
        time_s = number / RATE
        first, second = 4 <= time_s < 5, 8 <= time_s < 8.6
        chances = {
            "polyp": 0.9 + 0.05 * (number % 5 == 3) if first or second else 0.02,
            "cecum": 0.9 if 1 <= time_s < 2 else 0.02,
            "bbps-2-3": 0.8 if time_s < 5 else 0.1,
        }
        reasons = ("blurred",) if 6 <= time_s < 7 else ()
        frames.append((verdict(chances, reasons=reasons), time_s, 1 + first + 2 * second))
    return study(frames)


def test_events_are_those_of_a_stream() -> None:
    result = withdrawal()
    events = [(e.event.finding, e.event.start_s, e.event.end_s) for e in result.events]
    assert [code for code, *_ in events] == ["cecum", "polyp", "polyp"]
    for (_, start_s, end_s), (begins, ends) in zip(events, [(1, 2), (4, 5), (8, 8.6)], strict=True):
        assert start_s == pytest.approx(begins, abs=0.1)
        assert ends <= end_s <= begins + 1.5
    for event in result.events:
        outcome = event.peak.outcome
        assert isinstance(outcome, Verdict)
        assert outcome.top.probability == event.event.peak_probability
        assert event.peak.time_s == event.event.peak_s
    assert result.duration_s == pytest.approx(249 / RATE)


def test_key_frames_show_each_scene_once_at_its_best() -> None:
    result = withdrawal()
    shown = [(k.frame.time_s, k.finding and k.finding.code) for k in result.key_frames]
    assert [code for _, code in shown] == ["cecum", "polyp", "polyp"]
    assert [time_s for time_s, _ in shown] == [1.0, 103 / RATE, 203 / RATE]


def test_landmarks_and_the_view_are_summed_up() -> None:
    result = withdrawal()
    (cecum,) = result.landmarks
    assert (cecum.finding, cecum.first.time_s) == ("cecum", 1.0)
    assert (result.scored, result.usable, result.reasons) == (250, 225, {"blurred": 25})
    assert result.view_quality == {"bbps-2-3": pytest.approx(125 / 225)}


def test_a_landmark_is_where_it_is_seen_best_not_where_it_was_first_mistaken() -> None:
    chances = [0.6] + [0.1] * 50 + [0.7, 0.95, 0.8] + [0.1] * 50
    (cecum,) = study((verdict({"cecum": c}), None, 1) for c in chances).landmarks
    assert (cecum.first.number, cecum.best.number) == (51, 52)


def test_without_times_there_are_no_events_and_all_else() -> None:
    frames = [(verdict({"polyp": 0.9 if n == 3 else 0.1}), None, n) for n in range(40)]
    result = study([*frames, (Failure("frame-empty", "Nothing."), None, 0)])
    assert (result.events, result.duration_s) == ((), None)
    assert [key.frame.number for key in result.key_frames] == [3]
    assert (result.total, result.failures) == (41, {"frame-empty": 1})
    assert len(list(result.frames)) == len(list(result.frames)) == 41


def test_a_study_where_nothing_was_found_shows_one_usable_frame() -> None:
    dark = verdict({"polyp": 0.1}, reasons=("dark",))
    result = study([(dark, None, 0), (verdict({"polyp": 0.1}), None, 1)])
    assert [(key.frame.number, key.finding) for key in result.key_frames] == [(1, None)]
    assert study([(dark, None, 0)]).key_frames == ()


def test_a_clock_that_goes_back_stands_still() -> None:
    times = [0.0, 1.0, 0.5, 1.1, 1.2, 1.3, 1.4, 1.5]
    result = study((verdict({"polyp": 0.99}), time_s, 1) for time_s in times)
    (event,) = result.events
    assert (event.event.start_s, event.event.end_s) == (0.0, 1.5)


def test_findings_take_turns_for_the_key_frames() -> None:
    many = {
        "polyp": [Scene(n, 3.0, look(n)) for n in range(60)],
        "cecum": [Scene(99, 1.0, look(1))],
    }
    chosen = choose_key_frames(many)
    assert len(chosen) == KEY_FRAMES
    assert chosen[99] == "cecum"
    alike = {"polyp": [Scene(n, 3.0 + n, look(7)) for n in range(5)]}
    assert choose_key_frames(alike) == {4: "polyp"}


def test_the_shortlist_takes_the_best_of_every_burst_first() -> None:
    scenes = [(0, 9.0, False), (5, 0.1, True), (9, 8.0, True), (30, 7.0, False)]
    assert choose_shortlist(scenes, 30) == (0, 5, 9)
    assert choose_shortlist(scenes, 20) == (5, 9)
    assert choose_shortlist(scenes, 9) == ()
    # What lies between them comes last, and the nearest to a lesion first of it.
    assert choose_shortlist(scenes, 50, [(40, -4.0), (45, -3.5)]) == (0, 5, 9, 30, 45)


def test_every_sight_is_on_the_shortlist_while_there_is_room() -> None:
    scenes = [(5, 0.1, True)]
    sights = [Sight(0, 4, 2, -5.0), Sight(5, 9, 5, 0.1), Sight(10, 12, 11, -4.0)]
    assert choose_shortlist(scenes, 30, [], sights) == (2, 5, 11)
    # Where there is none for all of them, the nearest to a lesion.
    assert choose_shortlist(scenes, 20, [], sights) == (5, 11)
    assert choose_shortlist(scenes, 30, [(1, -4.5)], sights) == (1, 5, 11)


def test_what_the_model_does_not_see_at_all_is_met_as_a_sight_of_its_own() -> None:
    # Further from bleeding than all that is around it, from frame 607 to 611.
    found = [(0.01 if 607 <= n < 612 else 0.02, look(n // 40)) for n in range(1000)]
    hidden = [(c, look(99) if c < 0.02 else seen) for c, seen in found]
    assert not {*range(607, 612)}.intersection(capsule(found, interval_s=0.5).shortlist)
    assert not {*range(607, 612)}.intersection(capsule(hidden).shortlist)
    assert {*range(607, 612)}.intersection(capsule(hidden, interval_s=0.5).shortlist)


def capsule(
    found: list[tuple[float, np.ndarray]], *, interval_s: float | None = None
) -> StudyResult:
    """Sum up a capsule study given as (probability of bleeding, how the frame looks)."""

    def frames():  # type: ignore[no-untyped-def]
        for number, (chance, seen) in enumerate(found):
            outcome = verdict({"bleeding": chance})
            shown = worth_showing(outcome.findings[0]) or interval_s is not None
            time_s = None if interval_s is None else number * interval_s
            frame = FrameResult(number, Locator(str(number)), "", time_s, outcome)
            yield frame, seen if shown else None

    return summarise("/capsule", "pseudonym", MODEL, frames)


def test_a_capsules_shortlist_is_short_and_keeps_every_burst() -> None:
    """The probabilities are given, by a rule: 95 % of the bleeding frames and 5 % of the others
    pass, as they would for a fair model. No model is measured here."""
    rng = np.random.default_rng(3)
    bursts = [(400, 30), (1500, 4), (1530, 60), (2600, 8), (3900, 15)]
    truth = np.zeros(4000, bool)
    for start, length in bursts:
        truth[start : start + length] = True
    passes = np.where(truth, rng.random(4000) < 0.95, rng.random(4000) < 0.05)
    chances = np.where(passes, rng.uniform(0.5, 0.99, 4000), rng.uniform(0.01, 0.5, 4000))
    scenes = np.arange(4000) // 6
    result = capsule([(float(c), look(int(s))) for c, s in zip(chances, scenes, strict=True)])
    kept = np.array(result.shortlist)
    assert len(kept) <= 400
    for start, length in bursts:
        assert ((kept >= start) & (kept < start + length)).any()


def test_a_short_study_has_no_shortlist_beside_its_key_frames() -> None:
    found = [(0.9 if 20 <= n < 25 else 0.01 + n / 1e5, look(n)) for n in range(250)]
    assert capsule(found[:240]).shortlist == ()
    # The scenes of the burst, and of every stretch of 20 without one the nearest to bleeding.
    between = [19, *range(59, 250, 20), 249]
    assert capsule(found).shortlist == (*between[:1], *range(20, 25), *between[1:])


@pytest.mark.shared
def test_real_bursts_of_bleeding_are_kept(shared: Path) -> None:
    """Real capsule frames, as they resemble one another; the probabilities are given."""
    folder = shared / "data/wce-bleed-gen"
    bleeding, clean = (
        sorted(path for path in folder.rglob("*.jpg") if path.parent.name == name)
        for name in ("bleeding", "non-bleeding")
    )
    assert bleeding, "the shared folder's layout has changed"
    run = [(path, False) for path in clean[:300]]
    for number, at in enumerate((250, 170, 90, 20)):
        run[at:at] = [(path, True) for path in bleeding[12 * number : 12 * number + 6]]
    rng = np.random.default_rng(4)
    found = []
    for path, bleeds in run:
        passes = rng.random() < (0.95 if bleeds else 0.05)
        frame = decode(path.read_bytes())
        chance = float(rng.uniform(0.5, 0.99) if passes else rng.uniform(0.01, 0.4))
        found.append((chance, describe(frame, find_view(frame))))
    kept = set(capsule(found).shortlist)
    assert len(kept) <= len(run) // 10
    burst: list[int] = []
    for number, (_, bleeds) in enumerate([*run, (Path(), False)]):
        if bleeds:
            burst.append(number)
        elif burst:
            assert kept & set(burst)
            burst = []
