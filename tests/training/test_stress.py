from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from endolink.model.classifier import Classifier
from endolink.model.errors import DataError
from endolink.training.corruptions import CORRUPTIONS, MIDDLE
from endolink.training.run import BUNDLE, Material
from endolink.training.stress import Stressed, choose, draw, stress
from tests.training.pictures import sample


@pytest.fixture(scope="module")
def classifier(finished: Path) -> Classifier:
    return Classifier.open(finished / "fold-0" / BUNDLE, provider="cpu", threads=1)


@pytest.fixture(scope="module")
def stressed(classifier: Classifier, material: Material) -> tuple[Stressed, ...]:
    return _stress(classifier, material)


def _stress(classifier: Classifier, material: Material) -> tuple[Stressed, ...]:
    chosen = choose(["colour", "jpeg", "inset-removed"])
    return stress(classifier, material.samples[::3], material.groups[::3], chosen)


def test_each_corruption_is_measured_at_three_strengths(stressed: tuple[Stressed, ...]) -> None:
    cases = [(item.corruption, item.strength, item.frames) for item in stressed]
    assert cases == [
        ("colour", "mild", 12),
        ("colour", "middle", 12),
        ("colour", "strong", 12),
        ("jpeg", "mild", 12),
        ("jpeg", "middle", 12),
        ("jpeg", "strong", 12),
        # There is no inset in the drawn frames, and nothing can be said of removing it.
        ("inset-removed", "middle", 0),
    ]
    assert stressed[-1].figures == ()


def test_it_is_the_same_each_time(
    stressed: tuple[Stressed, ...], classifier: Classifier, material: Material
) -> None:
    assert _stress(classifier, material) == stressed


def test_what_it_counts_is_what_the_service_says_of_the_changed_frame(
    stressed: tuple[Stressed, ...], classifier: Classifier, material: Material
) -> None:
    colour = CORRUPTIONS["colour"]
    changed, hits, shown = [], dict.fromkeys(material.findings, 0), 0
    for item in material.samples[::3]:
        prepared = classifier.prepare(item.path.read_bytes(), reduced=False)
        (before,) = classifier.judge([prepared])
        after = colour.apply(prepared.frame, prepared.view, 2)
        (verdict,) = classifier.judge([classifier.prepare(after)])
        changed.append(before.top.code != verdict.top.code)
        (code,) = item.present
        (found,) = (one for one in verdict.findings if one.code == code)
        hits[code] += found.present
        shown += 1
    strong = stressed[2]
    top = strong.figure("top-changed")
    assert top is not None
    assert top.value == pytest.approx(np.mean(changed))
    for code, count in hits.items():
        figure = strong.figure("sensitivity", code)
        assert figure is not None
        assert figure.value == pytest.approx(count / (shown / 3))


def test_a_fall_of_sensitivity_is_told_with_its_interval(stressed: tuple[Stressed, ...]) -> None:
    for item in stressed[:-1]:
        drop = item.figure("sensitivity-drop")
        assert drop is not None
        assert drop.low is not None
        assert drop.high is not None
        assert -1 <= drop.low <= drop.value <= drop.high <= 1


def test_an_unknown_corruption_is_refused_and_none_means_all() -> None:
    assert [item.name for item in choose([])] == list(CORRUPTIONS)
    with pytest.raises(DataError, match="no corruption is called 'rain'; choose from scope-mask"):
        choose(["inset", "rain"])


def test_a_draw_does_not_depend_on_the_order_of_the_files() -> None:
    files = [f"set/{number}.jpg" for number in range(40)]
    drawn = {files[row] for row in draw(10, files)}
    assert drawn == {files[::-1][row] for row in draw(10, files[::-1])}
    assert draw(99, files) == list(range(40))


def test_a_file_that_cannot_be_read_is_named(classifier: Classifier, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    bad = replace(sample("x"), path=tmp_path / "bad.jpg")
    with pytest.raises(DataError, match=r"bad\.jpg: "):
        stress(classifier, [bad], ["a"], choose(["jpeg"]), strengths=[MIDDLE])
