import io

from rich.console import Console

from endolink.serving.archive.meter import Meter
from endolink.serving.archive.scoring import Progress


def shown(console: Console, *, quiet: bool = False) -> list[int]:
    asked: list[int] = []

    def total() -> int:
        asked.append(1)
        return 10

    with Meter(console, total, quiet=quiet) as meter:
        meter.show(Progress(things=4, scored=1200, failed=3))
    return asked


def test_a_terminal_is_told_how_far_it_is_and_how_fast() -> None:
    file = io.StringIO()
    assert shown(Console(file=file, force_terminal=True, width=120)) == [1]
    text = file.getvalue()
    for word in ("4/10", "files", "1,200 frames", "/s", "3 failed"):
        assert word in text


def test_a_long_film_is_not_one_step() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=120)
    with Meter(console, lambda: 1) as meter:
        meter.show(Progress(scored=600, within=0.5))
        assert meter._bar.tasks[0].percentage == 50
    assert "600 frames" in file.getvalue()


def test_nobody_is_told_where_nobody_watches() -> None:
    for terminal in (False, True):
        file = io.StringIO()
        console = Console(file=file, force_terminal=terminal)
        # What is to come is not even counted: that may take long.
        assert shown(console, quiet=console.is_terminal) == []
        assert file.getvalue().strip("\x1b[?25lh\n") == ""
