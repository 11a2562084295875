from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from endolink.model.errors import FrameError, SourceMissing
from endolink.model.verdict import Verdict
from endolink.serving.archive.scoring import score_files
from endolink.serving.models import Models
from tests.serving.service import picture


def test_answers_come_in_the_order_of_the_files(tmp_path: Path, models: Models) -> None:
    classifier = models.get(None)
    paths = []
    for number in range(20):
        # The first are the slowest.
        side = 500 - 20 * number
        path = tmp_path / f"{number}.png"
        path.write_bytes(picture("PNG", (side, side)) if number % 4 else b"not a picture")
        paths.append(path)
    paths.append(tmp_path / "nothing.png")
    results = list(score_files(paths, classifier, workers=3))
    assert [result.path for result in results] == paths
    for number, result in enumerate(results[:-1]):
        if number % 4:
            assert isinstance(result.outcome, Verdict)
            assert result.outcome.frame.width == 500 - 20 * number
        else:
            assert isinstance(result.outcome, FrameError)
    assert isinstance(results[-1].outcome, SourceMissing)


def test_no_more_files_are_taken_than_are_in_hand(tmp_path: Path, models: Models) -> None:
    path = tmp_path / "frame.jpg"
    path.write_bytes(picture())
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            yield path

    results = score_files(endless(), models.get(None), workers=2)
    assert len(list(islice(results, 10))) == 10
    assert taken <= 10 + 2 * 4


def test_the_verdict_is_that_of_the_bare_road(tmp_path: Path, models: Models) -> None:
    classifier = models.get(None)
    path = tmp_path / "frame.jpg"
    path.write_bytes(picture())
    (result,) = score_files([path], classifier, workers=1)
    (bare,) = classifier.score([picture()])
    assert isinstance(result.outcome, Verdict)
    assert [finding.probability for finding in result.outcome.findings] == pytest.approx(
        [finding.probability for finding in bare.findings], abs=1e-6
    )


def test_a_name_that_claims_another_kind_is_an_error(tmp_path: Path, models: Models) -> None:
    wrong, none = tmp_path / "frame.png", tmp_path / "frame.dat"
    for path in (wrong, none):
        path.write_bytes(picture("JPEG"))
    first, second = score_files([wrong, none], models.get(None), workers=1)
    assert isinstance(first.outcome, FrameError)
    assert first.outcome.code == "frame-mislabelled"
    assert isinstance(second.outcome, Verdict)
