from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from endolink.model.activation import bound, peak
from endolink.model.classifier import Classifier
from endolink.model.errors import DataError
from endolink.training.datasets.samples import Sample
from endolink.training.localisation import Looked, figures, look, overlap, read_outline
from endolink.training.run import BUNDLE, Material


@pytest.fixture(scope="module")
def classifier(finished: Path) -> Classifier:
    return Classifier.open(finished / "fold-0" / BUNDLE, provider="cpu", threads=1)


def _outlined(material: Material, folder: Path, drawn: tuple[slice, slice]) -> list[Sample]:
    samples = [item for item in material.samples if "polyp" in item.present][:4]
    outlined = []
    for number, item in enumerate(samples):
        within = np.zeros((96, 120), np.uint8)
        within[drawn] = 255
        path = folder / f"{number}.png"
        Image.fromarray(within).convert("1").save(path)
        outlined.append(replace(item, outlines={"polyp": path}))
    return outlined


def test_where_it_looks_is_compared_with_the_outline(
    classifier: Classifier, material: Material, tmp_path: Path
) -> None:
    samples = _outlined(material, tmp_path, (slice(20, 70), slice(30, 60)))
    told: list[int] = []
    rest = [item for item in material.samples if "polyp" not in item.present][:2]
    looked = look(classifier, [*samples, *rest], list("aabbcc"), told.append)
    assert sum(told) == len(looked) == 4
    column = [finding.code for finding in classifier.findings].index("polyp")
    for item, sample, group in zip(looked, samples, "aabb", strict=True):
        prepared = classifier.prepare(sample.path.read_bytes())
        activation = classifier.outputs([prepared])["activation"][0, column]
        x, y = peak(activation, prepared.placement, 64, prepared.frame)
        assert item.inside == (30 <= x < 60 and 20 <= y < 70)
        assert item.box == bound(activation, prepared.placement, 64, prepared.frame)
        assert item.outline == (30, 20, 60, 70)
        assert item.overlap == overlap(item.box, (30, 20, 60, 70))
        assert item.group == group


def test_a_whole_outline_holds_every_peak_and_an_empty_one_is_passed_over(
    classifier: Classifier, material: Material, tmp_path: Path
) -> None:
    whole = _outlined(material, tmp_path, (slice(None), slice(None)))
    assert all(item.inside for item in look(classifier, whole, list("aabb")))
    nothing = _outlined(material, tmp_path, (slice(0), slice(0)))
    assert look(classifier, nothing, list("aabb")) == ()


def test_an_outline_of_another_size_or_none_at_all_is_refused(tmp_path: Path) -> None:
    Image.new("1", (50, 40)).save(tmp_path / "other.png")
    with pytest.raises(DataError, match=r"other\.png: the outline is \(50, 40\)"):
        read_outline(tmp_path / "other.png", (120, 96))
    with pytest.raises(DataError, match="cannot be read"):
        read_outline(tmp_path / "missing.png", (120, 96))


def test_boxes_overlap_by_their_shared_area() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1.0
    assert overlap((0, 0, 10, 10), (10, 0, 20, 10)) == 0.0
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)


def test_the_figures_are_shares_and_means_over_all_and_over_what_was_called() -> None:
    box = (0, 0, 4, 4)
    looked = [
        Looked("a", "1", "polyp", True, 0.8, True, box, box),
        Looked("b", "2", "polyp", True, 0.6, True, box, box),
        Looked("c", "3", "polyp", False, 0.1, False, box, box),
    ]
    values = {figure.name: figure.value for figure in figures(looked)}
    assert values == pytest.approx(
        {
            "peak-inside": 2 / 3,
            "box-iou": 0.5,
            "peak-inside-called": 1.0,
            "box-iou-called": 0.7,
        }
    )
    assert figures([]) == ()
