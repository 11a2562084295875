"""Drift: how far what comes in, and what goes out, has moved from the validation frames.

It informs whoever runs the service; it changes no verdict.
"""

from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from endolink.model.manifest import Distribution
from endolink.model.preprocess import Preprocess
from endolink.model.verdict import Verdict

# The moving mean forgets: a figure's last five hundred frames make up two thirds of it, some twenty
# seconds of one live stream, or a ward's morning of stills.
_MEMORY = 500
# Fewer frames than this are one patient's colon, not a drift.
_ENOUGH = 200
# Once there are enough, no more of them are looked at than one live stream has: the mean then
# covers the same twenty seconds however many streams there are, and nobody's frame waits for it.
_APART_S = 1 / 25
# BT.601, as the reference was measured with.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Every fourth pixel in both directions: 3,136 of a square of 224 give a mean to a hundredth.
_STEP = 4


class Drift:
    """Follows the figures of `reference`, from a bundle's manifest; safe from several threads."""

    def __init__(
        self,
        reference: Mapping[str, Distribution],
        preprocess: Preprocess,
        *,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._reference = reference
        self._preprocess = preprocess
        self._means: dict[str, float] = {}
        self._frames = 0
        self._lock = Lock()
        self._clock = clock
        self._observed_s = -_APART_S

    @property
    def frames(self) -> int:
        """How many frames were looked at."""
        return self._frames

    def observe(self, tensor: NDArray[np.float32], verdict: Verdict) -> None:
        """Take in one frame: `tensor`, float32 3×size×size, is what the network read.

        Of frames that come more often than 25 times a second some are passed over.
        """
        now_s = self._clock()
        if self._frames >= _ENOUGH and now_s - self._observed_s < _APART_S:
            return
        self._observed_s = now_s
        luminance, contrast = shown(tensor, self._preprocess)
        figures = {"luminance": luminance, "contrast": contrast} | {
            f"probability.{finding.code}": finding.probability for finding in verdict.findings
        }
        with self._lock:
            self._frames += 1
            newest = 1 / min(self._frames, _MEMORY)
            for name in self._reference.keys() & figures.keys():
                before = self._means.get(name, 0.0)
                self._means[name] = before + newest * (figures[name] - before)

    def shifts(self) -> Iterator[tuple[str, float]]:
        """Give each figure's recent mean, in the reference's standard deviations from its mean.

        Nothing is given before enough frames have been seen.
        """
        with self._lock:
            means = dict(self._means) if self._frames >= _ENOUGH else {}
        for name, mean in means.items():
            usual = self._reference[name]
            if usual.std > 0:
                yield name, (mean - usual.mean) / usual.std


def shown(tensor: NDArray[np.float32], preprocess: Preprocess) -> tuple[float, float]:
    """Measure mean and standard deviation of the luma, in [0, 1], of what `tensor` shows."""
    few = tensor[:, ::_STEP, ::_STEP]
    mean, std = (
        np.asarray(v, np.float32)[:, None, None] for v in (preprocess.mean, preprocess.std)
    )
    colours = few * std + mean
    fill = np.asarray(preprocess.fill, np.float32)[:, None, None] / 255
    patient = (np.abs(colours - fill) > 1e-4).any(axis=0)
    luma = np.tensordot(_LUMA, colours, 1)
    seen = luma[patient] if patient.any() else luma
    return float(seen.mean()), float(seen.std())
