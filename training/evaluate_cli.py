"""`endolink evaluate`: measure a bundle on labelled frames, through the exact serving road."""

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from endolink.model.errors import DataError
from endolink.model.progress import Stages
from endolink.model.runtime import Provider
from endolink.training.console import CONSOLE, Data, interval, need_extra, show


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
        bool, typer.Option("--stress", help="Change the frames as other hospitals would.")
    ] = False,
    corruption: Annotated[
        list[str] | None,
        typer.Option(help="Stress by this one only, as inset or jpeg; repeatable."),
    ] = None,
    stress_frames: Annotated[
        int, typer.Option(min=1, help="Stress at most so many of the frames.")
    ] = 500,
    reduced_decode: Annotated[
        bool, typer.Option(help="Compare with decoding every frame in full.")
    ] = False,
    provider: Annotated[str, typer.Option(help="auto, openvino, cpu or cuda.")] = "auto",
    report: Annotated[Path | None, typer.Option(help="Write the report into this folder.")] = None,
    verdicts: Annotated[
        Path | None, typer.Option(help="Write every frame's probabilities here, as CSV.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what the stresses draw.")] = 0,
) -> None:
    """Measure a bundle on labelled frames, judged from their files exactly as the service would.

    [bold]The frames that a run held out, stressed, as a report[/]

        endolink evaluate --data hyper-kvasir:hyper-kvasir --bundle runs/first/bundle
          --split runs/first/split.csv --stress --report reports/first

    [bold]The bundled model on your own frames[/]

        endolink evaluate --data folder:my-frames --report reports/mine
    """
    need_extra()
    judge = importlib.import_module("endolink.training.evaluate")
    run = importlib.import_module("endolink.training.run")
    looking = importlib.import_module("endolink.training.localisation")
    stresses = importlib.import_module("endolink.training.stress")
    reports = importlib.import_module("endolink.training.report")
    corruptions = stresses.choose(corruption or [])
    samples, groups = _choose(data, split, part)
    classifier = importlib.import_module("endolink.model.classifier").Classifier.open(
        bundle, provider=_provider(provider)
    )
    codes = [finding.code for finding in classifier.findings]
    decode, stressed, looked = None, (), ()
    with Stages() as display:
        scored = judge.score(classifier, samples, groups, display.stage("score", len(samples)))
        if outlined := sum(bool(looking.outlined(sample, codes)) for sample in samples):
            done = display.stage("where it looks", outlined)
            looked = looking.look(classifier, samples, scored.groups, done)
        if stress or corruption:
            rows = stresses.draw(stress_frames, [sample.file for sample in samples])
            stressed = stresses.stress(
                classifier,
                [samples[row] for row in rows],
                [scored.groups[row] for row in rows],
                corruptions,
                seed=seed,
                progress=display.stage("stress", len(rows)),
            )
        if reduced_decode:
            done = display.stage("decode in full", len(samples))
            decode = judge.reduced_decode(classifier, scored, done)
    what = ", ".join(data) if split is None else f"the {part} part of {', '.join(data)}"
    made = reports.Report(
        model=classifier.identity,
        evaluation=run.measure(scored.judged(), what),
        localisation=looking.figures(looked),
        stress=stressed,
        decode=decode,
    )
    _tell(made)
    if verdicts is not None:
        judge.write_table(scored, verdicts)
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)
        (report / reports.JSON).write_bytes(made.to_json())
        CONSOLE.print(f"{report / reports.JSON}")


def _tell(report: Any) -> None:
    show(report.evaluation)
    for figure in report.localisation:
        CONSOLE.print(f"{figure.finding} {figure.name}: {interval(figure)}", highlight=False)
    if report.stress:
        table = Table(title="Stress: what becomes of the verdicts")
        columns = ("corruption", "strength", "which means", "frames", "top finding changes")
        for column in (*columns, "sensitivity falls by"):
            table.add_column(column)
        for item in report.stress:
            shown = [item.figure(name) for name in ("top-changed", "sensitivity-drop")]
            cells = ["-" if figure is None else interval(figure) for figure in shown]
            table.add_row(item.corruption, item.strength, item.says, f"{item.frames:,}", *cells)
        CONSOLE.print(table)
    if report.decode is not None:
        item = report.decode
        CONSOLE.print(
            f"{item.change}: the top finding changes in {item.changed} of {item.frames} frames "
            f"({item.share:.2%})"
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
