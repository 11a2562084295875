"""`endolink audit`: look after the log of who asked what."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from endolink.model.egress import SCREEN, require
from endolink.model.errors import AuditUnavailable
from endolink.serving.audit import export as exports
from endolink.serving.audit.archive import KINDS, Archive
from endolink.serving.audit.checkpoint import (
    Checkpoint,
    PublicKey,
    SigningKey,
    keys_of,
    public_path,
)
from endolink.serving.audit.log import AuditLog
from endolink.serving.audit.store import Store
from endolink.serving.audit.verify import Report
from endolink.serving.audit.verify import verify as verify_chain
from endolink.serving.audit.witness import rules_of

_DAY = 86_400
_MOST_FAULTS_SHOWN = 20

audit = typer.Typer(
    help="Verify, read, export and prune the log of who asked what, and what was answered.",
    no_args_is_help=True,
)

Where = Annotated[
    str,
    typer.Argument(
        metavar="LOG", help="The SQLite file of the log, or postgresql://user@host/database."
    ),
]
Chain = Annotated[
    str | None, typer.Option(help="Which chain, where the log holds several: one a service.")
]


@audit.command()
def key(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes.")],
) -> None:
    """Make the key that signs checkpoints, and FILE.pub, which checks them.

    The service needs FILE and nobody else should be able to read it. FILE.pub belongs with whoever
    verifies, on another machine.
    """
    made = SigningKey.create(path)
    _out().print(f"Key {made.public.id}: {path} signs, {public_path(path)} verifies.")


@audit.command()
def verify(
    where: Annotated[
        str,
        typer.Argument(metavar="LOG", help="An SQLite file, postgresql://..., or an export."),
    ],
    *,
    public_key: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="A key that is trusted; again for each, after a change."),
    ],
    chain: Chain = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A checkpoint that was kept elsewhere, as the service's log has it (JSON): finds "
            "a chain whose end was cut off with its checkpoints.",
        ),
    ] = None,
) -> None:
    """Name every entry that was removed, edited or moved. Exit status 1 if there is one.

    What came after the last checkpoint is not protected, and that is said.

    For example:

        endolink audit verify audit.sqlite --public-key audit.key.pub
    """
    keys = keys_of(*(PublicKey.read(path) for path in public_key))
    held = [_held(path) for path in checkpoint or ()]
    if _is_export(where):
        file = exports.Exported.read(Path(where))
        report = verify_chain(
            file.chain, file.entries(), file.checkpoints, keys, held=held, span=file.span
        )
        _say(file.chain, report)
        if not report.ok:
            raise typer.Exit(1)
        return
    store = Store.open(where, create=False)
    chains = (chain,) if chain else store.chains()
    sound = True
    for name in chains:
        # A checkpoint that was held names no chain: its signature does.
        mine = [each for each in held if len(chains) == 1 or each.verified(name, keys)]
        report = verify_chain(name, store.entries(name), store.checkpoints(name), keys, held=mine)
        _say(name, report)
        sound = sound and report.ok
    if not chains:
        _out().print("There is no entry.")
    if not sound or (held and not chains):
        raise typer.Exit(1)


@audit.command()
def show(
    where: Where,
    *,
    chain: Chain = None,
    last: Annotated[int, typer.Option(min=1, help="How many of the last entries.")] = 20,
) -> None:
    """Print the last entries as a table."""
    store = Store.open(where, create=False)
    name = _chain(store, chain)
    newest = store.last(name)
    table = Table("entry", "time (UTC)", "kind", "what")
    for entry in store.entries(name, max(0, newest.sequence - last) if newest else 0):
        table.add_row(str(entry.sequence), entry.time[:-6], entry.kind, entry.body)
    _out().print(table)


@audit.command()
def export(
    where: Where,
    *,
    chain: Chain = None,
    form: Annotated[
        Literal["jsonl", "csv"],
        typer.Option("--format", help="JSON Lines can be verified; CSV is for reading."),
    ] = "jsonl",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="By default standard output.")
    ] = None,
) -> None:
    """Write a whole chain to a file, with its checkpoints.

    For example:

        endolink audit export audit.sqlite --out audit.jsonl
    """
    require(KINDS, SCREEN if out is None else out, rules_of("audit export"))
    store = Store.open(where, create=False)
    write = exports.write_lines if form == "jsonl" else exports.write_csv
    name = _chain(store, chain)
    if out is None:
        write(store, name, sys.stdout)
        return
    unfinished = out.with_name(out.name + ".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        count = write(store, name, file)
    unfinished.replace(out)
    Console(stderr=True).print(f"{count} entries of {name} written to {out}", highlight=False)


@audit.command()
def prune(
    where: Where,
    *,
    key: Annotated[Path, typer.Option(metavar="FILE", help="The key that signs checkpoints.")],
    chain: Chain = None,
    days: Annotated[
        int, typer.Option(min=1, help="How long entries are kept; six months by default.")
    ] = 183,
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write it there first, as a file that verifies; without that nothing is removed.",
        ),
    ] = None,
) -> None:
    """Remove what is older than it has to be kept, up to a checkpoint, and note that in the log.

    The service does the same once a day by itself. Use this on the log of one that has stopped.
    """
    keeping = None
    if archive is not None:
        rules = rules_of("audit prune")
        require(KINDS, archive, rules)
        keeping = Archive(archive, rules)
    store = Store.open(where, create=False)
    log = AuditLog(store, _chain(store, chain), SigningKey.read(key))
    try:
        gone = log.prune(time.time() - days * _DAY, keeping)
    finally:
        log.close()
    _out().print(f"{gone} entries older than {days} days removed.")


def _say(chain: str, report: Report) -> None:
    out = _out()
    out.print(
        f"{chain}: entries {report.first} to {report.last} ({report.entries}); signed up to "
        f"{report.protected}."
    )
    if report.unprotected:
        out.print(
            f"The last {report.unprotected} came after the last checkpoint: nothing protects them "
            "against whoever can write to the database."
        )
    for fault in report.faults[:_MOST_FAULTS_SHOWN]:
        out.print(f"WRONG at entry {fault.sequence}: {fault.what}")
    if len(report.faults) > _MOST_FAULTS_SHOWN:
        out.print(f"... and {len(report.faults) - _MOST_FAULTS_SHOWN} more.")
    if report.ok:
        out.print("Nothing was removed, edited or moved.")


def _chain(store: Store, wanted: str | None) -> str:
    chains = store.chains()
    if wanted in chains or (wanted is None and len(chains) == 1):
        return wanted or chains[0]
    if not chains:
        raise AuditUnavailable("the audit log has no entry")
    raise AuditUnavailable(f"the log holds several chains; name one with --chain: {chains}")


def _is_export(where: str) -> bool:
    if "://" in where or not Path(where).is_file():
        return False
    with Path(where).open("rb") as file:
        return not file.read(16).startswith(b"SQLite format 3")


def _held(path: Path) -> Checkpoint:
    try:
        return Checkpoint.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise AuditUnavailable(f"{path}: not a checkpoint") from error


def _out() -> Console:
    return Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
