"""`endolink evaluate`: measure a bundle on labelled frames, through the exact serving road."""

import importlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from endolink.model.errors import DataError
from endolink.model.progress import Stages
from endolink.model.runtime import Provider
from endolink.training.console import CONSOLE, Data, need_extra, show


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
    need_extra()
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
    show(evaluation)
    for item in agreements:
        CONSOLE.print(
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
