"""An audit chain as a file: JSON Lines that verify like the database, or CSV to read."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from endolink.model.errors import AuditUnavailable
from endolink.serving.audit.checkpoint import Checkpoint, Span
from endolink.serving.audit.entry import Entry
from endolink.serving.audit.store import Store

_FORMAT: Final = "endolink-audit-1"
# No line that we write is longer; one that is was not written by us.
_LONGEST_LINE: Final = 2**20
# The first has all checkpoints: some 300 bytes for a thousand entries.
_LONGEST_HEAD: Final = 2**28


def write_lines(store: Store, chain: str, out: TextIO, span: Span | None = None) -> int:
    """Write a chain with its checkpoints to `out`, one JSON object a line; count the entries.

    With `span` no more than that is written, which has to begin with the chain's first entry.
    """
    through = span.through if span else None
    checkpoints = [
        each.to_json()
        for each in store.checkpoints(chain)
        if through is None or each.sequence <= through
    ]
    head: dict[str, object] = {"format": _FORMAT, "chain": chain, "checkpoints": checkpoints}
    if span:
        head["span"] = span.to_json()
    out.write(json.dumps(head) + "\n")
    count = 0
    for entry in store.entries(chain, through=through):
        line = [entry.sequence, entry.at, entry.kind, entry.body, entry.hash.hex()]
        out.write(json.dumps(line) + "\n")
        count += 1
    return count


def write_csv(store: Store, chain: str, out: TextIO) -> int:
    """Write a chain to `out` as CSV with a heading, for spreadsheets; count the entries."""
    writer = csv.writer(out)
    writer.writerow(("sequence", "time", "kind", "body", "hash"))
    count = 0
    for entry in store.entries(chain):
        writer.writerow((entry.sequence, entry.time, entry.kind, entry.body, entry.hash.hex()))
        count += 1
    return count


@dataclass(frozen=True)
class Exported:
    """A chain out of a file of `write_lines`; its entries are read as they are asked for."""

    path: Path
    chain: str
    checkpoints: tuple[Checkpoint, ...]
    span: Span | None = None
    """Which part of the chain it is, where it is one; trusted only once it is verified."""

    @property
    def after(self) -> int:
        """The entry before its first; 0 where it begins with the chain."""
        return self.span.after if self.span else 0

    @classmethod
    def read(cls, path: Path) -> "Exported":
        """Read the head of the file at `path`.

        Raises
        ------
        AuditUnavailable
            It is no such file.
        """
        try:
            with path.open(encoding="utf-8") as lines:
                head = json.loads(lines.readline(_LONGEST_HEAD))
            if head["format"] != _FORMAT:
                raise ValueError(head["format"])
            checkpoints = tuple(Checkpoint.from_json(each) for each in head["checkpoints"])
            span = Span.from_json(head["span"]) if "span" in head else None
            return cls(path, _text(head["chain"]), checkpoints, span)
        except OSError as error:
            raise AuditUnavailable(f"{path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise AuditUnavailable(f"{path}: not an export of an audit log") from error

    def entries(self) -> Iterator[Entry]:
        """Give the entries in the file's order.

        Raises
        ------
        AuditUnavailable
            A line cannot be read.
        """
        with self.path.open(encoding="utf-8", errors="replace") as lines:
            lines.readline()
            number = 1
            while line := lines.readline(_LONGEST_LINE):
                number += 1
                try:
                    sequence, at, kind, body, last = json.loads(line)
                    if not (type(sequence) is int and type(at) is int):
                        raise TypeError
                    yield Entry(sequence, at, _text(kind), _text(body), bytes.fromhex(last))
                except (ValueError, TypeError, RecursionError) as error:
                    raise AuditUnavailable(
                        f"{self.path}: line {number} is not an entry; the file was damaged"
                    ) from error


def _text(value: object) -> str:
    """Take a text that can be hashed: JSON can hold halves of characters, which have no bytes."""
    text = str(value)
    text.encode()
    return text
