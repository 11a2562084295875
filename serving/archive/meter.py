"""How far a run has come, on the screen of whoever watches."""

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import TextColumn

from endolink.model.progress import Rate, make_bar
from endolink.serving.archive import scoring


class Meter:
    """A bar of files done, with frames, frames a second and time left; silent without a terminal.

    `total` is asked only where somebody watches: it may have to walk all folders.
    """

    def __init__(self, console: Console, total: Callable[[], int], *, quiet: bool = False) -> None:
        self._shown = console.is_terminal and not quiet
        self._bar = make_bar(
            TextColumn("files, {task.fields[frames]:,} frames"),
            Rate("frames"),
            TextColumn("{task.fields[failed]}"),
            console=console,
            shown=self._shown,
            transient=True,
        )
        self._total = total if self._shown else lambda: 0

    def __enter__(self) -> "Meter":
        self._task = self._bar.add_task("scoring", total=self._total(), frames=0, failed="")
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, done: scoring.Progress) -> None:
        """Show how far it is now."""
        if not self._shown:
            return
        self._bar.update(
            self._task,
            completed=done.things + done.within,
            frames=done.scored + done.known,
            failed=f"{done.failed:,} failed" if done.failed else "",
        )
