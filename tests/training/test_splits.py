from collections import defaultdict
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endolink.model.errors import DataError, SplitLeak
from endolink.training.datasets.samples import Part
from endolink.training.groups import merge_groups
from endolink.training.splits import Row, Split, read_split, split_fold
from tests.training.pictures import sample

PARTS = get_args(Part)


def _whole(extra: list[Row]) -> tuple[Row, ...]:
    """One frame in each part, so that only `extra` decides."""
    return (*(Row(f"own-{part}", "polyp", f"own-{part}", part) for part in PARTS), *extra)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(PARTS)), max_size=30),
)
def test_a_split_exists_exactly_where_no_group_straddles(dealt: list[tuple[int, Part]]) -> None:
    rows = [Row(f"f{n}", "polyp", f"g{group}", part) for n, (group, part) in enumerate(dealt)]
    parts = defaultdict(set)
    for row in rows:
        parts[row.group].add(row.part)
    leaks = [group for group, found in parts.items() if len(found) > 1]
    if not leaks:
        assert len(Split(_whole(rows)).rows) == len(rows) + 3
        return
    with pytest.raises(SplitLeak) as caught:
        Split(_whole(rows))
    assert min(leaks) in caught.value.detail


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=60, max_size=120), st.integers(0, 3))
def test_every_deal_keeps_groups_whole_and_loses_no_frame(groups: list[int], seed: int) -> None:
    samples = [sample(f"{n}.jpg", ("polyp", "cecum")[n % 2]) for n in range(len(groups))]
    names = [f"g{group}" for group in groups]
    try:
        dealt = [split_fold(samples, names, count=3, fold=k, seed=seed) for k in range(3)]
    except DataError as error:
        assert not isinstance(error, SplitLeak)  # noqa: PT017 - too few groups is a fair answer
        return
    tested = [index for split in dealt for index in split.indices("test")]
    assert sorted(tested) == list(range(len(groups)))
    for split in dealt:
        assert sum(split.counts().values()) == len(groups)


def test_a_file_twice_and_an_empty_part_are_refused() -> None:
    with pytest.raises(DataError, match="twice"):
        Split((*_whole([]), Row("own-test", "polyp", "own-test", "test")))
    with pytest.raises(DataError, match="no frame for test"):
        Split(_whole([])[:2])


def test_a_split_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    samples = [sample(f"{n}.jpg", ("polyp", "cecum")[n % 2]) for n in range(40)]
    groups = [f"g{n // 2}" for n in range(40)]
    split = split_fold(samples, groups, count=4, fold=1, seed=5)
    split.write(tmp_path / "split.csv")
    assert read_split(tmp_path / "split.csv", samples) == split
    with pytest.raises(DataError, match="39 are in both"):
        read_split(tmp_path / "split.csv", samples[1:])
    with pytest.raises(DataError, match="does not fit"):
        read_split(tmp_path / "split.csv", [sample("0.jpg", "bbps-2-3"), *samples[1:]])
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="not a split"):
        read_split(tmp_path / "other.csv", samples)


def test_a_given_split_is_held_to_the_frames_true_groups(tmp_path: Path) -> None:
    """A file may claim what it likes of groups: patients and pixels decide."""
    samples = [sample(f"{n}.jpg", group=f"patient {n // 2}") for n in range(6)]
    parts: tuple[Part, ...] = ("train", "train", "train", "validation", "test", "test")
    claimed = Split(
        tuple(Row(s.file, "polyp", s.file, part) for s, part in zip(samples, parts, strict=True))
    )
    claimed.write(tmp_path / "split.csv")
    true = merge_groups(samples, range(6))
    with pytest.raises(SplitLeak, match=r"1 times: patient 1 \(1 in train, 1 in validation\)"):
        read_split(tmp_path / "split.csv", samples, true)
    with pytest.raises(SplitLeak, match=r"near-copies .* as set/1\.jpg and set/4\.jpg"):
        read_split(tmp_path / "split.csv", [sample(f"{n}.jpg") for n in range(6)], "abccbd")


def test_too_few_groups_say_so() -> None:
    samples = [sample(f"{n}.jpg") for n in range(10)]
    with pytest.raises(DataError, match=r"1 groups of frames, .* cannot make 5 folds"):
        split_fold(samples, ["one"] * 10, count=5, fold=0, seed=0)


def test_a_fold_that_is_not_there_is_refused() -> None:
    samples = [sample(f"{number}.jpg") for number in range(12)]
    groups = [item.file for item in samples]
    with pytest.raises(DataError, match="--fold 3: of 3 folds there are 0 to 2"):
        split_fold(samples, groups, count=3, fold=3, seed=0)


def test_a_split_that_has_no_place_is_refused(tmp_path: Path) -> None:
    samples = [sample(f"{number}.jpg") for number in range(12)]
    split = split_fold(samples, [item.file for item in samples], count=3, fold=0, seed=0)
    with pytest.raises(DataError, match="cannot be written: No such file or directory"):
        split.write(tmp_path / "missing" / "split.csv")
