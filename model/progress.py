"""Progress bars on standard error: how far it is, how fast, and how long it still takes."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


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
        return Text(f"{speed:,.0f}/s" if speed else "", style="cyan")


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
        MofNCompleteColumn(),
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

    def stage(self, what: str, total: int) -> Callable[[int], None]:
        """Begin a stage of `total` steps; give what is told how many more are done."""
        task = self._bar.add_task(what, total=total)
        return lambda count: self._bar.advance(task, count)

    def say(self, text: str) -> None:
        """Write a line above the bars."""
        self._bar.console.print(text, highlight=False)
