"""Who is learned from and who is judged: no group of frames on both sides.

Neighbouring frames of one video are near-copies of each other. A random split, the official folds
of several public sets among them, lays such twins on both sides and then measures memory.
"""

import csv
import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from endolink.model.errors import DataError, SplitLeak
from endolink.training.datasets.samples import Part, Sample
from endolink.training.leaks import find_leaks

Rule = Literal["groups", "official"]

_PARTS: dict[str, Part] = {part: part for part in get_args(Part)}

COLUMNS = ("file", "finding", "group", "part")
# Stands beside them where the split is a data set's own.
RULE = "rule"
_NAMED = 5  # leaks that an error names
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
    """A split by groups that exists does not leak: the constructor is the gate.

    An official split is let through, with a `warning`: it serves to compare.

    Raises
    ------
    SplitLeak
        A group stands in more than one part; the message names the groups.
    DataError
        A file stands twice, or a part has no frame.
    """

    rows: tuple[Row, ...]
    rule: Rule = "groups"

    def __post_init__(self) -> None:
        if self.rule == "groups" and (leaks := self.straddling()):
            named = ", ".join(leaks[:_NAMED]) + (", …" if len(leaks) > _NAMED else "")
            raise SplitLeak(f"{len(leaks)} groups stand on both sides of the split: {named}")
        if len({row.file for row in self.rows}) != len(self.rows):
            raise DataError("a file stands twice in the split")
        if missing := set(get_args(Part)) - {row.part for row in self.rows}:
            raise DataError(
                f"the split has no frame for {', '.join(sorted(missing))}: too few frames, or too "
                "few groups of them"
            )

    def straddling(self) -> list[str]:
        """Name the groups that stand in more than one part."""
        parts = defaultdict(set)
        for row in self.rows:
            parts[row.group].add(row.part)
        return sorted(group for group, found in parts.items() if len(found) > 1)

    @property
    def warning(self) -> str | None:
        """What to know before a figure of this split is believed; None where nothing leaks."""
        learned = {row.group for row in self.rows if row.part != "test"}
        tested = [row for row in self.rows if row.part == "test"]
        twins = sum(row.group in learned for row in tested)
        if not twins:
            return None
        return (
            f"Warning: this official split separates twins. {twins:,} of {len(tested):,} test "
            f"frames ({twins / len(tested):.0%}) have a near-copy, or a frame of their own patient "
            "or video, among those that are learned from. Its figures flatter: compare them with "
            "others on the same split, and with nothing else."
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
        """Write the split as CSV, from which `read_split` gives it back.

        Raises
        ------
        DataError
            There is no folder for it, or it cannot be written.
        """
        try:
            self._write(path)
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {error.strerror}") from error

    def _write(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as lines:
            table = csv.writer(lines, lineterminator="\n")
            extra = () if self.rule == "groups" else (self.rule,)
            table.writerow((*COLUMNS, RULE) if extra else COLUMNS)
            table.writerows(
                (row.file, row.finding, row.group, row.part, *extra) for row in self.rows
            )


def read_split(path: Path, samples: Sequence[Sample], groups: Sequence[str] | None = None) -> Split:
    """Read a split back, in the order of `samples`, to train again on the very same frames.

    With `groups`, those that the frames are in by their patients, videos and pixels, the split is
    held to them, whatever the file says of groups.

    Raises
    ------
    SplitLeak
        Frames that belong together stand in several parts; the message says which, and why.
    DataError
        It is no such table, or not of these samples.
    """
    table = _read_table(path)
    files = {sample.file for sample in samples}
    if table.keys() != files:
        raise DataError(
            f"{path}: lists {len(table)} files and the data has {len(files)}; "
            f"{len(table.keys() & files)} are in both"
        )
    rows = []
    for index, sample in enumerate(samples):
        line = table[sample.file]
        part = _PARTS.get(line.get("part", ""))
        if part is None or line.get("finding") != sample.label:
            raise DataError(f"{path}: the line of {sample.file} does not fit the data")
        group = line["group"] if groups is None else groups[index]
        rows.append(Row(sample.file, sample.label, group, part))
    official = any(line.get(RULE) == "official" for line in table.values())
    if groups is not None and not official:
        _refuse_leaks(path, samples, rows)
    return Split(tuple(rows), "official" if official else "groups")


def stored_parts(path: Path) -> dict[str, str]:
    """Read which part each file of a stored split belongs to.

    Raises
    ------
    DataError
        It is no such table.
    """
    return {file: line.get("part") or "" for file, line in _read_table(path).items()}


def _read_table(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return {row["file"]: row for row in csv.DictReader(lines)}
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (KeyError, ValueError) as error:
        raise DataError(f"{path}: not a split with the columns {','.join(COLUMNS)}") from error


def _refuse_leaks(path: Path, samples: Sequence[Sample], rows: Sequence[Row]) -> None:
    leaks = find_leaks(samples, [row.group for row in rows], [row.part for row in rows])
    if leaks:
        named = "; ".join(map(str, leaks[:_NAMED])) + ("; …" if len(leaks) > _NAMED else "")
        raise SplitLeak(
            f"{path} separates what belongs together, {len(leaks)} times: {named}. "
            "`endolink data split` makes a split that does not"
        )


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
        There are too few frames or groups to split so, or there is no such fold.
    """
    if not 0 <= fold < count:
        raise DataError(f"--fold {fold}: of {count} folds there are 0 to {count - 1}")
    tested = folds(samples, groups, count, seed)[fold]
    rest = sorted(set(range(len(samples))) - set(tested))
    parts: list[Part] = ["train"] * len(samples)
    for index in tested:
        parts[index] = "test"
    for index in validation_rows(samples, groups, rest, seed):
        parts[index] = "validation"
    return Split(
        tuple(
            Row(sample.file, sample.label, group, part)
            for sample, group, part in zip(samples, groups, parts, strict=True)
        )
    )


def validation_rows(
    samples: Sequence[Sample], groups: Sequence[str], rest: Sequence[int], seed: int
) -> list[int]:
    """Choose which of the rows `rest` validate: about a seventh, in whole groups.

    Raises
    ------
    DataError
        There are too few frames or groups to split so.
    """
    labels = [samples[index].label for index in rest]
    # Of very few frames, fewer and larger pieces: a piece has a frame of the commonest label.
    pieces = folds(
        [samples[index] for index in rest],
        [groups[index] for index in rest],
        min(VALIDATION_PIECES, max(Counter(labels).values())),
        seed,
    )
    return [rest[index] for index in min(pieces, key=lambda piece: _unevenness(labels, piece))]


def _unevenness(labels: Sequence[str], piece: Sequence[int]) -> float:
    """Sum, over the labels, how far the share that lies in `piece` is from the fair one."""
    whole, part = Counter(labels), Counter(labels[index] for index in piece)
    fair = len(piece) / len(labels)
    return sum(abs(part[label] / count - fair) for label, count in whole.items())
