"""The program `endolink`: its sub-commands come from the entry-point group `endolink.commands`.

A room adds a sub-command by one line in the distribution's metadata, and so can anybody else's
distribution; this file imports none of them. A value is a function with typer's annotations, or a
`typer.Typer` with sub-commands of its own.
"""

import inspect
import re
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any

import typer
from rich.console import Console

from endolink import __version__
from endolink.model.errors import CommandBroken, EndoLinkError

GROUP = "endolink.commands"
_ORDER = ("serve", "score", "data", "train", "evaluate", "average", "export", "quantize", "bundle")

_HELP = """EndoLink points at what may be a finding in endoscopy frames; the clinician decides.

Serve a model:       endolink serve
Score a folder:      endolink score frames/ --format jsonl
Train on your own:   endolink train --data folder:my-frames --out runs/first
"""


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"endolink {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    pass


def build() -> typer.Typer:
    """Put the program together from what is installed.

    A sub-command that does not load says why when it is called, and never stops the others.
    """
    app = typer.Typer(
        help=_HELP, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False
    )
    app.callback()(_root)
    for entry in sorted(entry_points(group=GROUP), key=_rank):
        command = _load(entry)
        if isinstance(command, typer.Typer):
            for one in command.registered_commands:
                one.help = one.help or _flowing(one.callback)
            app.add_typer(command, name=entry.name)
        else:
            app.command(name=entry.name, help=_flowing(command))(command)
    return app


def _flowing(command: Callable[..., Any] | None) -> str | None:
    """Give a command's docstring with its paragraphs on one line each: the screen breaks them."""
    text = inspect.getdoc(command)
    if text is None:
        return None
    paragraphs = text.split("\n\n")
    # What is indented is an example, line by line; what goes on further in goes on in its line.
    return "\n\n".join(
        re.sub(r"\n(?= {4}\S)", "\n\n", part) if part.startswith(" ") else part.replace("\n", " ")
        for part in paragraphs
    )


def _rank(entry: EntryPoint) -> tuple[int, str]:
    return (_ORDER.index(entry.name) if entry.name in _ORDER else len(_ORDER), entry.name)


def _load(entry: EntryPoint) -> Callable[..., Any] | typer.Typer:
    try:
        command: Callable[..., Any] | typer.Typer = entry.load()
    # A third party's module may fail in any way.
    except Exception as error:  # noqa: BLE001
        reason = f"{type(error).__name__}: {error}"

        def broken() -> None:
            raise CommandBroken(
                f"`{entry.name}` ({entry.value}) does not load: {reason}. Install what it needs, "
                "or uninstall the distribution that brings it."
            )

        broken.__doc__ = f"Does not load: {reason}"
        return broken
    return command


def main() -> None:
    """Run the program; one of our errors is one line on standard error and exit status 1."""
    try:
        build()()
    except EndoLinkError as error:
        Console(stderr=True).print(
            f"[bold red]{error.title}[/] ({error.code})\n{error.detail}", highlight=False
        )
        sys.exit(1)
