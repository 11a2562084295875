from pathlib import Path

from endolink import sample_data
from endolink.serving.archive.picture import Picture, Reading, Unread
from endolink.serving.archive.sources import Stored, find
from endolink.serving.archive.steps import Ended, content_of, judge_pictures, read_thing
from endolink.serving.archive.study import Failure
from endolink.serving.models import Models

FRAME = sample_data.frames()[0]


def stored(path: Path) -> Stored:
    (found,) = find([str(path)])
    return found


def test_a_thing_is_its_pictures_and_its_end() -> None:
    picture, ended = read_thing(stored(FRAME), Reading(), lambda _: True)
    assert isinstance(picture, Picture)
    assert isinstance(ended, Ended)
    assert not ended.passed


def test_what_is_known_to_the_end_is_passed_over(tmp_path: Path) -> None:
    steps = list(read_thing(stored(FRAME), Reading(), lambda _: False))
    last = steps[-1]
    assert isinstance(last, Ended)
    # Only what has a digest of its own can be known before it is read.
    assert last.passed == (last.digest is not None)


def test_a_picture_is_judged_once(models: Models) -> None:
    picture, _ = read_thing(stored(FRAME), Reading(), lambda _: True)
    assert isinstance(picture, Picture)
    (first,) = judge_pictures([picture], lambda _: False, models.get(), "none", Reading())
    (again,) = judge_pictures([picture], lambda _: True, models.get(), "none", Reading())
    assert not isinstance(first, Unread)
    assert not isinstance(again, Unread)
    assert first.outcome is not None
    assert again.outcome is None
    assert first.content == again.content == content_of(picture, FRAME.read_bytes())


def test_what_lies_in_time_is_described_whatever_it_shows(models: Models) -> None:
    found = []
    for path in sample_data.frames():
        picture, _ = read_thing(stored(path), Reading(), lambda _: True)
        assert isinstance(picture, Picture)
        found.append(picture)
    described = []
    for reading in (Reading(), Reading(interval_s=0.5)):
        told = judge_pictures(found, lambda _: False, models.get(), "none", reading)
        outcomes = [step.outcome for step in told if not isinstance(step, Unread)]
        described.append(sum(one is not None and one.descriptor is not None for one in outcomes))
    assert 0 < described[0] < described[1] == len(found)


def test_a_damaged_picture_is_an_outcome_too(tmp_path: Path, models: Models) -> None:
    path = tmp_path / "damaged.jpg"
    path.write_bytes(FRAME.read_bytes()[:500])
    picture, _ = read_thing(stored(path), Reading(), lambda _: True)
    assert isinstance(picture, Picture)
    (judged,) = judge_pictures([picture], lambda _: False, models.get(), "none", Reading())
    assert not isinstance(judged, Unread)
    assert judged.outcome is not None
    assert isinstance(judged.outcome.verdict, Failure)
    assert judged.outcome.verdict.code == "frame-truncated"
