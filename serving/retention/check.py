"""Whether what is kept is whole, and what was deleted is gone: `endolink retained verify`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from endolink.model.errors import RetentionError
from endolink.serving.audit.checkpoint import PublicKey
from endolink.serving.retention.key_file import KeyFile
from endolink.serving.retention.vault import Vault


@dataclass
class Report:
    """What was found; `copied` frames are in the older copy, of which `opened` can be read."""

    kept: int = 0
    deleted: int = 0
    copied: int = 0
    opened: int = 0
    faults: list[str] = field(default_factory=list)


def check(
    vault: Vault, keys: Mapping[str, PublicKey], copy: Path | None, key_file: KeyFile
) -> Report:
    """Read every kept frame; look for anything of the deleted ones, in an older `copy` as well.

    A deleted frame can be read where its key still stands in the index, its file still lies there
    under any name, or the copy's key for it is opened by the key file as it is now.
    """
    report = Report()
    kept = {frame.id for frame in vault.frames()}
    for name in kept:
        try:
            vault.read(name)
        except RetentionError as error:
            report.faults.append(error.detail)
        else:
            report.kept += 1
    files = vault.files()
    report.faults += [f"{name}: a file without a key" for name in files.keys() - kept]
    older = None if copy is None else Vault(copy, key_file)
    gone = set()
    for deletion in vault.deletions():
        name = str(deletion.fields["id"])
        gone.add(name)
        report.deleted += 1
        if not deletion.verified(keys):
            report.faults.append(f"{name}: no trusted key has signed the record of its deletion")
        if name in kept or vault.readable(name):
            report.faults.append(f"{name}: it was deleted, and its key is still there")
        if deletion.fields["sealed"] in files.values():
            report.faults.append(f"{name}: it was deleted, and its file is still there")
    if older is not None:
        for frame in older.frames():
            report.copied += 1
            opened = older.readable(frame.id)
            report.opened += opened
            if opened and frame.id in gone:
                report.faults.append(f"{frame.id}: it was deleted, and the copy of it can be read")
    return report
