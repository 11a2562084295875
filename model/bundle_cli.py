"""`endolink bundle`: look at an exported model, and check that it is what it says."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from endolink.model.bundle import Bundle
from endolink.model.manifest import Evaluation, Gate, Manifest, Variant
from endolink.model.runtime import Provider

bundle = typer.Typer(
    help="Look at an exported model, or verify it before it is served.", no_args_is_help=True
)

_Folder = Annotated[
    Path | None,
    typer.Argument(metavar="[PATH]", help="The bundle's folder; without it, the built-in one."),
]


@bundle.command()
def verify(
    path: _Folder = None,
    provider: Annotated[
        Provider, typer.Option(help="Run the self-test on this execution provider.")
    ] = "auto",
) -> None:
    """Check a bundle: its schema, the hash of every file, and the network's own numbers.

    Exit status 0 means that it will be served; 1 that it is refused, and the message says why.
    """
    opened = Bundle.open(path)
    for variant in opened.manifest.variants:
        opened.familiarity(variant)
        if variant.precision != "fp32" and provider not in {"auto", *variant.gated_on}:
            gated = ", ".join(variant.gated_on)
            typer.echo(f"{variant.precision} is not opened on {provider}: gated on {gated} only")
            continue
        session = opened.session(variant, provider=provider)
        typer.echo(f"{variant.precision} on {session.provider}: self-test passed")
    name = f"{opened.manifest.name} {opened.manifest.version}"
    typer.echo(f"{name}: {len(opened.files)} files match the manifest\n{opened.digest}")


@bundle.command()
def show(path: _Folder = None) -> None:
    """Show what a bundle finds, how well, on what it learned, and under which terms."""
    opened = Bundle.open(path)
    manifest = opened.manifest
    console = Console()
    console.print(f"[bold]{manifest.name} {manifest.version}[/]  {opened.digest}")
    console.print(f"Licence: {manifest.licence}\n{manifest.notice}\n", highlight=False)
    for variant in manifest.variants:
        console.print(_points(variant))
        for gate in variant.gates:
            console.print(_gate(variant, gate), highlight=False)
    for evaluation in manifest.evaluation:
        console.print(_figures(evaluation))
    console.print(_learned(manifest), highlight=False)


def _gate(variant: Variant, gate: Gate) -> str:
    return (
        f"{variant.precision} on {gate.provider}: {gate.speedup:.2f} times as fast as fp32 on the "
        f"built-in CPU provider; the top finding of {gate.agreement:.2%} of {gate.frames:,} frames "
        f"stays, {gate.finding} loses most AUROC ({gate.auroc_loss:.4f}). {variant.made}"
    )


def _points(variant: Variant) -> Table:
    table = Table(title=f"Operating points ({variant.precision})", title_justify="left")
    for heading in ("finding", "present from", "rule", "sensitivity", "specificity", "measured on"):
        table.add_column(heading)
    for point in variant.operating_points:
        table.add_row(
            point.code,
            f"{point.threshold:.3f}",
            point.rule,
            f"{point.sensitivity:.3f}",
            f"{point.specificity:.3f}",
            point.measured_on,
        )
    return table


def _figures(evaluation: Evaluation) -> Table:
    title = (
        f"{evaluation.measured_on}: {evaluation.frames} frames in {evaluation.groups} groups, "
        "95 % intervals"
    )
    table = Table(title=title, title_justify="left")
    for heading in ("figure", "finding", "value", "interval"):
        table.add_column(heading)
    for figure in evaluation.figures:
        known = figure.low is not None and figure.high is not None
        interval = f"{figure.low:.3f} to {figure.high:.3f}" if known else ""
        table.add_row(figure.name, figure.finding or "all", f"{figure.value:.3f}", interval)
    return table


def _learned(manifest: Manifest) -> str:
    provenance = manifest.provenance
    sources = "\n".join(
        f"  {source.name}: {source.frames} frames, {source.licence}\n    {source.citation}"
        for source in provenance.sources
    )
    return (
        f"Learned from\n{sources}\n"
        f"Split: {provenance.split_rule}\nMade by: {provenance.command}\n"
        "It points; the clinician decides. Nothing it says is a diagnosis."
    )
