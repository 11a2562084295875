"""What the training commands share: their options, tables of figures, and the extra they need."""

import importlib.util
import shlex
import sys
from pathlib import Path, PurePath
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from endolink.model.errors import ExtraMissing
from endolink.model.manifest import Evaluation, Figure

CONSOLE = Console()

Data = Annotated[
    list[str],
    typer.Option("--data", help="ADAPTER:PATH, as hyper-kvasir:PATH or folder:PATH; repeatable."),
]

Cache = Annotated[Path, typer.Option("--cache", help="Where decoded frames are kept.")]

_EXTRA = ("torch", "torchvision", "sklearn", "onnxscript", "tensorboard")


def need_extra() -> None:
    """Raise ExtraMissing where the training extra is not installed."""
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise ExtraMissing(f"training needs {', '.join(missing)}: pip install 'endolink[training]'")


def command_line() -> str:
    """Give the command as it was typed, with absolute paths cut to their last part."""
    return shlex.join(["endolink", *(_without_place(word) for word in sys.argv[1:])])


def _without_place(word: str) -> str:
    start = max(word.rfind(":/"), word.rfind("=/")) + 1
    path = PurePath(word[start:])
    return word[:start] + path.name if path.is_absolute() else word


def show(evaluation: Evaluation) -> None:
    """Print the figures as a table."""
    table = Table(title=f"{evaluation.measured_on}: {evaluation.frames:,} frames")
    for column in ("finding", "figure", "value", "95 % interval"):
        table.add_column(column)
    for figure in evaluation.figures:
        table.add_row(figure.finding or "all", figure.name, *_cells(figure))
    CONSOLE.print(table)


def interval(figure: Figure) -> str:
    """Write a figure with its interval, as `0.912 (0.880 - 0.934)`."""
    value, ends = _cells(figure)
    return value if ends == "-" else f"{value} ({ends})"


def _cells(figure: Figure) -> tuple[str, str]:
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}", "-"
    return f"{figure.value:.3f}", f"{figure.low:.3f} - {figure.high:.3f}"
