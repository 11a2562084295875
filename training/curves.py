"""The curves of a report: each with a 95 % band that resamples whole groups."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from endolink.training.intervals import Bootstrap, ratio
from endolink.training.metrics import Confusion, Judged, stepped

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]

RESAMPLES = 400
GRID = np.linspace(0, 1, 101)
RELIABILITY_BINS = 10
# Net benefit is told for threshold probabilities in this range: beyond it nobody would decide.
THRESHOLDS = np.linspace(0.01, 0.99, 99)
_DIGITS = 5


@dataclass(frozen=True)
class Curve:
    """One finding's curve: `y` over `x`, and its band where groups could be resampled.

    In a reliability curve `x` is the mean probability of a bin, `y` the share of its frames that
    show the finding, `count` their number. Elsewhere `count` is empty.
    """

    finding: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    count: tuple[int, ...] = ()


@dataclass(frozen=True)
class ConfusionTable:
    """How often a frame of class `labels[row]` was called `labels[column]`."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Curves:
    """All curves of judged frames, one for each finding that the frames determine.

    `decision` is the net benefit of acting on the probability (Vickers & Elkin, Med. Decis. Making
    2006) at each threshold probability, `act_on_all` that of acting on every frame; acting on none
    has 0.
    """

    roc: tuple[Curve, ...]
    precision_recall: tuple[Curve, ...]
    reliability: tuple[Curve, ...]
    decision: tuple[Curve, ...]
    act_on_all: tuple[Curve, ...]
    confusion: ConfusionTable


def curves(judged: Judged, *, seed: int = 0, resamples: int = RESAMPLES) -> Curves:
    """Measure every curve."""
    bootstrap = Bootstrap(judged.groups, seed=seed, resamples=resamples)
    made: dict[str, list[Curve]] = {name: [] for name in (*_SHAPES, "reliability")}
    for number, code in enumerate(judged.findings):
        known = judged.known[:, number]
        present, scores = judged.present[known, number], judged.probabilities[known, number]
        if not present.any() or present.all():
            continue
        column = _Column(code, known, present, scores)
        for name, (grid, shape) in _SHAPES.items():
            made[name].append(_banded(bootstrap, column, grid, shape))
        made["reliability"].append(_reliability(bootstrap, column))
    counts = Confusion(judged)(np.ones(len(judged))).round().astype(int)
    table = ConfusionTable(
        Confusion(judged).labels, tuple(tuple(int(cell) for cell in row) for row in counts)
    )
    return Curves(confusion=table, **{name: tuple(items) for name, items in made.items()})


_Shape = Callable[[Flags, Reals, Reals], Reals]


def roc(present: Flags, scores: Reals, weights: Reals) -> Reals:
    """Give the sensitivity at each false positive rate of `GRID`: [..., 101]."""
    hits, alarms = _counted(present, scores, weights)
    return _interpolated(
        ratio(alarms, np.repeat(alarms[..., -1:], alarms.shape[-1], -1)),
        ratio(hits, np.repeat(hits[..., -1:], hits.shape[-1], -1)),
    )


def precision_recall(present: Flags, scores: Reals, weights: Reals) -> Reals:
    """Give the highest precision at a recall of at least each value of `GRID`: [..., 101]."""
    hits, alarms = _counted(present, scores, weights)
    recall = ratio(hits, np.repeat(hits[..., -1:], hits.shape[-1], -1))
    precision = np.nan_to_num(ratio(hits, hits + alarms))
    best = np.maximum.accumulate(precision[..., ::-1], -1)[..., ::-1]
    flat = zip(
        recall.reshape(-1, recall.shape[-1]),
        best.reshape(recall.shape).reshape(-1, recall.shape[-1]),
        strict=True,
    )
    rows = [
        np.full(len(GRID), np.nan)
        if np.isnan(reached).any()
        else at[np.minimum(np.searchsorted(reached, GRID - 1e-9), len(at) - 1)]
        for reached, at in flat
    ]
    return np.array(rows).reshape(*weights.shape[:-1], len(GRID))


