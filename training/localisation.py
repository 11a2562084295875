"""Does the network look where the lesion is? Its activation beside outlines that people drew."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from endolink.model.activation import bound, peak
from endolink.model.classifier import Classifier
from endolink.model.errors import DataError, FrameError
from endolink.model.manifest import Figure
from endolink.model.runtime import available_cpus
from endolink.model.verdict import Box
from endolink.training.datasets.samples import Sample
from endolink.training.intervals import Bootstrap, mean_where

Progress = Callable[[int], None]

_MOST_PIXELS = 64_000_000


@dataclass(frozen=True)
class Looked:
    """Where the network looked for one finding in one frame.

    `inside` says whether the activation's maximum lies within the outline, `overlap` is the
    intersection over union of the box drawn from the activation and the outline's box, in [0, 1];
    `called` whether the finding was called present. Boxes are in the original frame's pixels.
    """

    file: str
    group: str
    finding: str
    inside: bool
    overlap: float
    called: bool
    box: Box
    outline: Box


def look(
    classifier: Classifier,
    samples: Sequence[Sample],
    groups: Sequence[str],
    progress: Progress | None = None,
) -> tuple[Looked, ...]:
    """Compare activation and outline on every frame that has one, whether the finding is called.

    Frames without an outline are passed over; `progress` is told the number of those with one.

    Raises
    ------
    DataError
        A frame or an outline cannot be read, or they are not of one size; the message names it.
    """
    codes = [finding.code for finding in classifier.findings]
    jobs = [
        (sample, group)
        for sample, group in zip(samples, groups, strict=True)
        if outlined(sample, codes)
    ]

    def walk(job: tuple[Sample, str]) -> list[Looked]:
        return _look(classifier, codes, *job)

    found: list[Looked] = []
    with ThreadPoolExecutor(available_cpus()) as pool:
        for looked in pool.map(walk, jobs):
            found += looked
            if progress:
                progress(1)
    return tuple(found)


def outlined(sample: Sample, codes: Sequence[str]) -> list[str]:
    """Give the findings that the sample shows, the network knows and somebody outlined."""
    return [code for code in codes if code in sample.outlines and code in sample.present]


def figures(looked: Sequence[Looked], *, seed: int = 0) -> tuple[Figure, ...]:
    """Measure, for each finding: `peak-inside`, a share, and `box-iou`, a mean.

    The same over the frames in which it was called present end in `-called`: what a viewer draws.
    """
    measured: list[Figure | None] = []
    for code in dict.fromkeys(item.finding for item in looked):
        mine = [item for item in looked if item.finding == code]
        bootstrap = Bootstrap([item.group for item in mine], seed=seed)
        called = np.array([item.called for item in mine])
        inside = np.array([item.inside for item in mine])
        overlap = np.array([item.overlap for item in mine])
        for suffix, where in (("", np.ones(len(mine), bool)), ("-called", called)):
            measured.append(bootstrap.share(f"peak-inside{suffix}", inside, where, code))
            overlaps = mean_where(overlap, where)
            measured.append(bootstrap.figure(f"box-iou{suffix}", overlaps, code))
    return tuple(figure for figure in measured if figure is not None)


def overlap(one: Box, other: Box) -> float:
    """Give the intersection over union of two half-open boxes, in [0, 1]."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(wide, 0) * max(high, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared)


def read_outline(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Read an outline's image, of `size` (width, height): bool H×W, True within.

    Raises
    ------
    DataError
        It cannot be read, or it is of another size.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > _MOST_PIXELS or image.size != size:
                raise DataError(f"{path}: the outline is {image.size}, its frame {size}")
            return np.asarray(image.convert("L")) > 127
    except OSError as error:
        raise DataError(f"{path}: the outline cannot be read") from error


def _look(classifier: Classifier, codes: Sequence[str], sample: Sample, group: str) -> list[Looked]:
    try:
        item = classifier.prepare(sample.read(), declared=sample.path.suffix)
    except (FrameError, OSError) as error:
        raise DataError(f"{sample.path}: {error}") from error
    (verdict,) = classifier.judge([item])
    maps = classifier.outputs([item])["activation"][0]
    size, frame = item.tensor.shape[-1], item.frame
    looked = []
    for code in outlined(sample, codes):
        within = read_outline(sample.outlines[code], (frame.width, frame.height))
        if not within.any():
            continue
        column = codes.index(code)
        x, y = peak(maps[column], item.placement, size, frame)
        box = bound(maps[column], item.placement, size, frame)
        rows, columns = np.flatnonzero(within.any(1)), np.flatnonzero(within.any(0))
        outline = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        called = verdict.findings[column].present
        inside = bool(within[y, x])
        looked.append(
            Looked(sample.file, group, code, inside, overlap(box, outline), called, box, outline)
        )
    return looked
