"""A look at a data set before anything is learned from it: what is there, what will go wrong."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from endolink.model.errors import DataError, DataLayout, FrameError
from endolink.model.header import read_header
from endolink.model.preprocess import Preprocess
from endolink.model.runtime import available_cpus
from endolink.model.similarity import groups as scenes
from endolink.training.cache import cut
from endolink.training.datasets import ADAPTERS, DataSet, Sample, open_data, union
from endolink.training.fetch import read_receipt
from endolink.training.groups import merge_groups

Progress = Callable[[int], None]

_SIDE: Final = 64  # of the squares, of which only the descriptors are kept
_FOLDS: Final = 5
_SMALL: Final = 128  # pixels a side
_PLAIN: Final = ("labels", "folder")
_PROTOCOLS: Final = frozenset({"gastrovision-22", "kvasir-capsule-11"})
# Classes by whose folders' names alone a set is recognised: anybody has a folder `cecum`.
_ENOUGH: Final = {"kvasir-v2": 4, "gastrovision": 14}
_TELLING: Final = 0.5  # of difference in how often a finding's commonest size is that of others


@dataclass(frozen=True)
class FindingCount:
    """In how many frames, and how many groups of them, a finding is present, absent, undecided."""

    code: str
    present: int
    absent: int
    undecided: int
    groups: int


@dataclass(frozen=True)
class Inspection:
    """What was found.

    `groups[i]` is the group of frame i, by patient, video and near-copies; `sizes` counts the
    frames by width and height in pixels; `unreadable` are files with the reason; `copies` are the
    frames that are byte for byte another's.
    """

    data: tuple[DataSet, ...]
    samples: tuple[Sample, ...]
    groups: tuple[str, ...]
    findings: tuple[FindingCount, ...]
    sizes: dict[tuple[int, int], int]
    bytes: int
    unreadable: dict[str, str]
    copies: int
    scenes: int
    largest_scene: int
    origins: dict[str, int]
    separated: dict[str, tuple[int, int]]
    warnings: tuple[str, ...]


def recognise(path: Path) -> str:
    """Say which adapter reads the folder `path`: what a fetch noted, or what its layout says.

    Raises
    ------
    DataLayout
        No adapter reads it, or those of several public sets do.
    """
    noted = read_receipt(path).get("adapter")
    if noted in ADAPTERS:
        return str(noted)
    fitting = []
    for name, read in ADAPTERS.items():
        try:
            data = read(path)
        except DataLayout:
            continue
        if len(data.findings) >= _ENOUGH.get(name, 1):
            fitting.append(name)
    # What a plain folder or table is laid out like, a public set may be too; it is the surer sign.
    public = [name for name in fitting if name not in _PLAIN and name not in _PROTOCOLS]
    plain = [name for name in _PLAIN if name in fitting]
    if not fitting:
        raise DataLayout(
            f"{path} is laid out as none of {', '.join(ADAPTERS)}; see docs/training.md for what "
            "each expects, and write ADAPTER:PATH to be told what is missing"
        )
    if len(public) > 1:
        raise DataLayout(f"{path} may be any of {', '.join(public)}; write ADAPTER:{path}")
    return (public or plain)[0]


def inspect(data: Sequence[DataSet], progress: Progress | None = None) -> Inspection:
    """Walk every frame's road once, and compare all with all, across the sets.

    Raises
    ------
    DataError
        Not one frame can be read, or two sets have one name.
    """
    every, findings = union(data)
    report = progress or (lambda _: None)
    read: list[tuple[Sample, _Look]] = []
    unreadable = {}
    with ThreadPoolExecutor(available_cpus()) as pool:
        for sample, look in zip(every, pool.map(_look, every), strict=True):
            if isinstance(look, str):
                unreadable[sample.file] = look
            else:
                read.append((sample, look))
            report(1)
    if not read:
        raise DataError(f"not one of {len(every):,} frames can be read, as {every[0].file}")
    samples = tuple(sample for sample, _ in read)
    looks = [look for _, look in read]
    near = scenes(np.stack([look.descriptor for look in looks])).tolist()
    groups = merge_groups(samples, near)
    found = Inspection(
        data=tuple(data),
        samples=samples,
        groups=groups,
        findings=_count(findings, samples, groups),
        sizes=dict(Counter(look.size for look in looks).most_common()),
        bytes=sum(look.bytes for look in looks),
        unreadable=unreadable,
        copies=len(looks) - len({look.digest for look in looks}),
        scenes=len(set(near)),
        largest_scene=max(Counter(near).values()),
        origins=dict(Counter(s.group for s in samples if s.group is not None).most_common()),
        separated=_separated(samples, groups),
        warnings=(),
    )
    return replace(found, warnings=tuple(_warnings(found, looks, near)))


@dataclass(frozen=True, eq=False)
class _Look:
    descriptor: NDArray[np.float32]
    digest: str
    size: tuple[int, int]
    bytes: int


def _look(sample: Sample) -> "_Look | str":
    try:
        data = sample.path.read_bytes()
        _, descriptor = cut(sample, Preprocess(_SIDE))
        header = read_header(data)
    except (DataError, FrameError, OSError) as error:
        return str(error).removeprefix(f"{sample.path}: ")
    digest = hashlib.sha256(data).hexdigest()
    return _Look(descriptor, digest, (header.width, header.height), len(data))


def _count(
    findings: Sequence[str], samples: Sequence[Sample], groups: Sequence[str]
) -> tuple[FindingCount, ...]:
    counts = []
    for code in findings:
        known = [row for row, sample in enumerate(samples) if code in sample.known]
        present = [row for row in known if code in samples[row].present]
        counts.append(
            FindingCount(
                code,
                len(present),
                len(known) - len(present),
                len(samples) - len(known),
                len({groups[row] for row in present}),
            )
        )
    return tuple(counts)


def _separated(samples: Sequence[Sample], groups: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Count, for each official test set, its frames whose group is learned from as well."""
    tests: dict[str, list[bool]] = {}
    if any(sample.part for sample in samples):
        tests["the official test part"] = [sample.part == "test" for sample in samples]
    for fold in sorted({sample.fold for sample in samples if sample.fold is not None}):
        tests[f"official fold {fold}"] = [sample.fold == fold for sample in samples]
    result = {}
    for name, tested in tests.items():
        placed = [sample.part is not None or sample.fold is not None for sample in samples]
        learned = {
            group
            for group, test, place in zip(groups, tested, placed, strict=True)
            if place and not test
        }
        own = [group for group, test in zip(groups, tested, strict=True) if test]
        result[name] = (sum(group in learned for group in own), len(own))
    return result


