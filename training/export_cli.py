"""`endolink export`.

Nothing here imports torch until the command runs.
"""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from endolink.model.progress import Stages
from endolink.training.console import CONSOLE, Cache, command_line, need_extra

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
    cache: Cache = _PLACE,
) -> None:
    """Export a run's best network as a bundle that `endolink serve` and `score` can open.

    The ONNX graph must give torch's logits on real frames, or nothing is written. The bundle
    carries its calibration, its figures, where it comes from, and a model card.

        endolink export runs/first --out bundle --name my-model --version 0.1.0
    """
    need_extra()
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
    CONSOLE.print(f"{out}: {made.manifest.name} {made.manifest.version}, {made.digest}")
