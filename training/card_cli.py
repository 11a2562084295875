"""`endolink card`: write a bundle's model card from its reports."""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from endolink.training.console import CONSOLE, need_extra


def card(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    *,
    report: Annotated[
        list[Path],
        typer.Option(help="A report.json of this model; repeatable, the first is shown first."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write here, and leave the bundle as it is.")
    ] = None,
) -> None:
    """Put what `endolink evaluate --report` measured into a bundle: card, manifest, JSON.

    Only figures travel: the JSON holds no pixel of any frame. The network, its calibration and its
    operating points stay as they are; the bundle's digest changes with its papers.

        endolink evaluate --data folder:my-frames --bundle my-bundle --report reports/mine
        endolink card my-bundle --report reports/mine/report.json
    """
    need_extra()
    cards = importlib.import_module("endolink.training.card")
    opened = importlib.import_module("endolink.model.bundle").Bundle.open(bundle)
    made = cards.add_reports(opened, report, out or bundle)
    CONSOLE.print(f"{made.path}: {made.manifest.name}, {made.digest}", soft_wrap=True)
