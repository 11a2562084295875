"""`endolink train`, `endolink evaluate` and `endolink export`.

Nothing here imports torch until a command runs: without the training extra the commands are still
listed, explain themselves, and say what to install.
"""

import importlib
import importlib.util
import json
import shlex
import sys
from pathlib import Path, PurePath
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from endolink.model.errors import DataError, ExtraMissing
from endolink.model.manifest import Evaluation, Figure
from endolink.model.progress import Stages
from endolink.model.runtime import Provider

_EXTRA = ("torch", "torchvision", "sklearn", "onnxscript", "tensorboard")

Data = Annotated[
    list[str],
    typer.Option("--data", help="ADAPTER:PATH, as hyper-kvasir:PATH or folder:PATH; repeatable."),
]
Cache = Annotated[Path, typer.Option("--cache", help="Where decoded frames are kept.")]
_CACHE = Path("~/.cache/endolink")


def train(
    *,
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="The run's folder; runs go on from it.")],
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
    _need_extra()
    run = importlib.import_module("endolink.training.run")
    setup = importlib.import_module("endolink.training.config")
    recipe = importlib.import_module("endolink.training.recipe").Recipe(
        architecture=arch,
        width=width,
        weights=weights,
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
        material = run.gather(data, recipe, cache, display)
        if every:
            summary = run.cross_validate(configs, material, out, display)
        else:
            evaluation = run.train(configs[0], material, out, display)
    if every:
        _show_folds(summary)
    else:
        _show(evaluation)


def evaluate(
    *,
    data: Data,
    bundle: Annotated[
        Path | None, typer.Option(help="The bundle's folder; without it, the one that is bundled.")
    ] = None,
    split: Annotated[
        Path | None, typer.Option(help="A run's split.csv: judge only one part of it.")
    ] = None,
    part: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    stress: Annotated[
        str, typer.Option(help="Comma-separated: inset, text. How often the top finding changes.")
    ] = "",
    reduced_decode: Annotated[
        bool, typer.Option(help="Compare with decoding every frame in full.")
    ] = False,
    provider: Annotated[str, typer.Option(help="auto, openvino, cpu or cuda.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Write the figures here, as JSON.")] = None,
    verdicts: Annotated[
        Path | None, typer.Option(help="Write every frame's probabilities here, as CSV.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what the stresses draw.")] = 0,
) -> None:
    """Measure a bundle on labelled frames, judged from their files exactly as the service would.

    [bold]The frames that a run held out, with the shortcuts tried[/]

        endolink evaluate --data hyper-kvasir:hyper-kvasir --bundle runs/first/bundle
          --split runs/first/split.csv --stress inset,text --reduced-decode

    [bold]The bundled model on your own frames[/]

        endolink evaluate --data folder:my-frames --out figures.json
    """
    _need_extra()
    judge = importlib.import_module("endolink.training.evaluate")
    run = importlib.import_module("endolink.training.run")
    samples, groups = _choose(data, split, part)
    classifier = importlib.import_module("endolink.model.classifier").Classifier.open(
        bundle, provider=_provider(provider)
    )
    with Stages() as display:
        scored = judge.score(classifier, samples, groups, display.stage("score", len(samples)))
        agreements = []
        if stress:
            done = display.stage("stress", len(samples))
            agreements += judge.stress(
                classifier, scored, stress.split(","), seed=seed, progress=done
            )
        if reduced_decode:
            done = display.stage("decode in full", len(samples))
            agreements.append(judge.reduced_decode(classifier, scored, done))
    what = ", ".join(data) if split is None else f"the {part} part of {', '.join(data)}"
    evaluation = run.measure(scored.judged(), what)
    _show(evaluation)
    for item in agreements:
        _CONSOLE.print(
            f"{item.change}: the top finding changes in {item.changed} of {item.frames} frames "
            f"({item.share:.2%})"
        )
    if verdicts is not None:
        judge.write_table(scored, verdicts)
    if out is not None:
        figures = [vars(figure) for figure in evaluation.figures]
        agreed = [{**vars(item), "share": item.share} for item in agreements]
        out.write_text(
            json.dumps(
                {
                    "model": vars(classifier.identity),
                    "measured_on": evaluation.measured_on,
                    "frames": evaluation.frames,
                    "groups": evaluation.groups,
                    "figures": figures,
                    "agreements": agreed,
                },
                indent=2,
            )
            + "\n"
        )


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
    _need_extra()
    runs = importlib.import_module("endolink.training.run")
    config = importlib.import_module("endolink.training.config").read_config(run)
    with Stages() as display:
        material = runs.gather(data or config.data, config.recipe, cache, display)
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
    _CONSOLE.print(f"{out}: {made.manifest.name} {made.manifest.version}, {made.digest}")


_CONSOLE = Console()


def _need_extra() -> None:
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise ExtraMissing(f"training needs {', '.join(missing)}: pip install 'endolink[training]'")


def _command() -> str:
    """Give the command as it was typed, with absolute paths cut to their last part."""
    return shlex.join(["endolink", *(_without_place(word) for word in sys.argv[1:])])


def _without_place(word: str) -> str:
    start = max(word.rfind(":/"), word.rfind("=/")) + 1
    path = PurePath(word[start:])
    return word[:start] + path.name if path.is_absolute() else word


def _choose(data: list[str], split: Path | None, part: str) -> tuple[list[Any], list[str] | None]:
    """Give the samples to judge, and their groups where a split tells them."""
    datasets = importlib.import_module("endolink.training.datasets")
    samples, _ = datasets.union([datasets.open_data(spec) for spec in data])
    if split is None:
        return list(samples), None
    given = importlib.import_module("endolink.training.splits").read_split(split, samples)
    rows = given.indices(part)
    if not rows:
        raise DataError(f"{split} has no part {part!r}; it has {', '.join(given.counts())}")
    return [samples[row] for row in rows], [given.rows[row].group for row in rows]


def _provider(name: str) -> Provider:
    return name  # type: ignore[return-value] # Session.open refuses any other


def _show(evaluation: Evaluation) -> None:
    table = Table(title=f"{evaluation.measured_on}: {evaluation.frames:,} frames")
    for column in ("finding", "figure", "value", "95 % interval"):
        table.add_column(column)
    for figure in evaluation.figures:
        table.add_row(figure.finding or "top", figure.name, *_cells(figure))
    _CONSOLE.print(table)


def _cells(figure: Figure) -> tuple[str, str]:
    return f"{figure.value:.3f}", f"{figure.low:.3f} - {figure.high:.3f}"


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
    _CONSOLE.print(table)
    _show(Evaluation(**_evaluation(summary["pooled"])))


def _evaluation(stored: dict[str, Any]) -> dict[str, Any]:
    return {**stored, "figures": tuple(Figure(**figure) for figure in stored["figures"])}
