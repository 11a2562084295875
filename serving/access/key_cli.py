"""`endolink key`: make, list and revoke API keys."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from endolink.serving.access.keys import Key, KeyRing
from endolink.serving.access.principal import SCOPES

key = typer.Typer(
    help="Make, list and revoke the API keys of a service.",
    no_args_is_help=True,
)

File = Annotated[
    Path,
    typer.Option(
        "--file",
        envvar="ENDOLINK_KEYS",
        metavar="FILE",
        help="The file of keys, which `endolink serve --keys FILE` reads. It holds hashes only.",
    ),
]


@key.command()
def create(
    name: Annotated[str, typer.Argument(help="Who gets it, as the audit log will call them.")],
    *,
    file: File,
    scope: Annotated[
        list[str],
        typer.Option(help=f"What it is good for; again for more: {', '.join(SCOPES)}."),
    ],
    days: Annotated[
        float | None,
        typer.Option(min=0, help="When it ends by itself.", show_default="a year"),
    ] = 365,
) -> None:
    """Make a key and print it, once: it is kept nowhere, only its hash is.

    To replace a key without a pause make another, hand it out, and revoke the first.

    For example:

        endolink key create endoscopy-room-2 --scope score --scope stream --file keys.json
    """
    made, text = KeyRing(file).create(name, scope, days=days or None)
    Console(stderr=True, highlight=False, markup=False).print(
        f"Key {made.id} for {made.name}. This is the only time it is shown:"
    )
    typer.echo(text)


@key.command("list")
def list_keys(*, file: File) -> None:
    """List the keys: whose, what for, until when."""
    table = Table("key", "name", "scopes", "created", "ends", "")
    for each in KeyRing(file).listed():
        table.add_row(
            each.id,
            each.name,
            " ".join(sorted(each.scopes)),
            _day(each.created),
            _day(each.expires) if each.expires else "never",
            _state(each),
        )
    Console(soft_wrap=True, highlight=False, markup=False).print(table)


@key.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="As `endolink key list` has it.")],
    *,
    file: File,
) -> None:
    """Let a key be good for nothing from now on; a running service sees it within a second."""
    revoked = KeyRing(file).revoke(key_id)
    Console(highlight=False, markup=False).print(f"Key {revoked.id} of {revoked.name} is revoked.")


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _state(each: Key) -> str:
    if each.revoked:
        return f"revoked {_day(each.revoked)}"
    return "" if each.good(datetime.now(UTC).timestamp()) else "expired"
