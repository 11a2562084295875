"""Several runs of one recipe: every fold, every seed, or both; what is finished stays finished.

runs/all/
    seed-0/fold-0/ ...   each run as `training.run` leaves it; one level only where one is asked for
    metrics.json         every run's figures, their spread, and all verdicts pooled
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from endolink.model.errors import TrainingRefused
from endolink.model.manifest import Evaluation
from endolink.training import distributed
from endolink.training.config import CONFIG, Config
from endolink.training.evaluate import read_table
from endolink.training.metrics import Judged
from endolink.training.run import HELD_OUT, METRICS, Display, Material, measure, train
from endolink.training.settings import Settings

_EVALUATION = TypeAdapter(Evaluation)

Figures = list[dict[str, Any]]


@dataclass(frozen=True)
class Member:
    """One run of a series: where it lies below the series' folder, and what decides it."""

    place: str
    config: Config


def members(settings: Settings, configure: Callable[[Settings, int, int], Config]) -> list[Member]:
    """List the runs that `settings` asks for; `configure` is given a seed and a fold."""
    folds = list(range(settings.folds)) if settings.fold == "all" else [settings.fold]
    first = settings.recipe.seed
    seeds = range(first, first + settings.seeds)
    return [
        Member(
            "/".join(
                [
                    *([f"seed-{seed}"] if len(seeds) > 1 else []),
                    *([f"fold-{fold}"] if len(folds) > 1 else []),
                ]
            ),
            configure(settings, seed, fold),
        )
        for seed in seeds
        for fold in folds
    ]


def train_all(
    runs: Sequence[Member], material: Material, folder: Path, display: Display
) -> dict[str, Any]:
    """Train and test every run; what is finished in `folder` is not done again.

    Gives, and writes as metrics.json: `fits`, every run's macro-F1 and MCC; `over_fits`, their mean
    and standard deviation; `over_seeds`, for every figure of a seed's pooled verdicts its mean,
    standard deviation, least and most; `pooled`, the figures of all runs' verdicts together.

    Raises
    ------
    TrainingRefused
        `folder` is that of a single run, whose figures would be lost; or as `train` says.
    """
    if (folder / CONFIG).is_file():
        raise TrainingRefused(f"{folder} holds a single run; choose another --out for several")
    fits = []
    for number, run in enumerate(runs, 1):
        display.say(f"fit {number} of {len(runs)}: {run.place}")
        evaluation = train(run.config, material, folder / run.place, display)
        found = {item.name: item.value for item in evaluation.figures if item.finding is None}
        fits.append(
            {
                "seed": run.config.recipe.seed,
                "fold": run.config.fold,
                "macro-f1": found.get("macro-f1", float("nan")),
                "mcc": found.get("mcc", float("nan")),
            }
        )
    seeds = sorted({run.config.recipe.seed for run in runs})
    tables = {
        seed: [
            read_table(folder / run.place / HELD_OUT, material.samples)
            for run in runs
            if run.config.recipe.seed == seed
        ]
        for seed in seeds
    }
    summary = {
        "fits": fits,
        "over_fits": {name: _spread([fit[name] for fit in fits]) for name in ("macro-f1", "mcc")},
        "over_seeds": _over_seeds([measure(_pool(tables[seed]), "") for seed in seeds]),
        "pooled": _EVALUATION.dump_python(
            measure(_pool([one for seed in seeds for one in tables[seed]]), _what(runs)),
            mode="json",
        ),
    }
    if distributed.leads():
        (folder / METRICS).write_text(json.dumps(summary, indent=2) + "\n")
    return summary


def read_pooled(folder: Path) -> Evaluation:
    """Read the pooled figures of a finished series.

    Raises
    ------
    TrainingRefused
        It is not finished.
    """
    try:
        return _EVALUATION.validate_python(json.loads((folder / METRICS).read_bytes())["pooled"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingRefused(f"{folder} is not a finished cross-validation") from error


def _what(runs: Sequence[Member]) -> str:
    seeds = len({run.config.recipe.seed for run in runs})
    folds = len({run.config.fold for run in runs})
    counted = f"{folds} folds of cross-validation" if folds > 1 else "one held-out part"
    several = f" with {seeds} seeds" if seeds > 1 else ""
    return (
        f"{counted}{several}, pooled: as many networks trained alike, each on what it has not seen"
    )


def _over_seeds(evaluations: Sequence[Evaluation]) -> Figures:
    values: dict[tuple[str, str | None], list[float]] = {}
    for evaluation in evaluations:
        for figure in evaluation.figures:
            values.setdefault((figure.name, figure.finding), []).append(figure.value)
    return [
        {"name": name, "finding": finding, **_spread(found)}
        for (name, finding), found in values.items()
    ]


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "mean": float(np.mean(values)),
        # Of one value nothing is known.
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
        "least": float(np.min(values)),
        "most": float(np.max(values)),
    }


def _pool(tables: Sequence[Judged]) -> Judged:
    return dataclasses.replace(
        tables[0],
        present=np.concatenate([table.present for table in tables]),
        known=np.concatenate([table.known for table in tables]),
        probabilities=np.concatenate([table.probabilities for table in tables]),
        called=np.concatenate([table.called for table in tables]),
        groups=tuple(group for table in tables for group in table.groups),
    )
