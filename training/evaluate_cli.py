"""`endolink evaluate`: measure a bundle on labelled frames, through the exact serving road."""

import importlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from endolink.model.egress import require
from endolink.model.errors import DataError
from endolink.model.progress import Stages
from endolink.model.runtime import Provider
from endolink.training.console import CONSOLE, Data, interval, need_extra, show

_CACHE = Path("~/.cache/endolink")


def evaluate(
    *,
    data: Data,
    bundle: Annotated[
        Path | None, typer.Option(help="The bundle's folder; without it, the one that is bundled.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="A run's folder: judge its best network so far, on the run's split or other data."
        ),
    ] = None,
    split: Annotated[
        Path | None, typer.Option(help="A run's split.csv: judge only one part of it.")
    ] = None,
    part: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    report: Annotated[
        Path | None,
        typer.Option(help="Write report.html and report.json into this folder."),
    ] = None,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures/--no-pictures", help="Show the worst mistakes' frames in the report."
        ),
    ] = True,
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
    outside: Annotated[
        list[str] | None,
        typer.Option(
            help="Frames that must look unfamiliar: noise, documents, photographs or a folder."
        ),
    ] = None,
    lesions: Annotated[
        Path | None,
        typer.Option(help="A table of lesions in videos: video,lesion,finding,start_s,end_s."),
    ] = None,
    every: Annotated[
        float | None, typer.Option(help="Judge one frame of a video in so many seconds.")
    ] = None,
    shortest_alarm: Annotated[
        float, typer.Option(min=0, help="A false alarm lasts at least so many seconds.")
    ] = 0.5,
    reduced_decode: Annotated[
        bool, typer.Option(help="Compare with decoding every frame in full.")
    ] = False,
    provider: Annotated[str, typer.Option(help="auto, openvino, cpu or cuda.")] = "auto",
    verdicts: Annotated[
        Path | None, typer.Option(help="Write every frame's probabilities here, as CSV.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what the stresses draw.")] = 0,
    cache: Annotated[
        Path, typer.Option(help="Where decoded frames are kept; for --checkpoint.")
    ] = _CACHE,
) -> None:
    """Measure a bundle on labelled frames, judged from their files exactly as the service would.

    Every figure comes with a 95 % interval that resamples patients, videos or scenes, not frames.

    [bold]The frames that a run held out, stressed, as a report[/]

        endolink evaluate --data hyper-kvasir:hyper-kvasir --bundle runs/first/bundle
          --split runs/first/split.csv --stress --outside noise --report reports/first

    [bold]The bundled model on what your clinicians labelled in the viewer[/]

        endolink evaluate --data labels:my-frames/labels.csv --report reports/mine

    [bold]A run that is not finished, and lesions in videos[/]

        endolink evaluate --data folder:my-frames --checkpoint runs/first
        endolink evaluate --data folder:my-frames --lesions videos/lesions.csv --every 0.1
    """
    need_extra()
    if bundle is not None and checkpoint is not None:
        raise typer.BadParameter("--bundle and --checkpoint are two models; give one")
    if report is not None:
        require(frozenset({"aggregates", "pixels"}), report)
    if verdicts is not None:
        require(frozenset({"identifiers", "verdicts"}), verdicts)
    assessment = importlib.import_module("endolink.training.assess")
    reports = importlib.import_module("endolink.training.report")
    plan = assessment.Plan(
        stressed=stress,
        corruptions=tuple(corruption or ()),
        stress_frames=stress_frames,
        decode=reduced_decode,
        outside=tuple(outside or ()),
        films=lesions,
        every_s=every,
        shortest_alarm_s=shortest_alarm,
        pictures=pictures and report is not None,
        seed=seed,
    )
    learned: Any = None
    if checkpoint is not None:
        learned = _learned(checkpoint, data)
        if learned.own:
            data, split = learned.data, split or checkpoint / "split.csv"
    samples, groups, named = _choose(data, split, part)
    what = named if split is None else f"the {part} part of {named}"
    with tempfile.TemporaryDirectory() as scratch, Stages() as display:
        if checkpoint is not None:
            bundle = Path(scratch) / "bundle"
            _export(checkpoint, learned, bundle, cache, display)
        classifier = importlib.import_module("endolink.model.classifier").Classifier.open(
            bundle, provider=_provider(provider)
        )
        made, scored = assessment.assess(
            classifier, samples, groups, what=what, plan=plan, display=display
        )
    _tell(made)
    if verdicts is not None:
        importlib.import_module("endolink.training.evaluate").write_table(scored, verdicts)
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)
        page = importlib.import_module("endolink.training.report_page").page(made)
        (report / reports.JSON).write_bytes(made.to_json())
        (report / reports.PAGE).write_text(page, encoding="utf-8")
        CONSOLE.print(f"{report / reports.PAGE}", soft_wrap=True, highlight=False)


