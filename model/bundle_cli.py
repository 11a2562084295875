"""`endolink bundle`: look at an exported model, sign it, and check that it is what it says."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from endolink.model.bundle import Bundle
from endolink.model.manifest import Evaluation, Gate, Manifest, Variant
from endolink.model.runtime import Provider
from endolink.model.signature import check, sign
from endolink.model.signer import Signers, SigningKey, public_path, read_chain, short

bundle = typer.Typer(
    help="Look at an exported model, sign it, or verify it before it is served.",
    no_args_is_help=True,
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
    signer: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Ask for a signature by this key (FILE.pub), or by a certificate that this "
            "authority's stands behind; again for more.",
        ),
    ] = None,
) -> None:
    """Check a bundle: its schema, the hash of every file, and the network's own numbers.

    With --signer also who vouches for it. Exit status 0 means that it will be served; 1 that it is
    refused, and the message says why. Nothing asks the network.

    For example:

        endolink bundle verify my-bundle --signer release.key.pub
    """
    opened = Bundle.open(path)
    if signer:
        typer.echo(f"{check(opened, Signers.read(signer))} vouches for it")
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


@bundle.command("key")
def make_key(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes.")],
    *,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for one, without which it signs nothing.")
    ] = False,
) -> None:
    """Make the key that signs bundles, and FILE.pub, which checks them.

    FILE stays with whoever releases models, best on a machine without a network. FILE.pub goes to
    every service (`endolink serve --signer FILE.pub`).
    """
    secret = None
    if passphrase:
        secret = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    made = SigningKey.create(path, secret)
    typer.echo(f"Key {short(made.public.id)}: {path} signs, {public_path(path)} verifies.")


@bundle.command("sign")
def sign_bundle(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The bundle's folder.")],
    *,
    key: Annotated[Path, typer.Option(metavar="FILE", help="The key that signs, in PEM.")],
    certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Its certificate in PEM, and those between it and the authority's, if any.",
        ),
    ] = None,
) -> None:
    """Vouch for a bundle: sign all its files, and write model.sig beside them.

    The signature is in the OpenSSF model-signing format; `model_signing verify key` takes it, too.
    The bundle is opened first: what is damaged is not signed.

    For example:

        endolink bundle key release.key

        endolink bundle sign my-bundle --key release.key
    """
    opened = Bundle.open(path)
    read = SigningKey.read(key, lambda: str(typer.prompt("Passphrase", hide_input=True, err=True)))
    chain = () if certificate is None else read_chain(certificate, read.public)
    written = sign(opened, read, chain)
    name = f"{opened.manifest.name} {opened.manifest.version}"
    typer.echo(f"{written}: key {short(read.public.id)} vouches for {name}\n{opened.digest}")


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
