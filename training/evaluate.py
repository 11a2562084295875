"""Judge labelled frames exactly as the service would, from their files' bytes, and measure it."""

import csv
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path

import numpy as np

from endolink.model.classifier import Classifier, Prepared
from endolink.model.errors import DataError, FrameError
from endolink.model.frame import Frame
from endolink.model.manifest import ValidatedInput
from endolink.model.runtime import available_cpus
from endolink.model.similarity import describe
from endolink.model.similarity import groups as scenes
from endolink.model.verdict import Verdict
from endolink.training.corruptions.picture import compress, shrink
from endolink.training.datasets.samples import Sample, targets
from endolink.training.groups import merge_groups
from endolink.training.metrics import Judged

Progress = Callable[[int], None]

BATCH = 16
# The share of frames whose top finding may change under a stress that is passed.
MOST_CHANGED = 0.02
_SIDES = (512, 384, 256, 192, 128)
_QUALITIES = (90, 75, 60, 45, 30)


@dataclass(frozen=True, eq=False)
class Scored:
    """Samples with their verdicts; `groups` are given by a split, or found by resemblance."""

    samples: tuple[Sample, ...]
    verdicts: tuple[Verdict, ...]
    groups: tuple[str, ...]

    def judged(self) -> Judged:
        """Set the verdicts beside the labels."""
        findings = tuple(finding.code for finding in self.verdicts[0].findings)
        present, known = targets(self.samples, findings)
        rows = [verdict.findings for verdict in self.verdicts]
        return Judged(
            findings,
            present,
            known,
            np.array([[finding.probability for finding in row] for row in rows]),
            np.array([[finding.present for finding in row] for row in rows]),
            self.groups,
        )


@dataclass(frozen=True)
class Agreement:
    """How often the top finding stayed the same under one change, of the frames that it changed."""

    change: str
    frames: int
    changed: int

    @property
    def share(self) -> float:
        """The share, in [0, 1], whose top finding changed."""
        return self.changed / self.frames if self.frames else 0.0


def score(
    classifier: Classifier,
    samples: Sequence[Sample],
    groups: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Scored:
    """Score every sample's file.

    Raises
    ------
    DataError
        A file cannot be read; the message names it.
    """
    verdicts, descriptors = [], []
    for prepared in _prepared(classifier, samples):
        verdicts += classifier.judge(prepared)
        if groups is None:
            descriptors += [describe(item.frame, item.view) for item in prepared]
        if progress:
            progress(len(prepared))
    if groups is None:
        groups = merge_groups(samples, scenes(np.stack(descriptors)).tolist())
    return Scored(tuple(samples), tuple(verdicts), tuple(groups))


def reduced_decode(
    classifier: Classifier, scored: Scored, progress: Progress | None = None
) -> Agreement:
    """Decode every frame in full, and count the top findings that differ from the reduced scale."""
    changed = 0
    tops = iter(scored.verdicts)
    for batch in _prepared(classifier, scored.samples, reduced=False):
        changed += _differing(classifier, [(item, next(tops).top.code) for item in batch])
        if progress:
            progress(len(batch))
    return Agreement("decoded in full", len(scored.samples), changed)


def validated_input(
    classifier: Classifier, scored: Scored, progress: Progress | None = None
) -> ValidatedInput:
    """Find the smallest side and the lowest JPEG quality at which the verdicts stay alike.

    Sizes and qualities are tried from good to poor, until more than `MOST_CHANGED` of the top
    findings change; the last that passed is given, or the frames as they are where none did.
    """
    # Neither change draws anything.
    rng = np.random.default_rng(0)

    def passes(change: Callable[[Prepared], Frame | bytes]) -> bool:
        changed = 0
        tops = iter(scored.verdicts)
        for batch in _prepared(classifier, scored.samples, reduced=False):
            altered = [(classifier.prepare(change(item)), next(tops).top.code) for item in batch]
            changed += _differing(classifier, altered)
        return changed <= MOST_CHANGED * len(scored.samples)

    def smaller(item: Prepared, side: int) -> Frame | bytes:
        return shrink(item.frame, item.view, side, rng)

    def poorer(item: Prepared, quality: int) -> Frame | bytes:
        return compress(item.frame, item.view, quality, rng)

    sides = takewhile(lambda side: passes(partial(smaller, side=side)), _SIDES)
    qualities = takewhile(lambda quality: passes(partial(poorer, quality=quality)), _QUALITIES)
    whole = min(min(item.frame.width, item.frame.height) for item in scored.verdicts)
    side, quality = min([whole, *sides]), min(qualities, default=100)
    if progress:
        progress(len(scored.samples))
    return ValidatedInput(min_side=side, jpeg_quality=quality)


def write_table(scored: Scored, path: Path) -> None:
    """Write one line a frame: its labels, its group, and every probability and call."""
    judged = scored.judged()
    with path.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(["file", "finding", "group", "called", *judged.findings])
        for row, sample in enumerate(scored.samples):
            called = [
                code for code, yes in zip(judged.findings, judged.called[row], strict=True) if yes
            ]
            chances = [f"{chance:.9f}" for chance in judged.probabilities[row]]
            group = scored.groups[row]
            table.writerow([sample.file, sample.label, group, "+".join(called) or "none", *chances])


def read_table(path: Path, samples: Sequence[Sample]) -> Judged:
    """Read such a table back, and set it beside the labels of `samples`.

    Raises
    ------
    DataError
        It lists a file that is not among them.
    """
    by_file = {sample.file: sample for sample in samples}
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        rows = list(reader)
        findings = tuple(reader.fieldnames or ())[4:]
    if unknown := [row["file"] for row in rows if row["file"] not in by_file]:
        raise DataError(f"{path}: {unknown[0]} is not in the data")
    present, known = targets([by_file[row["file"]] for row in rows], findings)
    return Judged(
        findings,
        present,
        known,
        np.array([[float(row[code]) for code in findings] for row in rows]),
        np.array([[code in row["called"].split("+") for code in findings] for row in rows]),
        tuple(row["group"] for row in rows),
    )


def _differing(classifier: Classifier, frames: Sequence[tuple[Prepared, str]]) -> int:
    """Count the frames whose top finding is not the one given."""
    verdicts = classifier.judge([item for item, _ in frames])
    return sum(
        verdict.top.code != code for verdict, (_, code) in zip(verdicts, frames, strict=True)
    )


def _prepared(
    classifier: Classifier, samples: Sequence[Sample], *, reduced: bool = True
) -> Iterator[list[Prepared]]:
    def prepare(sample: Sample) -> Prepared:
        try:
            return classifier.prepare(sample.read(), declared=sample.path.suffix, reduced=reduced)
        except FrameError as error:
            raise DataError(f"{sample.path}: {error.detail}") from error

    with ThreadPoolExecutor(available_cpus()) as pool:
        for start in range(0, len(samples), BATCH):
            yield list(pool.map(prepare, samples[start : start + BATCH]))
