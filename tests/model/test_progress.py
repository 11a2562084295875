import io

from rich.console import Console
from rich.progress import TextColumn

from endolink.model.progress import Rate, Stages, make_bar


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=160)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_stages_are_shown_one_below_the_other_with_what_was_said() -> None:
    console = terminal()
    with Stages(console) as stages:
        done = stages.stage("reading", 8)
        done(3)
        done(2)
        stages.say("nothing unusual")
        stages.stage("learning", 2)(2)
    text = said(console)
    for word in ("reading", "5/8", "learning", "2/2", "nothing unusual"):
        assert word in text


def test_a_rate_may_be_of_something_else_than_the_steps() -> None:
    console = terminal()
    with make_bar(TextColumn("files"), Rate("frames"), console=console) as bar:
        task = bar.add_task("scoring", total=2, frames=0)
        bar.tasks[0].start_time = bar.get_time() - 10
        bar.update(task, frames=12_340)
    assert "1,234/s" in said(console)


def test_a_bar_that_is_not_shown_writes_nothing() -> None:
    console = terminal()
    with make_bar(console=console, shown=False) as bar:
        bar.advance(bar.add_task("scoring", total=2))
    assert said(console) == ""
