from dataclasses import replace
from pathlib import Path

import pytest

from endolink.model.errors import DataError
from endolink.training.datasets.samples import Part
from endolink.training.official import split_official
from endolink.training.splits import read_split, split_fold
from tests.training.pictures import sample

# Twins stand side by side in the list, and in different folds.
SAMPLES = [
    replace(sample(f"{n}.jpg", ("polyp", "cecum")[n % 4 < 2]), fold=n % 2) for n in range(40)
]
GROUPS = tuple(f"g{n // 2}" for n in range(40))


def test_a_fold_is_tested_and_its_twins_are_counted() -> None:
    split = split_official(SAMPLES, GROUPS, fold=1, seed=0)
    assert {row.part == "test" for row in split.rows[1::2]} == {True}
    counts = split.counts()
    assert (counts["test"], counts["train"] + counts["validation"]) == (20, 20)
    assert split.warning is not None
    assert "20 of 20 test frames (100%)" in split.warning


def test_validation_is_dealt_in_whole_groups() -> None:
    groups = tuple(f"g{n // 4}" for n in range(40))
    split = split_official(SAMPLES, groups, fold=0, seed=0)
    learned = {row.group for row in split.rows if row.part == "train"}
    assert learned.isdisjoint(row.group for row in split.rows if row.part == "validation")


def test_official_parts_are_taken_as_they_are() -> None:
    parts: tuple[Part, ...] = ("train", "validation", "test")
    samples = [replace(sample(f"{n}.jpg"), part=parts[n % 3]) for n in range(9)]
    split = split_official(samples, [f"g{n}" for n in range(9)], fold=0, seed=0)
    assert [row.part for row in split.rows] == [parts[n % 3] for n in range(9)]
    assert split.warning is None


def test_it_is_read_back_with_its_rule_and_its_true_groups(tmp_path: Path) -> None:
    split = split_official(SAMPLES, GROUPS, fold=1, seed=0)
    split.write(tmp_path / "split.csv")
    assert read_split(tmp_path / "split.csv", SAMPLES, GROUPS) == split
    assert split_fold(SAMPLES, GROUPS, count=4, fold=0, seed=0).warning is None


def test_frames_without_an_official_place_are_refused() -> None:
    with pytest.raises(DataError, match=r"1 of 41 frames have no place .* as set/extra\.jpg"):
        split_official([*SAMPLES, sample("extra.jpg")], [*GROUPS, "x"], fold=0, seed=0)
    with pytest.raises(DataError, match=r"no frame is in the official fold 5; there are \[0, 1\]"):
        split_official(SAMPLES, GROUPS, fold=5, seed=0)
