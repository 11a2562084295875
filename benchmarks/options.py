"""What the benchmarks' commands have in common."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table


@dataclass(frozen=True)
class Model:
    """Which bundle, None for the bundled one, and in what it computes."""

    bundle: Path | None
    precision: str

    @property
    def options(self) -> tuple[str, ...]:
        """The same as options of `endolink serve`."""
        bundle = ("--bundle", str(self.bundle)) if self.bundle else ()
        return ("--precision", self.precision, *bundle)


@dataclass(frozen=True)
class Options:
    """Which model, and for how long."""

    model: Model
    seconds: float


def add_model(parser: argparse.ArgumentParser) -> None:
    """Let `parser` ask which model is measured."""
    parser.add_argument(
        "--bundle", type=Path, help="an exported model; by default the bundled one", metavar="DIR"
    )
    parser.add_argument("--precision", default="fp32", help="fp32, or what else the bundle holds")


def model(given: argparse.Namespace) -> Model:
    """Give the model that a command line of `add_model` asks for."""
    return Model(given.bundle, given.precision)


def parse(
    description: str | None, arguments: Sequence[str] | None = None, *, seconds: float
) -> Options:
    """Read the command line; `seconds` is for how long each load lasts, unless it says so."""
    parser = argparse.ArgumentParser(description=description)
    add_model(parser)
    parser.add_argument("--seconds", type=float, default=seconds, help="for each load")
    given = parser.parse_args(arguments)
    return Options(model(given), given.seconds)


def table(title: str, columns: tuple[str, ...]) -> Table:
    """Make a table whose first column is text and the others figures."""
    made = Table(title=title, title_justify="left")
    for column in columns:
        made.add_column(column, justify="left" if not column else "right")
    return made