def _tell(report: Any) -> None:
    """Print the figures, and what else was measured."""
    show(report.evaluation)
    for line in report.thin:
        CONSOLE.print(f"note: {line}", highlight=False)
    for figure in report.localisation:
        CONSOLE.print(f"{figure.finding} {figure.name}: {interval(figure)}", highlight=False)
    if report.stress:
        _tell_stress(report.stress)
    if report.decode is not None:
        item = report.decode
        CONSOLE.print(
            f"{item.change}: the top finding changes in {item.changed} of {item.frames} frames "
            f"({item.share:.2%})"
        )
    if report.familiarity is not None:
        CONSOLE.print(f"called familiar: {interval(report.familiarity.accepted)}", highlight=False)
        for item in report.familiarity.outside:
            CONSOLE.print(
                f"{item.kind}: {interval(item.share)} of {item.frames} frames called unfamiliar",
                highlight=False,
            )
    for video in report.videos:
        said = ", ".join(f"{figure.name} {interval(figure)}" for figure in video.figures)
        CONSOLE.print(f"{video.finding} in {video.minutes:.1f} minutes of video: {said}")


def _tell_stress(stressed: Any) -> None:
    strengths = list(dict.fromkeys(item.strength for item in stressed))
    table = Table(title="Stress: top finding changes, and how far sensitivity falls")
    for column in ("corruption", "frames", *strengths, "sensitivity falls, middle"):
        table.add_column(column)
    for name in dict.fromkeys(item.corruption for item in stressed):
        mine = {item.strength: item for item in stressed if item.corruption == name}
        cells = [_percent(mine.get(strength), "top-changed") for strength in strengths]
        drop = _percent(mine.get("middle"), "sensitivity-drop")
        table.add_row(name, f"{max(item.frames for item in mine.values()):,}", *cells, drop)
    CONSOLE.print(table)


def _percent(item: Any, name: str) -> str:
    figure = None if item is None else item.figure(name)
    if figure is None:
        return "-"
    if figure.low is None:
        return f"{figure.value:.1%}"
    return f"{figure.value:.1%} ({figure.low:.1%} - {figure.high:.1%})"


def _choose(
    data: list[str], split: Path | None, part: str
) -> tuple[list[Any], list[str] | None, str]:
    """Give the samples to judge, their groups where a split tells them, and the sets' names."""
    datasets = importlib.import_module("endolink.training.datasets")
    opened = [datasets.open_data(spec) for spec in data]
    samples, _ = datasets.union(opened)
    named = ", ".join(item.name for item in opened)
    if split is None:
        return list(samples), None, named
    given = importlib.import_module("endolink.training.splits").read_split(split, samples)
    rows = given.indices(part)
    if not rows:
        raise DataError(f"{split} has no part {part!r}; it has {', '.join(given.counts())}")
    return [samples[row] for row in rows], [given.rows[row].group for row in rows], named


@dataclass(frozen=True)
class _Learned:
    """The data that a run is made of; `own` where what is to be judged is of it."""

    data: list[str]
    own: bool


def _learned(run: Path, data: list[str]) -> _Learned:
    """Say where a run's data lies: where its config says, or in `data` where that is it, moved."""
    config = importlib.import_module("endolink.training.config").read_config(run)
    datasets = importlib.import_module("endolink.training.datasets")
    parts = importlib.import_module("endolink.training.splits").stored_parts(run / "split.csv")
    samples, _ = datasets.union([datasets.open_data(spec) for spec in data])
    given = {sample.file for sample in samples}
    if not given & parts.keys():
        return _Learned([*config.data, *config.also], own=False)
    # What was only learned from need not be named again.
    beside = [] if parts.keys() <= given else [spec for spec in config.also if spec not in data]
    return _Learned([*data, *beside], own=True)


def _export(run: Path, learned: _Learned, bundle: Path, cache: Path, display: Stages) -> None:
    """Make a bundle of a run's best network so far, calibrated on the run's validation frames."""
    runs = importlib.import_module("endolink.training.run")
    config = importlib.import_module("endolink.training.config").read_config(run)
    material = runs.gather(learned.data, config.recipe, cache, display)
    runs.make_bundle(
        run,
        material,
        bundle,
        name="checkpoint",
        version="0.0.0+checkpoint",
        most_bytes=None,
    )


def _provider(name: str) -> Provider:
    return name  # type: ignore[return-value] # Session.open refuses any other
