"""A split made on its own, before any training: by groups, or the authors'."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from endolink.model.preprocess import Preprocess
from endolink.model.similarity import groups as scenes
from endolink.training import cache
from endolink.training.datasets import open_data, union
from endolink.training.groups import merge_groups
from endolink.training.official import split_official
from endolink.training.recipe import Recipe
from endolink.training.splits import Split, split_fold


class Display(Protocol):
    """Where it tells how far it is."""

    def stage(self, what: str, total: int | None) -> Callable[[int], None]:
        """Begin a stage of `total` frames."""


def make_split(
    data: Sequence[str],
    folder: Path,
    display: Display,
    *,
    folds: int,
    fold: int,
    seed: int,
    official: bool,
    preprocess: Preprocess | None = None,
) -> Split:
    """Split data sets by patients, videos and near-copies, or as their authors did.

    The frames are decoded into the cache that a training at the usual size reads.

    Raises
    ------
    DataError
        There are too few groups, or no official split; the message says which.
    """
    samples, _ = union([open_data(spec) for spec in data])
    done = display.stage("decode and crop", len(samples))
    cached = cache.walk(samples, preprocess or Recipe().preprocess, folder, done)
    groups = merge_groups(samples, scenes(np.asarray(cached.descriptors)).tolist())
    if official:
        return split_official(samples, groups, fold=fold, seed=seed)
    return split_fold(samples, groups, count=folds, fold=fold, seed=seed)