def _warnings(found: Inspection, looks: Sequence["_Look"], near: Sequence[int]) -> Iterator[str]:
    samples = found.samples
    if found.unreadable:
        first, reason = next(iter(found.unreadable.items()))
        yield f"{len(found.unreadable):,} files cannot be read, as {first}: {reason}"
    for item in found.findings:
        if item.groups < _FOLDS:
            yield (
                f"{item.code}: {item.present:,} frames, of {item.groups} groups. With fewer than "
                f"{_FOLDS} groups it cannot be in every fold; a figure of it rests on a few scenes."
            )
    yield from _contradictions("copies", [look.digest for look in looks], samples)
    yield from _contradictions("near-copies", near, samples)
    yield from _told_by_size(found, looks)
    if small := sum(min(look.size) < _SMALL for look in looks):
        yield f"{small:,} frames are smaller than {_SMALL} pixels a side."
    if shared := _across(samples, found.groups):
        yield shared
    if not found.origins:
        yield (
            "Nothing says which frames are of one patient or video: only near-copies are kept "
            "together, and a split may still lay one patient on both sides."
        )
    if twins := sum(separated for separated, _ in found.separated.values()):
        frames = sum(tested for _, tested in found.separated.values())
        yield (
            f"The official split separates twins: {twins:,} of {frames:,} tested frames "
            f"({twins / frames:.0%}) have a near-copy, or a frame of their own patient or video, "
            "on the other side. Compare on it; believe a split by groups."
        )


def _across(samples: Sequence[Sample], groups: Sequence[str]) -> str | None:
    """Say how many groups hold frames of several data sets, and which."""
    sets = defaultdict(set)
    for sample, group in zip(samples, groups, strict=True):
        sets[group].add(sample.file.split("/")[0])
    shared = Counter(" and ".join(sorted(names)) for names in sets.values() if len(names) > 1)
    if not shared:
        return None
    named = ", ".join(f"{count:,} of {names}" for names, count in shared.most_common())
    return f"Groups hold frames of several sets ({named}); each is kept on one side of a split."


def _contradictions(kind: str, keys: Sequence[object], samples: Sequence[Sample]) -> Iterator[str]:
    """Say how many sets of copies are labelled otherwise among themselves."""
    sets = defaultdict(list)
    for key, sample in zip(keys, samples, strict=True):
        sets[key].append(sample)
    odd = [pair for members in sets.values() if (pair := _differing(members))]
    if odd:
        one, other = odd[0]
        yield (
            f"{len(odd):,} sets of {kind} have labels that differ, as {one.file} ({one.label}) and "
            f"{other.file} ({other.label})."
        )


def _differing(members: Sequence[Sample]) -> tuple[Sample, Sample] | None:
    """Find two frames of which one shows what is absent in the other."""
    first: dict[tuple[str, bool], Sample] = {}
    for sample in members:
        for code in sample.known:
            present = code in sample.present
            first.setdefault((code, present), sample)
            if (code, not present) in first:
                return first[code, not present], sample
    return None


def _told_by_size(found: Inspection, looks: Sequence[_Look]) -> list[str]:
    """Warn where a finding can be guessed from the picture's size alone: a scope, a hospital."""
    said = []
    for item in found.findings:
        inside = [
            look.size
            for look, sample in zip(looks, found.samples, strict=True)
            if item.code in sample.present
        ]
        outside = [
            look.size
            for look, sample in zip(looks, found.samples, strict=True)
            if item.code in sample.known - sample.present
        ]
        if not inside or not outside:
            continue
        size, count = Counter(inside).most_common(1)[0]
        share, others = count / len(inside), outside.count(size) / len(outside)
        if share - others >= _TELLING:
            said.append(
                f"{item.code}: {share:.0%} of its frames are {size[0]} × {size[1]}, {others:.0%} "
                "of the others. What tells the scope or the hospital may be learned for the "
                "finding; test on another one."
            )
    return said


def open_or_recognise(spec: str) -> DataSet:
    """Open `ADAPTER:PATH`, or a plain path whose layout says what it is.

    Raises
    ------
    DataLayout
        As `open_data` and `recognise` say.
    """
    if Path(spec).expanduser().exists():
        return open_data(f"{recognise(Path(spec).expanduser())}:{spec}")
    return open_data(spec)
