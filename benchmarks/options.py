"""What the benchmarks' commands have in common."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table


@dataclass(frozen=True)
class Options:
    """Which model, and for how long."""

    bundle: Path | None
    seconds: float

    @property
    def bundle_option(self) -> tuple[str, ...]:
        """The model as an option of `endolink serve`."""
        return ("--bundle", str(self.bundle)) if self.bundle else ()


def parse(
    description: str | None, arguments: Sequence[str] | None = None, *, seconds: float
) -> Options:
    """Read the command line; `seconds` is for how long each load lasts, unless it says so."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--bundle", type=Path, help="an exported model; by default the bundled one", metavar="DIR"
    )
    parser.add_argument("--seconds", type=float, default=seconds, help="for each load")
    given = parser.parse_args(arguments)
    return Options(given.bundle, given.seconds)


def table(title: str, columns: tuple[str, ...]) -> Table:
    """Make a table whose first column is text and the others figures."""
    made = Table(title=title, title_justify="left")
    for column in columns:
        made.add_column(column, justify="left" if not column else "right")
    return made
