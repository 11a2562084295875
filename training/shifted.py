"""Frames that were held back, as other scopes and hospitals might have shown them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from endolink.model.calibration import probabilities
from endolink.model.manifest import OperatingPoint
from endolink.model.preprocess import normalise
from endolink.training.calibrate import balanced_point
from endolink.training.drawing import Chances, drawer_of
from endolink.training.frames import Bools, Frames
from endolink.training.recipe import Recipe

AS_DRAWN = ", drawn as other scopes might show them"

Infer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A network: what it reads, [N, 3, S, S], to logits, [N, findings]."""

# No epoch of training has this number.
_EPOCH = 1_000_003
_BATCH = 16
# Oftener than in training a frame is seen without its lesion: there the same scope, light and
# hospital must say no.
_CHANCES = Chances(lesion_free=0.6, transplant=0.2)


def infer_shifted(
    infer: Infer, frames: Frames, recipe: Recipe, *, times: int = 2
) -> tuple[NDArray[np.float32], Bools, Bools]:
    """Run each frame `times`, drawn anew: logits, present and known, each [times x N, findings].

    They are drawn as training frames are, with lesions transplanted and taken away, at the size
    that the network is judged at.
    """
    drawer = drawer_of(frames, replace(recipe, train_size=recipe.size), _CHANCES)
    logits, present, known = [], [], []
    for time in range(times):
        for start in range(0, len(frames), _BATCH):
            drawn = [
                drawer(row, np.random.default_rng((recipe.seed, _EPOCH + time, row)))
                for row in range(start, min(start + _BATCH, len(frames)))
            ]
            read = [normalise(example.pixels, recipe.preprocess) for example in drawn]
            logits.append(infer(np.stack(read)))
            present += [example.present for example in drawn]
            known += [example.known for example in drawn]
    return np.concatenate(logits), np.stack(present), np.stack(known)


def with_lesion(
    points: Sequence[OperatingPoint],
    infer: Infer,
    frames: Frames,
    recipe: Recipe,
    *,
    warmth: float,
    measured_on: str,
) -> tuple[OperatingPoint, ...]:
    """Give the operating points, that of a finding with outlines chosen on shifted frames instead.

    What is chosen on the looks of one hospital is wrong in the next; where lesions were outlined,
    the class can be parted from the look.
    """
    lesion = frames.drawings.lesion if frames.drawings else None
    if lesion is None:
        return tuple(points)
    drawn, there, told = infer_shifted(infer, frames, recipe)
    row = told[:, lesion]
    point = balanced_point(
        points[lesion].code,
        probabilities(drawn, warmth)[row, lesion],
        there[row, lesion],
        measured_on=measured_on + AS_DRAWN,
    )
    return (*points[:lesion], point, *points[lesion + 1 :])
