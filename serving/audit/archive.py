"""Where entries go before they are removed from a log: files that verify by themselves."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from endolink.model.egress import DataKind, EgressSettings, require
from endolink.model.errors import AuditTampered, AuditUnavailable
from endolink.serving.audit.checkpoint import Checkpoint, SigningKey
from endolink.serving.audit.entry import GENESIS, follows
from endolink.serving.audit.export import Exported, write_lines
from endolink.serving.audit.store import Store
from endolink.serving.disk import sync_folder

KINDS: Final[frozenset[DataKind]] = frozenset({"verdicts"})
"""What an audit log holds: digests and what was present; who asked, and no patient."""


@dataclass(frozen=True)
class Archived:
    """What lies in the archive: how many entries, and the SHA-256 of the file that has them."""

    entries: int
    sha256: str


class Archive:
    """A folder of files, one for each time that a log was pruned.

    A file is named after its chain and the entries that it holds. It is written beside its place,
    read again entry by entry, brought to the disk, and only then gets its name: what stands there
    under a name is whole, and `endolink audit verify` takes it. Its owner alone may read it.
    """

    def __init__(self, folder: Path, rules: EgressSettings | None = None) -> None:
        self._folder, self._rules = folder, rules

    def take(self, store: Store, chain: str, through: Checkpoint, key: SigningKey) -> Archived:
        """Write the entries of `chain` up to `through`; come back when they are safe.

        Raises
        ------
        EgressRefused
            The rules (by default the environment's) let no verdicts go into the folder.
        AuditTampered
            What was read again does not verify: the log itself was changed, or the disk fails.
        AuditUnavailable
            The log cannot be read, or the file not written.
        """
        require(KINDS, self._folder, self._rules)
        first = next(store.entries(chain)).sequence
        span = key.span(chain, first - 1, through.sequence)
        # Numbers of one width, so that files are listed in their order.
        name = f"{_plain(chain)}-{first:012d}-{through.sequence:012d}.jsonl"
        unfinished = self._folder / f".{name}.part"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                _write(unfinished, lambda out: write_lines(store, chain, out, span))
                archived = _verified(unfinished, through)
                unfinished.replace(self._folder / name)
                sync_folder(self._folder)
            finally:
                with suppress(FileNotFoundError):
                    unfinished.unlink()
        except OSError as error:
            raise AuditUnavailable(
                f"the archive of the audit log cannot be written: {error.strerror}"
            ) from error
        return archived


def _write(path: Path, write: Callable[[TextIO], int]) -> None:
    # What a killed service left is begun anew, whoever could read it.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
        write(out)
        out.flush()
        os.fsync(out.fileno())


def _verified(path: Path, through: Checkpoint) -> Archived:
    """Read what was written and follow its chain, from one checkpoint to another."""
    file = Exported.read(path)
    starts = {0: GENESIS, **{each.sequence: each.hash for each in file.checkpoints}}
    begin = expected = file.after + 1
    previous = starts.get(file.after)
    for entry in file.entries():
        if previous is None or not follows(file.chain, previous, expected, entry):
            raise AuditTampered(
                f"entry {expected} is not what was written, and so is not archived; see "
                "`endolink audit verify`"
            )
        previous, expected = entry.hash, expected + 1
    if (expected - 1, previous) != (through.sequence, through.hash):
        raise AuditTampered(
            f"the entries up to {through.sequence} do not end with what a checkpoint has signed; "
            "see `endolink audit verify`"
        )
    with path.open("rb") as written:
        return Archived(expected - begin, hashlib.file_digest(written, "sha256").hexdigest())


def _plain(chain: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in chain)
