"""`endolink retained`: look after the frames that a service was told to keep."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from endolink.model.egress import require
from endolink.model.errors import RetentionUnavailable
from endolink.serving.audit.checkpoint import PublicKey, SigningKey, keys_of
from endolink.serving.audit.witness import note, rules_of
from endolink.serving.retention.check import check
from endolink.serving.retention.keeper import deletion_entry
from endolink.serving.retention.key_file import KeyFile
from endolink.serving.retention.record import Deletion, KeptFrame, Signer, iso
from endolink.serving.retention.vault import Vault

_MOST_SHOWN = 20

retained = typer.Typer(
    help="List, show, export and delete the frames that a service keeps, and prove deletions.",
    no_args_is_help=True,
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of kept frames.")]
Key = Annotated[
    Path, typer.Option(metavar="FILE", help="The key file.", envvar="ENDOLINK_RETAIN_KEY")
]
Name = Annotated[str, typer.Argument(metavar="ID", help="The frame's id, as `list` has it.")]


@retained.command()
def key(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where the key goes.")],
) -> None:
    """Make the key that encrypts kept frames. It changes whenever a frame is deleted."""
    made = KeyFile(path).create()
    _out().print(f"Key {made.id}: {path}. Keep no copy of it for longer than you must.")


@retained.command("list")
def list_(folder: Folder, *, key: Key) -> None:
    """List the frames that are kept: whose, why, and until when."""
    table = Table("id", "kept (UTC)", "until (UTC)", "purpose", "why", "who", "bytes")
    for frame in Vault.open(folder, key).frames():
        table.add_row(
            frame.id,
            iso(frame.kept_at)[:19],
            iso(frame.expires)[:19],
            frame.purpose,
            ", ".join(frame.why),
            frame.who,
            str(frame.size),
        )
    _out().print(table)


@retained.command()
def show(folder: Folder, name: Name, *, key: Key) -> None:
    """Print what is known of one frame. `export` gives the picture."""
    frame, _ = Vault.open(folder, key).read(name)
    for what, value in _facts(frame):
        _out().print(f"{what:8} {value}")


@retained.command()
def export(
    folder: Folder,
    name: Name,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Where the picture goes.")],
    *,
    key: Key,
) -> None:
    """Decrypt one frame into a file, if ENDOLINK_EGRESS lets pixels go there."""
    require(frozenset({"pixels"}), out, rules_of("retained export"))
    frame, data = Vault.open(folder, key).read(name)
    note("exported", {"request": frame.id, "frame": frame.frame, "purpose": frame.purpose})
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


@retained.command()
def delete(
    folder: Folder,
    names: Annotated[list[str] | None, typer.Argument(metavar="ID...")] = None,
    *,
    key: Key,
    audit_key: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="What signs the records of deletion: the audit log's key.",
            envvar="ENDOLINK_AUDIT_KEY",
        ),
    ],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who deletes; the record says so.")],
    expired: Annotated[
        bool, typer.Option("--expired", help="Those whose time is over, as the service does.")
    ] = False,
) -> None:
    """Delete frames for good, and sign a record of it.

    The frame's key is destroyed, and the key file's with it: those that stay are encrypted under a
    new one. So a copy of the folder that somebody has kept opens nothing of what was deleted.
    """
    if bool(names) == expired:
        raise typer.BadParameter("name the frames, or say --expired")
    vault, signer = Vault.open(folder, key), Signer(SigningKey.read(audit_key), by)
    done = vault.expire(signer) if expired else vault.delete(names or (), signer, "asked")
    for each in done:
        note("deleted", deletion_entry(each))
        _out().print(f"{each.fields['id']} is gone: {_digest(each)}")
    _out().print(f"{len(done)} frames deleted.")


@retained.command()
def verify(
    folder: Folder,
    *,
    key: Key,
    public_key: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="A key that is trusted, as of `audit verify`."),
    ],
    copy: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="An older copy of the folder, from a backup: tries to open it with the key file.",
        ),
    ] = None,
) -> None:
    """Read every kept frame, and show that nothing of a deleted one can be read any more.

    Exit status 1 if a frame cannot be read, a deletion is not signed, or something deleted is still
    there.
    """
    if not folder.is_dir():
        raise RetentionUnavailable(f"{folder}: no frames are kept there")
    keys = keys_of(*(PublicKey.read(path) for path in public_key))
    report = check(Vault(folder, KeyFile(key)), keys, copy, KeyFile(key))
    out = _out()
    out.print(f"{report.kept} frames are kept and can be read; {report.deleted} were deleted.")
    if copy is not None:
        out.print(f"Of {report.copied} frames in the copy, {report.opened} can be opened.")
    for fault in report.faults[:_MOST_SHOWN]:
        out.print(f"WRONG: {fault}")
    if report.faults:
        raise typer.Exit(1)
    out.print("Nothing that was deleted can be read.")


def _facts(frame: KeptFrame) -> list[tuple[str, str]]:
    return [
        ("id", frame.id),
        ("who", frame.who),
        ("frame", frame.frame),
        ("model", frame.model),
        ("purpose", frame.purpose),
        ("why", ", ".join(frame.why)),
        ("kept", iso(frame.kept_at)),
        ("until", iso(frame.expires)),
        ("bytes", str(frame.size)),
    ]


def _digest(deletion: Deletion) -> str:
    return f"sha256:{deletion.fields['frame']}"


def _out() -> Console:
    return Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
