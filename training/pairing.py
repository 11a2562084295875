"""Which labelled image a segmented one is: HyperKvasir gives its two parts different names."""

import csv
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from endolink.model.preprocess import Preprocess
from endolink.model.runtime import available_cpus
from endolink.training.cache import cut
from endolink.training.datasets.hyper_kvasir import CLASSES, IMAGES, SEGMENTED
from endolink.training.datasets.samples import Sample, images

Progress = Callable[[int], None]

NAMES = "names.csv"
# Two files of one picture are this close at most; two neighbouring frames of a video seldom are.
SAME_PICTURE: Final = 0.05
_SIDE: Final = 64


def pair_outlines(root: Path, progress: Progress | None = None) -> int:
    """Write `names.csv` beside HyperKvasir's segmented images, so that their outlines are found.

    A picture is recognised by its bytes, or by its size and looks where exactly one is close
    enough; the others are left out. Returns how many were recognised.

    Raises
    ------
    DataError
        An image cannot be read.
    """
    folder = root / SEGMENTED / "images"
    polyps = root / IMAGES / CLASSES[0].folder
    if (root / SEGMENTED / NAMES).is_file() or not (folder.is_dir() and polyps.is_dir()):
        return 0
    pairs = pair_pictures(images(folder), images(polyps), progress)
    with (root / SEGMENTED / NAMES).open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(("official-name", "labeled-image"))
        table.writerows((one.name, other.name) for one, other in sorted(pairs.items()))
    return len(pairs)


def pair_pictures(
    ones: Sequence[Path], others: Sequence[Path], progress: Progress | None = None
) -> dict[Path, Path]:
    """Find, for each of `ones`, the one of `others` that is the same picture, where that is sure.

    Raises
    ------
    DataError
        An image cannot be read.
    """
    by_digest = {_digest(path): path for path in others}
    pairs = {one: by_digest[digest] for one in ones if (digest := _digest(one)) in by_digest}
    left = [one for one in ones if one not in pairs]
    taken = set(pairs.values())
    free = [other for other in others if other not in taken]
    if not (left and free):
        return pairs
    report = progress or (lambda _: None)

    def look(path: Path) -> tuple[NDArray[np.float32], tuple[int, int]]:
        sample = Sample(path, path.name, frozenset(), frozenset())
        descriptor = cut(sample, Preprocess(_SIDE))[1]
        with Image.open(path) as image:
            size = image.size
        report(1)
        return descriptor, size

    with ThreadPoolExecutor(available_cpus()) as pool:
        mine, theirs = list(pool.map(look, left)), list(pool.map(look, free))
    close = _close(mine, theirs)
    # Sure is what is close to one only, on either side.
    for row, column in zip(*np.nonzero(close), strict=True):
        if close[row].sum() == 1 and close[:, column].sum() == 1:
            pairs[left[row]] = free[column]
    return pairs


_Looks = Sequence[tuple[NDArray[np.float32], tuple[int, int]]]


def _close(mine: _Looks, theirs: _Looks) -> NDArray[np.bool_]:
    ones, others = (np.stack([descriptor for descriptor, _ in looks]) for looks in (mine, theirs))
    halves = (ones**2).sum(axis=1)[:, None] / 2 + (others**2).sum(axis=1)[None] / 2
    sizes = [[size == another for _, another in theirs] for _, size in mine]
    alike: NDArray[np.bool_] = np.asarray(halves - ones @ others.T <= SAME_PICTURE)
    return np.logical_and(alike, np.array(sizes, np.bool_))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
