from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import pytest

from endolink import sample_data
from endolink.model.errors import FrameError, SourceMissing
from endolink.model.verdict import Verdict
from endolink.serving.archive.ledger import Ledger
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.scoring import (
    LocalEngine,
    Progress,
    by_handfuls,
    in_order,
    score_into,
    score_pictures,
)
from endolink.serving.archive.sources import find
from endolink.serving.archive.study import worth_showing
from endolink.serving.models import Models
from tests.serving.service import picture


def pictures(*paths: Path) -> Iterator[Picture | Unread]:
    for stored in find(map(str, paths)):
        yield from stored.pictures(Reading())


def test_answers_come_in_the_order_of_the_files(tmp_path: Path, models: Models) -> None:
    paths = []
    for number in range(20):
        # The first are the slowest.
        side = 500 - 20 * number
        path = tmp_path / f"{number}.png"
        path.write_bytes(picture("PNG", (side, side)) if number % 4 else b"not a picture")
        paths.append(path)
    paths.append(tmp_path / "nothing.png")
    results = list(score_pictures(pictures(*paths), models.get(None), workers=3))
    assert [result.picture.locator for result in results] == [Locator(str(p)) for p in paths]
    for number, result in enumerate(results[:-1]):
        if number % 4:
            assert isinstance(result.outcome, Verdict)
            assert result.outcome.frame.width == 500 - 20 * number
        else:
            assert isinstance(result.outcome, FrameError)
    assert isinstance(results[-1].outcome, SourceMissing)


def test_no_more_is_taken_than_is_in_hand() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = in_order(lambda n: n * n, endless(), workers=2)
    assert list(islice(results, 10)) == [n * n for n in range(1, 11)]
    assert taken <= 10 + 2 * 4


def test_light_things_are_taken_by_handfuls() -> None:
    hands: list[list[int]] = []

    def work(numbers: list[int]) -> list[int]:
        hands.append(numbers)
        return numbers

    weights = [1.0, 0.5, 0.5, 2.0, *[0.25] * 9]
    results = by_handfuls(work, range(len(weights)), workers=3, weigh=lambda n: weights[n])
    assert list(results) == list(range(len(weights)))
    assert sorted(hands) == [[0], [1, 2], [3], [4, 5, 6, 7], [8, 9, 10, 11], [12]]


def test_what_is_on_the_disk_is_light_and_a_films_frame_is_not(tmp_path: Path) -> None:
    (still,) = pictures(sample_data.frames()[0])
    assert isinstance(still, Picture)
    assert still.held == 0
    if find_spec("av"):
        first = next(pictures(sample_data.clip()))
        assert isinstance(first, Picture)
        assert first.held is None


def test_the_verdict_is_that_of_the_bare_road(tmp_path: Path, models: Models) -> None:
    classifier = models.get(None)
    path = tmp_path / "frame.jpg"
    path.write_bytes(picture())
    (result,) = score_pictures(pictures(path), classifier, workers=1)
    (bare,) = classifier.score([picture()])
    assert isinstance(result.outcome, Verdict)
    assert [finding.probability for finding in result.outcome.findings] == pytest.approx(
        [finding.probability for finding in bare.findings], abs=1e-6
    )


def test_a_name_that_claims_another_kind_is_an_error(tmp_path: Path, models: Models) -> None:
    wrong, none = tmp_path / "frame.png", tmp_path / "frame.dat"
    for path in (wrong, none):
        path.write_bytes(picture("JPEG"))
    first, second = score_pictures(pictures(wrong, none), models.get(None), workers=1)
    assert isinstance(first.outcome, FrameError)
    assert first.outcome.code == "frame-mislabelled"
    assert isinstance(second.outcome, Verdict)


@pytest.fixture
def ledger(tmp_path: Path, models: Models) -> Iterator[Ledger]:
    path = tmp_path / "ledger/ledger.sqlite"
    with Ledger.open(path, models.get(None).identity, {}, resume=False) as ledger:
        yield ledger


def engine(models: Models) -> LocalEngine:
    return LocalEngine(models.get(None), workers=2)


def score(ledger: Ledger, models: Models, *places: Path, every_s: float = 2.0) -> Progress:
    things = find(map(str, places))
    reading = Reading(every_s=every_s)
    *_, last = score_into(ledger, engine(models).steps(ledger, things, reading))
    return last


def test_nothing_is_scored_twice(tmp_path: Path, models: Models, ledger: Ledger) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(picture("JPEG", (64, 64 + len(name) + ord(name[0]))))
    (folder / "odd.jpg").write_bytes(b"odd")
    clip = sample_data.clip()
    assert score(ledger, models, folder, clip) == Progress(things=4, scored=7, failed=1)
    again = score(ledger, models, folder, clip)
    assert again == Progress(things=4, passed=1, known=3)
    # Neither is a picture that has moved, nor one that lies in two places.
    (folder / "a.jpg").rename(folder / "moved.jpg")
    (folder / "c.jpg").write_bytes((folder / "b.jpg").read_bytes())
    assert score(ledger, models, folder).scored == 0
    # Its name is no longer what it was, but a changed picture is.
    (folder / "b.jpg").write_bytes(picture("JPEG", (70, 70)))
    assert score(ledger, models, folder).scored == 1


def test_a_folder_is_told_as_left_when_all_of_it_is_written_down(
    tmp_path: Path, models: Models, ledger: Ledger
) -> None:
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(picture("JPEG", (64, 64)))
    met: list[list[int]] = []

    def left() -> None:
        counts = (sum(1 for _ in ledger.frames(study)) for study in ledger.unwritten("any"))
        met.append(list(counts))

    things = find([str(tmp_path / "in")])
    for _ in score_into(ledger, engine(models).steps(ledger, things, Reading()), left=left):
        pass
    assert met == [[2], [2, 1]]


def test_only_what_may_be_worth_showing_is_described(
    tmp_path: Path, models: Models, ledger: Ledger
) -> None:
    score(ledger, models, sample_data.frames()[0].parent)
    (study,) = ledger.unwritten("any")
    described = 0
    for frame, descriptor in ledger.frames(study):
        assert isinstance(frame.outcome, Verdict)
        shown = any(worth_showing(finding) for finding in frame.outcome.findings)
        assert (descriptor is not None) == shown
        described += shown
    assert described
