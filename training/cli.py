"""`endolink train` and `endolink average`.

Nothing here imports torch until a command runs: without the training extra the commands are still
listed, explain themselves, and say what to install.
"""

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from endolink.model.progress import Stages
from endolink.training.console import CONSOLE, Cache, command_line, need_extra, show
from endolink.training.options import takes_recipe
from endolink.training.settings import resolve

_PLACE = Path("~/.cache/endolink")


@takes_recipe
def train(
    *,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data", help="ADAPTER:PATH, as hyper-kvasir:PATH or folder:PATH; repeatable."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The run's folder; runs go on from it.")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--also", help="Data that is only learned from, as --data names it; repeatable."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML file of settings, or a run's config.json; options win over it."),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Into how many folds the data is dealt.", show_default="5")
    ] = None,
    fold: Annotated[
        str | None,
        typer.Option(help="The fold to test on, from 0; `all` cross-validates.", show_default="0"),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Train on the split in this CSV file instead; `official` is the data sets' own."
        ),
    ] = None,
    split_seed: Annotated[int | None, typer.Option(help="Of the split.", show_default="0")] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Do it with so many seeds, from --seed on.", show_default="1"),
    ] = None,
    specificity: Annotated[
        float | None,
        typer.Option(
            help="The specificity at which operating points are chosen.", show_default="0.95"
        ),
    ] = None,
    sensitivity: Annotated[
        float | None, typer.Option(help="Choose them at this sensitivity instead.")
    ] = None,
    cache: Cache = _PLACE,
    **recipe: Any,
) -> None:
    """Fine-tune a network on labelled frames, and measure it on frames it has not seen.

    Near-identical frames stay on one side of the split. The command may be stopped and given
    again: it goes on where it was. Every value that decided the run is printed and stands in its
    config.json.

    [bold]A first run, on your own folder of sub-folders named after findings[/]

        endolink train --data folder:my-frames --weights imagenet --out runs/first

    [bold]Three seeds of a five-fold cross-validation, as a file says it[/]

        endolink train --config recipe.toml --fold all --seeds 3 --out runs/cv

    [bold]On two GPUs[/]

        torchrun --nproc-per-node 2 --no-python endolink train --config recipe.toml --out runs/two

    Then `endolink export runs/first --out bundle` makes what can be served.
    """
    need_extra()
    settings = resolve(
        config,
        {
            "data": tuple(data) if data else None,
            "out": None if out is None else str(out),
            "also": tuple(also) if also else None,
            "folds": folds,
            "fold": fold,
            "split": split,
            "split_seed": split_seed,
            "seeds": seeds,
            "specificity": specificity,
            "sensitivity": sensitivity,
            **recipe,
        },
    )
    distributed = importlib.import_module("endolink.training.distributed")
    run = importlib.import_module("endolink.training.run")
    series = importlib.import_module("endolink.training.series")
    configure = importlib.import_module("endolink.training.config").configure
    place = Path(settings.out)
    members = series.members(settings, configure(command_line()))
    with distributed.joined():
        leads = distributed.leads()
        with Stages(Console(stderr=True, quiet=not leads)) as display:
            for line in settings.lines():
                display.say(line)
            with distributed.leader_first():
                material = run.gather(settings.data, settings.recipe, cache, display, settings.also)
            if len(members) == 1:
                evaluation = run.train(members[0].config, material, place, display)
            else:
                summary = series.train_all(members, material, place, display)
                evaluation = series.read_pooled(place)
    if not leads:
        return
    if len(members) > 1:
        _show_fits(summary)
    show(evaluation)
    if settings.seeds > 1:
        _show_seeds(summary)


def average(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs on one split.")],
    *,
    out: Annotated[Path, typer.Option("--out", help="The averaged run's folder.")],
    data: Annotated[
        list[str] | None,
        typer.Option("--data", help="Where the runs' data lies now, if it has moved."),
    ] = None,
    cache: Cache = _PLACE,
) -> None:
    """Average the weights of runs that differ by their seed: one network, no dearer than one.

    The runs join the mean one by one, the best first; one stays only where the validation frames
    are then judged no worse. What batch normalisation needs is measured anew. The result is a run
    like any other.

        endolink train --config recipe.toml --seeds 3 --out runs/three

        endolink average runs/three/seed-* --out runs/mean

        endolink export runs/mean --out bundle
    """
    need_extra()
    run = importlib.import_module("endolink.training.run")
    averaging = importlib.import_module("endolink.training.average")
    config = importlib.import_module("endolink.training.config").read_config(runs[0])
    with Stages() as display:
        material = run.gather(data or config.data, config.recipe, cache, display, config.also)
        averaged = averaging.average(runs, material, out, display, command=command_line())
    table = Table(title="Validation loss")
    for column in ("run", "seed", "alone", "with those kept", ""):
        table.add_column(column)
    for item in averaged.ingredients:
        kept = "kept" if item.kept else "left out"
        alone, together = f"{item.alone:.4f}", f"{item.together:.4f}"
        table.add_row(item.run, str(item.seed), alone, together, kept)
    CONSOLE.print(table)
    CONSOLE.print(str(averaged), highlight=False)
    show(run.read_metrics(out))


def _show_fits(summary: dict[str, Any]) -> None:
    table = Table(title="Each fit, on its own held-out frames")
    for column in ("seed", "fold", "macro-F1", "MCC"):
        table.add_column(column)
    for fit in summary["fits"]:
        table.add_row(
            str(fit["seed"]), str(fit["fold"]), f"{fit['macro-f1']:.3f}", f"{fit['mcc']:.3f}"
        )
    over = summary["over_fits"]
    table.add_row("mean ± std", "", *(_mean_std(over[name]) for name in ("macro-f1", "mcc")))
    CONSOLE.print(table)


def _show_seeds(summary: dict[str, Any]) -> None:
    table = Table(title="Over the seeds: what a figure owes to chance")
    for column in ("finding", "figure", "mean ± std", "least", "most"):
        table.add_column(column)
    for figure in summary["over_seeds"]:
        least, most = f"{figure['least']:.3f}", f"{figure['most']:.3f}"
        table.add_row(figure["finding"] or "all", figure["name"], _mean_std(figure), least, most)
    CONSOLE.print(table)


def _mean_std(spread: dict[str, Any]) -> str:
    return f"{spread['mean']:.3f} ± {spread['std']:.3f}"
