"""`endolink train` and `endolink export`.

Nothing here imports torch until a command runs: without the training extra the commands are still
listed, explain themselves, and say what to install.
"""

import importlib
import shlex
import sys
from pathlib import Path, PurePath
from typing import Annotated, Any

import typer
from rich.table import Table

from endolink.model.manifest import Evaluation, Figure
from endolink.model.progress import Stages
from endolink.training.console import CONSOLE, Data, need_extra, show

Cache = Annotated[Path, typer.Option("--cache", help="Where decoded frames are kept.")]
_CACHE = Path("~/.cache/endolink")


def train(
    *,
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="The run's folder; runs go on from it.")],
    also: Annotated[
        list[str] | None,
        typer.Option("--also", help="Data that is only learned from, as --data; rendered frames."),
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Into how many folds the data is dealt.")] = 5,
    fold: Annotated[
        str, typer.Option(help="The fold to test on, from 0; `all` cross-validates.")
    ] = "0",
    split: Annotated[
        Path | None, typer.Option(help="Train on the split in this CSV file instead.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1)] = 6,
    arch: Annotated[str, typer.Option(help="A torchvision network, as resnet18.")] = "mobilenet_v2",
    weights: Annotated[
        str | None,
        typer.Option(help="A file of weights to start from; `imagenet` fetches torchvision's."),
    ] = None,
    stem: Annotated[
        int, typer.Option(min=0, help="So many of the backbone's first parts are never trained.")
    ] = 0,
    average: Annotated[
        float, typer.Option(help="How much of the averaged weights stays at an update.")
    ] = 0.98,
    size: Annotated[int, typer.Option(help="The network's input, in pixels a side.")] = 224,
    train_size: Annotated[
        int | None, typer.Option(help="The side to learn at; 6/7 of --size unless given.")
    ] = None,
    batch: Annotated[int, typer.Option(min=2)] = 32,
    rate: Annotated[float, typer.Option(help="The head's learning rate.")] = 2e-3,
    width: Annotated[float, typer.Option(help="Scales the channels of a MobileNet.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of everything random but the split.")] = 0,
    split_seed: Annotated[int, typer.Option(help="Of the split.")] = 0,
    specificity: Annotated[
        float, typer.Option(help="The specificity at which operating points are chosen.")
    ] = 0.95,
    cache: Cache = _CACHE,
) -> None:
    """Fine-tune a network on labelled frames, and measure it on frames it has not seen.

    Near-identical frames stay on one side of the split. The command may be stopped and given
    again: it goes on where it was.

    [bold]A first run, on your own folder of sub-folders named after findings[/]

        endolink train --data folder:my-frames --weights imagenet --out runs/first

    [bold]Five-fold cross-validation on HyperKvasir[/]

        endolink train --data hyper-kvasir:hyper-kvasir --fold all --out runs/cv

    Then `endolink export runs/first --out bundle` makes what can be served.
    """
    need_extra()
    run = importlib.import_module("endolink.training.run")
    setup = importlib.import_module("endolink.training.config")
    recipe = importlib.import_module("endolink.training.recipe").Recipe(
        architecture=arch,
        width=width,
        weights=weights,
        stem=stem,
        average=average,
        size=size,
        train_size=train_size or max(32, size * 6 // 7),
        epochs=epochs,
        batch=batch,
        rate=rate,
        seed=seed,
    )
    every = fold == "all"
    if not every and not (fold.isdigit() and int(fold) < folds):
        raise typer.BadParameter(f"--fold is 0 to {folds - 1}, or all")
    if every and split is not None:
        raise typer.BadParameter("--split is one split; it cannot be cross-validated")
    configs = [
        setup.Config(
            data=tuple(data),
            also=tuple(also or ()),
            recipe=recipe,
            folds=folds,
            fold=number,
            split_seed=split_seed,
            split=None if split is None else str(split),
            specificity=specificity,
            command=_command(),
            git_commit=setup.git_commit(),
            libraries=setup.libraries(),
        )
        for number in (range(folds) if every else [int(fold)])
    ]
    with Stages() as display:
        material = run.gather(data, recipe, cache, display, also or ())
        if every:
            summary = run.cross_validate(configs, material, out, display)
        else:
            evaluation = run.train(configs[0], material, out, display)
    if every:
        _show_folds(summary)
    else:
        show(evaluation)


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    *,
    out: Annotated[Path, typer.Option("--out", help="The bundle's folder.")],
    name: Annotated[str, typer.Option(help="What the model is called.")] = "model",
    version: Annotated[str, typer.Option(help="Its version, as 1.0.0.")] = "1.0.0",
    licence: Annotated[str, typer.Option(help="The weights' licence.")] = "Apache-2.0",
    data: Annotated[
        list[str] | None,
        typer.Option("--data", help="Where the run's data lies now, if it has moved."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--also", help="Where what was only learned from lies now, if it has moved."),
    ] = None,
    cross_validation: Annotated[
        Path | None, typer.Option(help="A run of --fold all, whose figures go into the card.")
    ] = None,
    cache: Cache = _CACHE,
) -> None:
    """Export a run's best network as a bundle that `endolink serve` and `score` can open.

    The ONNX graph must give torch's logits on real frames, or nothing is written. The bundle
    carries its calibration, its figures, where it comes from, and a model card.

        endolink export runs/first --out bundle --name my-model --version 0.1.0
    """
    need_extra()
    runs = importlib.import_module("endolink.training.run")
    config = importlib.import_module("endolink.training.config").read_config(run)
    with Stages() as display:
        material = runs.gather(
            data or config.data, config.recipe, cache, display, also or config.also
        )
        made = runs.finish(
            run,
            material,
            out,
            display,
            name=name,
            version=version,
            licence=licence,
            command=_command(),
            cross_validation=cross_validation,
        )
    CONSOLE.print(f"{out}: {made.manifest.name} {made.manifest.version}, {made.digest}")


def _command() -> str:
    """Give the command as it was typed, with absolute paths cut to their last part."""
    return shlex.join(["endolink", *(_without_place(word) for word in sys.argv[1:])])


def _without_place(word: str) -> str:
    start = max(word.rfind(":/"), word.rfind("=/")) + 1
    path = PurePath(word[start:])
    return word[:start] + path.name if path.is_absolute() else word


def _show_folds(summary: dict[str, Any]) -> None:
    table = Table(title="Cross-validation")
    for column in ("fold", "macro-F1", "MCC"):
        table.add_column(column)
    for number, fold in enumerate(summary["folds"]):
        table.add_row(str(number), f"{fold['macro-f1']:.3f}", f"{fold['mcc']:.3f}")
    over = summary["over_folds"]
    table.add_row(
        "mean ± std",
        *(f"{over[name]['mean']:.3f} ± {over[name]['std']:.3f}" for name in ("macro-f1", "mcc")),
    )
    CONSOLE.print(table)
    show(Evaluation(**_evaluation(summary["pooled"])))


def _evaluation(stored: dict[str, Any]) -> dict[str, Any]:
    return {**stored, "figures": tuple(Figure(**figure) for figure in stored["figures"])}
