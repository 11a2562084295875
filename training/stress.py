"""The stress suite: how verdicts change under what differs between hospitals.

Every frame is decoded in full, changed by each corruption at each strength, and judged again by the
serving road, view step included. It is compared with its own verdict before the change.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from endolink.model.classifier import Classifier, Prepared
from endolink.model.errors import DataError, FrameError
from endolink.model.frame import Frame
from endolink.model.manifest import Figure
from endolink.model.runtime import available_cpus
from endolink.training.corruptions import CORRUPTIONS, MIDDLE, STRENGTHS, Corruption
from endolink.training.datasets.samples import Sample, targets
from endolink.training.intervals import Bootstrap, Measure, ratio

Flags = NDArray[np.bool_]
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Stressed:
    """What one corruption did at one strength.

    `frames` are those that it changed: there is not in every frame an inset to remove. `figures`
    are `top-changed`, the share of them whose top finding is another one, and the `sensitivity` and
    `specificity` afterwards and their `-drop`, at the operating points, for each finding and, where
    `finding` is None, as the mean over the findings.
    """

    corruption: str
    strength: str
    says: str
    frames: int
    figures: tuple[Figure, ...]

    def figure(self, name: str, finding: str | None = None) -> Figure | None:
        """Give one figure; None where the frames did not determine it."""
        wanted = (item for item in self.figures if (item.name, item.finding) == (name, finding))
        return next(wanted, None)


def choose(names: Sequence[str]) -> tuple[Corruption, ...]:
    """Give the corruptions of these names, or all of them where none is named.

    Raises
    ------
    DataError
        There is no such corruption.
    """
    if unknown := [name for name in names if name not in CORRUPTIONS]:
        raise DataError(
            f"no corruption is called {unknown[0]!r}; choose from {', '.join(CORRUPTIONS)}"
        )
    return tuple(CORRUPTIONS[name] for name in names or CORRUPTIONS)


def draw(count: int, files: Sequence[str]) -> list[int]:
    """Draw `count` of the files, the same on every machine; all where they are no more."""
    order = sorted(range(len(files)), key=lambda row: hashlib.sha256(files[row].encode()).digest())
    return sorted(order[:count])


def stress(
    classifier: Classifier,
    samples: Sequence[Sample],
    groups: Sequence[str],
    corruptions: Sequence[Corruption],
    *,
    strengths: Sequence[int] = range(len(STRENGTHS)),
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Stressed, ...]:
    """Change every sample's frame by every corruption, and measure what becomes of its verdict.

    `progress` is told the number of frames as they are finished.

    Raises
    ------
    DataError
        A file cannot be read; the message names it.
    """
    cases = [(item, level) for item in corruptions for level in strengths]
    codes = tuple(finding.code for finding in classifier.findings)
    # Of a removed inset only the fact counts, not a strength.
    cases = [(item, level) for item, level in cases if level == MIDDLE or item.levels[level] != ""]
    shape = (len(cases) + 1, len(samples), len(codes))
    chances, called = np.zeros(shape), np.zeros(shape, bool)
    changed = np.zeros(shape[:2], bool)

    def walk(row: int) -> None:
        for case, prepared in _altered(classifier, samples[row], cases, seed):
            (verdict,) = classifier.judge([prepared])
            changed[case, row] = True
            chances[case, row] = [finding.probability for finding in verdict.findings]
            called[case, row] = [finding.present for finding in verdict.findings]

    with ThreadPoolExecutor(available_cpus()) as pool:
        for _ in pool.map(walk, range(len(samples))):
            if progress:
                progress(1)

    present, known = targets(samples, codes)
    bootstrap = Bootstrap(groups, seed=seed)
    results = []
    for number, (item, level) in enumerate(cases, start=1):
        counted = changed[number]
        another = chances[number].argmax(1) != chances[0].argmax(1)
        measures: list[tuple[str, str | None, Measure]] = []
        for name, right, shows in (
            ("sensitivity", called, known & present),
            ("specificity", ~called, known & ~present),
        ):
            where = shows & counted[:, None]
            measures += _falls(name, codes, right[0], right[number], where)
        made = [bootstrap.share("top-changed", another, counted)]
        made += [bootstrap.figure(name, measure, code) for name, code, measure in measures]
        results.append(
            Stressed(
                item.name,
                STRENGTHS[level],
                item.describe(level),
                int(counted.sum()),
                tuple(figure for figure in made if figure is not None),
            )
        )
    return tuple(results)


def _falls(
    name: str, codes: Sequence[str], before: Flags, after: Flags, where: Flags
) -> Iterator[tuple[str, str | None, Measure]]:
    """Give the measures of a share that was right before and after, [frames, findings]."""
    shown = where.astype(float)
    now, lost = after * shown, (before.astype(float) - after) * shown

    def each(values: NDArray[np.float64], column: int) -> Measure:
        return lambda weights: ratio(weights @ values[:, column], weights @ shown[:, column])

    def mean(values: NDArray[np.float64]) -> Measure:
        def over(weights: NDArray[np.float64]) -> NDArray[np.float64]:
            shares = ratio(weights @ values, weights @ shown)
            told = ~np.isnan(shares)
            return ratio(np.where(told, shares, 0.0).sum(-1), told.sum(-1))

        return over

    yield name, None, mean(now)
    yield f"{name}-drop", None, mean(lost)
    for column, code in enumerate(codes):
        yield name, code, each(now, column)
        yield f"{name}-drop", code, each(lost, column)


def _altered(
    classifier: Classifier,
    sample: Sample,
    cases: Sequence[tuple[Corruption, int]],
    seed: int,
) -> Iterator[tuple[int, Prepared]]:
    """Prepare the frame as it is, case 0, and as each case that changes it makes it."""
    try:
        before = classifier.prepare(sample.read(), declared=sample.path.suffix, reduced=False)
    except (FrameError, OSError) as error:
        raise DataError(f"{sample.path}: {error}") from error
    yield 0, before
    for number, (item, level) in enumerate(cases, start=1):
        after = item.apply(before.frame, before.view, level, seed=seed)
        if isinstance(after, Frame) and np.array_equal(after.pixels, before.frame.pixels):
            continue
        yield number, classifier.prepare(after)
