"""What straddles a split: a patient, a video, an exact copy, a near-copy; and which frames."""

import filecmp
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from endolink.training.datasets.samples import Part, Sample

_COMPARED = 200  # pairs of files whose bytes are compared before near is as good as exact


@dataclass(frozen=True)
class Leak:
    """Frames that belong together and stand in several parts.

    `why` is the patient or video as the data set names it, or `exact copies`, or `near-copies`;
    `first` and `second` are two of the files, in different parts; `parts` counts all of them.
    """

    why: str
    first: str
    second: str
    parts: tuple[tuple[Part, int], ...]

    def __str__(self) -> str:
        counts = ", ".join(f"{count} in {part}" for part, count in self.parts)
        return f"{self.why} ({counts}), as {self.first} and {self.second}"


def find_leaks(
    samples: Sequence[Sample], groups: Sequence[str], parts: Sequence[Part]
) -> list[Leak]:
    """Find every group that stands in several parts, and say what ties its frames together."""
    members = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    return [
        leak
        for rows in members.values()
        if len({parts[row] for row in rows}) > 1
        for leak in _explain(samples, parts, rows)
    ]


def _explain(
    samples: Sequence[Sample], parts: Sequence[Part], rows: Sequence[int]
) -> Iterator[Leak]:
    origins = defaultdict(list)
    for row in rows:
        if (origin := samples[row].group) is not None:
            origins[samples[row].file.split("/")[0], origin].append(row)
    told = False
    for (_, origin), own in origins.items():
        if pair := next(_apart(parts, own), None):
            told = True
            yield _leak(origin, samples, parts, own, pair)
    if told:
        return
    # Patients and videos are whole: it is pictures that tie the parts together.
    pairs = list(_apart(parts, rows))
    for pair in pairs[:_COMPARED]:
        if _same_bytes(samples[pair[0]], samples[pair[1]]):
            yield _leak("exact copies", samples, parts, rows, pair)
            return
    yield _leak("near-copies", samples, parts, rows, pairs[0])


def _apart(parts: Sequence[Part], rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    return ((one, other) for one, other in combinations(rows, 2) if parts[one] != parts[other])


def _same_bytes(one: Sample, other: Sample) -> bool:
    try:
        return filecmp.cmp(one.path, other.path, shallow=False)
    except OSError:
        return False


def _leak(
    why: str,
    samples: Sequence[Sample],
    parts: Sequence[Part],
    rows: Sequence[int],
    pair: tuple[int, int],
) -> Leak:
    counted = Counter(parts[row] for row in rows)
    one, other = pair
    return Leak(why, samples[one].file, samples[other].file, tuple(sorted(counted.items())))
