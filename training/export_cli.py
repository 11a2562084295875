"""`endolink export` and `endolink quantize`.

Nothing here imports torch until a command runs.
"""

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from endolink.model.bundle import Bundle
from endolink.model.errors import ExportRefused
from endolink.model.progress import Stages
from endolink.training.console import CONSOLE, Cache, Data, command_line, need_extra

_PLACE = Path("~/.cache/endolink")


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
        Path | None,
        typer.Option(help="A run of several folds or seeds, whose figures go into the card."),
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(help="int8 or bf16 as well, if it passes its gate; repeatable."),
    ] = None,
    cache: Cache = _PLACE,
) -> None:
    """Export a run's best network as a bundle that `endolink serve` and `score` can open.

    The ONNX graph must give torch's logits on real frames, or nothing is written. The bundle
    carries its calibration, its figures, where it comes from, and a model card.

        endolink export runs/first --out bundle --name my-model --version 0.1.0

    `--precision int8` quantises it, and keeps that beside fp32 only if at least 99 % of the top
    findings stay and no finding loses more than half a point of AUROC, on frames that it did not
    learn from. `endolink serve --precision int8` then serves it.

        endolink export runs/first --out bundle --precision int8 --precision bf16
    """
    need_extra()
    wanted = _precisions(precision or [])
    runs = importlib.import_module("endolink.training.run")
    series = importlib.import_module("endolink.training.series")
    config = importlib.import_module("endolink.training.config").read_config(run)
    further = [] if cross_validation is None else [series.read_pooled(cross_validation)]
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
            command=command_line(),
            further=further,
        )
        refused: dict[str, str] = {}
        if wanted:
            splits = importlib.import_module("endolink.training.splits")
            split = splits.read_split(run / runs.SPLIT, material.samples)
            made, refused = _add(made, wanted, material, split, out=out, display=display)
    _conclude(made, refused, out)


def quantize(
    bundle: Annotated[Path, typer.Argument(help="The folder of an exported bundle.")],
    *,
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="The new bundle's folder.")],
    split: Annotated[
        Path | None, typer.Option(help="The split.csv of the run that the bundle came from.")
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Without a split.csv: dealt so.")] = 5,
    fold: Annotated[int, typer.Option(min=0, help="Without a split.csv: tested on.")] = 0,
    split_seed: Annotated[int, typer.Option(min=0, help="Without a split.csv: its seed.")] = 0,
    precision: Annotated[
        list[str] | None,
        typer.Option(help="int8 or bf16; repeatable. Both unless given.", show_default=False),
    ] = None,
    cache: Cache = _PLACE,
) -> None:
    """Add cheaper arithmetic to a bundle that was exported before, if it passes its gate.

    Calibrates on the training part of the split, and judges on the rest. What is refused is said
    with its reason, and exit status 1; the new bundle then holds what passed.

        endolink quantize bundle --data folder:my-frames --split runs/first/split.csv --out quick
    """
    need_extra()
    wanted = _precisions(precision or ["int8", "bf16"])
    opened = Bundle.open(bundle)
    runs = importlib.import_module("endolink.training.run")
    splits = importlib.import_module("endolink.training.splits")
    recipe = importlib.import_module("endolink.training.recipe").Recipe(
        size=opened.manifest.preprocess.size
    )
    with Stages() as display:
        material = runs.gather(data, recipe, cache, display)
        dealt = (
            splits.split_fold(
                material.samples, material.groups, count=folds, fold=fold, seed=split_seed
            )
            if split is None
            else splits.read_split(split, material.samples)
        )
        made, refused = _add(opened, wanted, material, dealt, out=out, display=display)
    _conclude(made, refused, out)


def _precisions(asked: list[str]) -> list[str]:
    for name in asked:
        if name not in {"int8", "bf16"}:
            raise ExportRefused(f"--precision {name}: int8 or bf16; fp32 is always there")
    return list(dict.fromkeys(asked))


def _add(
    bundle: Bundle, wanted: list[str], material: Any, split: Any, *, out: Path, display: Stages
) -> tuple[Bundle, dict[str, str]]:
    variants = importlib.import_module("endolink.training.variants")
    parts = {part: split.indices(part) for part in ("train", "validation", "test")}
    made: tuple[Bundle, dict[str, str]] = variants.add_variants(
        bundle,
        wanted,
        training=material.frames(parts["train"]),
        validation=material.frames(parts["validation"]),
        judged=material.frames([*parts["validation"], *parts["test"]]),
        measured_on="the validation and test parts of its split",
        folder=out,
        say=display.say,
    )
    return made


def _conclude(made: Bundle, refused: dict[str, str], out: Path) -> None:
    held = ", ".join(variant.precision for variant in made.manifest.variants)
    name = f"{made.manifest.name} {made.manifest.version}"
    CONSOLE.print(f"{out}: {name} ({held}), {made.digest}", highlight=False)
    if refused:
        raise ExportRefused("; ".join(refused.values()) + f". The bundle holds {held}.")