def net_benefit(present: Flags, scores: Reals, weights: Reals) -> Reals:
    """Give the net benefit at each of `THRESHOLDS`: true calls less the false, by their odds."""
    acted = (scores[:, None] >= THRESHOLDS).astype(float)
    odds = THRESHOLDS / (1 - THRESHOLDS)
    worth = np.where(present[:, None], acted, -acted * odds)
    return ratio(weights @ worth, _total(weights, len(THRESHOLDS)))


def act_on_all(present: Flags, _: Reals, weights: Reals) -> Reals:
    """Give the net benefit of acting on every frame."""
    odds = THRESHOLDS / (1 - THRESHOLDS)
    worth = np.where(present[:, None], 1.0, -odds)
    return ratio(weights @ worth, _total(weights, len(THRESHOLDS)))


_SHAPES: dict[str, tuple[Reals, _Shape]] = {
    "roc": (GRID, roc),
    "precision_recall": (GRID, precision_recall),
    "decision": (THRESHOLDS, net_benefit),
    "act_on_all": (THRESHOLDS, act_on_all),
}


@dataclass(frozen=True, eq=False)
class _Column:
    """One finding's labels and scores, over the frames where it is `known`."""

    code: str
    known: Flags
    present: Flags
    scores: Reals


def _banded(bootstrap: Bootstrap, column: _Column, grid: Reals, shape: _Shape) -> Curve:
    code = column.code

    def measure(weights: Reals) -> Reals:
        return shape(column.present, column.scores, weights[..., column.known])

    low, high = bootstrap.interval(measure)
    value = bootstrap.value(measure)
    if np.isnan(low).any():
        return Curve(code, _listed(grid), _listed(value))
    # A percentile band may miss the curve itself by a hair where it is a corner.
    low, high = np.minimum(low, value), np.maximum(high, value)
    return Curve(code, _listed(grid), _listed(value), _listed(low), _listed(high))


def _reliability(bootstrap: Bootstrap, column: _Column) -> Curve:
    code, known, present, scores = column.code, column.known, column.present, column.scores
    bins = np.minimum((scores * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    filled = np.unique(bins)
    inside = (bins[:, None] == filled).astype(float)

    def measure(weights: Reals) -> Reals:
        counted = weights[..., known]
        return ratio(counted @ (inside * present[:, None]), counted @ inside)

    low, high = bootstrap.interval(measure)
    count = inside.sum(0)
    mean = (inside * scores[:, None]).sum(0) / count
    value = bootstrap.value(measure)
    return Curve(
        code,
        _listed(mean),
        _listed(value),
        _listed(np.where(np.isnan(low), value, np.minimum(low, value))),
        _listed(np.where(np.isnan(high), value, np.maximum(high, value))),
        tuple(int(number) for number in count),
    )


def _counted(present: Flags, scores: Reals, weights: Reals) -> tuple[Reals, Reals]:
    """Give true and false calls as the threshold falls, from none: [..., steps + 1]."""
    with_it, without = stepped(present, scores, weights)
    nothing = np.zeros((*weights.shape[:-1], 1))
    return (
        np.concatenate([nothing, np.cumsum(with_it, -1)], -1),
        np.concatenate([nothing, np.cumsum(without, -1)], -1),
    )


def _interpolated(x: Reals, y: Reals) -> Reals:
    rows = [
        np.interp(GRID, one, other) if not np.isnan(one + other).any() else GRID * np.nan
        for one, other in zip(x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1]), strict=True)
    ]
    return np.array(rows).reshape(*x.shape[:-1], len(GRID))


def _total(weights: Reals, count: int) -> Reals:
    return np.repeat(weights.sum(-1, keepdims=True), count, -1)


def _listed(values: Reals) -> tuple[float, ...]:
    return tuple(round(float(value), _DIGITS) for value in values)
