"""Who is learned from and who is judged: no group of frames on both sides.

Neighbouring frames of one video are near-copies of each other. A random split, the official folds
of several public sets among them, lays such twins on both sides and then measures memory.
"""

import csv
import warnings
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from endolink.model.errors import DataError, SplitLeak
from endolink.training.datasets.samples import Part, Sample

_PARTS: dict[str, Part] = {part: part for part in get_args(Part)}

COLUMNS = ("file", "finding", "group", "part")
# One of these validates: with five folds a seventh of four fifths, 11 % of all frames.
VALIDATION_PIECES = 7


@dataclass(frozen=True)
class Row:
    """One line of a split: a frame's `file`, its label, its group, and the part it belongs to."""

    file: str
    finding: str
    group: str
    part: Part


@dataclass(frozen=True)
class Split:
    """A split that exists does not leak: the constructor is the gate.

    Raises
    ------
    SplitLeak
        A group stands in more than one part; the message names the groups.
    DataError
        A file stands twice, or a part has no frame.
    """

    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        parts = defaultdict(set)
        for row in self.rows:
            parts[row.group].add(row.part)
        if leaks := sorted(group for group, found in parts.items() if len(found) > 1):
            named = ", ".join(leaks[:5]) + (", …" if len(leaks) > 5 else "")
            raise SplitLeak(f"{len(leaks)} groups stand on both sides of the split: {named}")
        if len({row.file for row in self.rows}) != len(self.rows):
            raise DataError("a file stands twice in the split")
        if missing := set(get_args(Part)) - {row.part for row in self.rows}:
            raise DataError(
                f"the split has no frame for {', '.join(sorted(missing))}: too few frames, or too "
                "few groups of them"
            )

    def indices(self, part: Part) -> list[int]:
        """Give the rows of one part, in order."""
        return [index for index, row in enumerate(self.rows) if row.part == part]

    def groups(self) -> tuple[str, ...]:
        """Give every row's group."""
        return tuple(row.group for row in self.rows)

    def counts(self) -> dict[Part, int]:
        """Count the frames of each part."""
        return {part: len(self.indices(part)) for part in get_args(Part)}

    def write(self, path: Path) -> None:
        """Write the split as CSV, from which `read_split` gives it back."""
        with path.open("w", newline="", encoding="utf-8") as lines:
            table = csv.writer(lines, lineterminator="\n")
            table.writerow(COLUMNS)
            table.writerows((row.file, row.finding, row.group, row.part) for row in self.rows)


def read_split(path: Path, samples: Sequence[Sample]) -> Split:
    """Read a split back, in the order of `samples`, to train again on the very same frames.

    Raises
    ------
    DataError
        It is no such table, or not of these samples.
    """
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            table = {row["file"]: row for row in csv.DictReader(lines)}
    except (OSError, KeyError) as error:
        raise DataError(f"{path}: not a split with the columns {','.join(COLUMNS)}") from error
    files = {sample.file for sample in samples}
    if table.keys() != files:
        raise DataError(
            f"{path}: lists {len(table)} files and the data has {len(files)}; "
            f"{len(table.keys() & files)} are in both"
        )
    rows = []
    for sample in samples:
        line = table[sample.file]
        part = _PARTS.get(line.get("part", ""))
        if part is None or line.get("finding") != sample.label:
            raise DataError(f"{path}: the line of {sample.file} does not fit the data")
        rows.append(Row(sample.file, sample.label, line["group"], part))
    return Split(tuple(rows))


def merge_groups(samples: Sequence[Sample], near: Sequence[Hashable]) -> tuple[str, ...]:
    """Name each sample's group: near-copies, and what the data set says belongs together.

    `near[i]` is the label of sample i's set of near-copies. Two samples share a group when a chain
    of either kind of tie connects them; a group is named after its first file.
    """
    parent = list(range(len(samples)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def tie(keys: Iterable[Hashable | None]) -> None:
        first: dict[Hashable, int] = {}
        for index, key in enumerate(keys):
            if key is None:
                continue
            low, high = sorted((root(first.setdefault(key, index)), root(index)))
            parent[high] = low

    tie(near)
    # A data set's own groups are told apart from another's of the same name.
    tie(None if s.group is None else (s.file.split("/")[0], s.group) for s in samples)
    return tuple(samples[root(index)].file for index in range(len(samples)))


def folds(
    samples: Sequence[Sample], groups: Sequence[str], count: int, seed: int
) -> list[list[int]]:
    """Deal the samples into `count` folds, whole groups, alike in their labels as far as can be.

    Raises
    ------
    DataError
        There are fewer groups, or frames of the commonest label, than folds.
    """
    most = max(Counter(sample.label for sample in samples).values())
    if min(len(set(groups)), most) < max(count, 2):
        raise DataError(
            f"{len(set(groups))} groups of frames, at most {most} frames of one label, cannot make "
            f"{max(count, 2)} folds"
        )
    _, labels = np.unique([sample.label for sample in samples], return_inverse=True)
    dealer = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A label with fewer frames than folds is dealt as far as it goes, and scikit-learn says so.
        warnings.simplefilter("ignore", UserWarning)
        return [fold.tolist() for _, fold in dealer.split(labels, labels, groups)]


def split_fold(
    samples: Sequence[Sample], groups: Sequence[str], *, count: int, fold: int, seed: int
) -> Split:
    """Test on one of `count` folds; of the rest, about a seventh validates, the others are learned.

    A rare finding may lie in few scenes, so that no dealing is even: of the seven pieces that the
    rest could be dealt into, the one whose labels come nearest to their share validates.

    Raises
    ------
    DataError
        There are too few frames or groups to split so.
    """
    tested = folds(samples, groups, count, seed)[fold]
    rest = sorted(set(range(len(samples))) - set(tested))
    labels = [samples[index].label for index in rest]
    # Of very few frames, fewer and larger pieces: a piece has a frame of the commonest label.
    pieces = folds(
        [samples[index] for index in rest],
        [groups[index] for index in rest],
        min(VALIDATION_PIECES, max(Counter(labels).values())),
        seed,
    )
    piece = min(pieces, key=lambda piece: _unevenness(labels, piece))
    parts: list[Part] = ["train"] * len(samples)
    for index in tested:
        parts[index] = "test"
    for index in piece:
        parts[rest[index]] = "validation"
    return Split(
        tuple(
            Row(sample.file, sample.label, group, part)
            for sample, group, part in zip(samples, groups, parts, strict=True)
        )
    )


def _unevenness(labels: Sequence[str], piece: Sequence[int]) -> float:
    """Sum, over the labels, how far the share that lies in `piece` is from the fair one."""
    whole, part = Counter(labels), Counter(labels[index] for index in piece)
    fair = len(piece) / len(labels)
    return sum(abs(part[label] / count - fair) for label, count in whole.items())
