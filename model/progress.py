"""Progress bars on standard error: how far it is, how fast, and how long it still takes."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich import filesize
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Amount(ProgressColumn):
    """How many of how many; `?` where nobody knows, and in bytes where the task counts those."""

    def render(self, task: Task) -> Text:
        """Write both numbers."""
        total = "?" if task.total is None else _number(task.total, task)
        return Text(f"{_number(task.completed, task)}/{total}", style="progress.download")


class Rate(ProgressColumn):
    """How many a second: of the steps, or of what the task counts in its own `field`."""

    def __init__(self, field: str | None = None) -> None:
        super().__init__()
        self._field = field

    def render(self, task: Task) -> Text:
        """Write the rate; nothing where none is known yet."""
        speed = task.speed
        if self._field is not None:
            speed = task.fields[self._field] / task.elapsed if task.elapsed else None
        return Text(f"{_number(speed, task)}/s" if speed else "", style="cyan")


def _number(value: float, task: Task) -> str:
    return filesize.decimal(int(value)) if task.fields.get("bytes") else f"{value:,.0f}"


def make_bar(
    *columns: ProgressColumn,
    console: Console | None = None,
    shown: bool = True,
    transient: bool = False,
) -> Progress:
    """Make a bar: what, how far, `columns` (by default the rate), time gone and time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        Amount(),
        *(columns or (Rate(),)),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console or Console(stderr=True),
        transient=transient,
        redirect_stdout=False,
        disable=not shown,
    )


class Stages:
    """One bar for each stage of a long piece of work, one below the other, and lines between."""

    def __init__(self, console: Console | None = None) -> None:
        self._bar = make_bar(console=console)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def stage(self, what: str, total: int | None) -> Callable[[int], None]:
        """Begin a stage of `total` steps; give what is told how many more are done."""
        task = self._bar.add_task(what, total=total)
        return lambda count: self._bar.advance(task, count)

    def bytes(self, what: str, total: int | None) -> Callable[[int], None]:
        """Begin a stage of `total` bytes; give what is told how many more are there."""
        task = self._bar.add_task(what, total=total, bytes=True)
        return lambda count: self._bar.advance(task, count)

    def say(self, text: str) -> None:
        """Write a line above the bars."""
        self._bar.console.print(text, highlight=False)
