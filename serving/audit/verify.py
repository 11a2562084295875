"""Whether a chain is as it was written: what `endolink audit verify` looks at."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from endolink.serving.audit.checkpoint import Checkpoint, PublicKey, Span
from endolink.serving.audit.entry import GENESIS, Entry, digest

PRUNED = "pruned"


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was written, at or before entry `sequence`."""

    sequence: int
    what: str


@dataclass
class Report:
    """What was found: `protected` is the last entry that a signature covers."""

    entries: int = 0
    first: int = 0
    last: int = 0
    protected: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.faults

    @property
    def unprotected(self) -> int:
        """Count the entries after the last checkpoint: a skilled hand could have changed them."""
        return max(0, self.last - self.protected)


def verify(
    chain: str,
    entries: Iterable[Entry],
    checkpoints: Sequence[Checkpoint],
    keys: Mapping[str, PublicKey],
    *,
    held: Sequence[Checkpoint] = (),
    span: Span | None = None,
) -> Report:
    """Read a chain from its first entry to its last and name all that is wrong with it.

    `keys` are the public keys that are trusted, by their id. `held` are checkpoints that were kept
    elsewhere, where whoever writes to the database does not reach: they also find a chain that was
    cut off together with its own checkpoints. `span` is what an archived part says that it is. It
    reads `entries` once and keeps none of them.
    """
    report = Report()
    if span and not span.verified(chain, keys):
        report.faults.append(Fault(span.after + 1, "what part this is, no trusted key has signed"))
        span = None
    promised = _promises(chain, [*checkpoints, *held], keys, report)
    # Where the chain begins later than with its first entry, an entry must say that, and why.
    begun: tuple[int, bytes] | None = None
    explained = False
    expected, previous = 1, GENESIS
    for entry in entries:
        report.entries += 1
        if report.entries == 1:
            report.first = entry.sequence
            if entry.sequence > 1 and (start := promised.get(entry.sequence - 1)):
                begun, expected, previous = (entry.sequence - 1, start), entry.sequence, start
                explained = span is not None and span.after == entry.sequence - 1
        if entry.sequence != expected:
            what = _missing(expected, entry.sequence)
            report.faults.append(Fault(entry.sequence, what))
        elif entry.hash != _digest(chain, previous, entry):
            report.faults.append(
                Fault(entry.sequence, "the entry, or the one before it, is not what was written")
            )
        if promised.get(entry.sequence, entry.hash) != entry.hash:
            report.faults.append(Fault(entry.sequence, "a checkpoint has signed another entry"))
        if begun and entry.kind == PRUNED:
            explained = explained or _says(entry, *begun)
        expected, previous = entry.sequence + 1, entry.hash
        report.last = entry.sequence
    if begun and not explained:
        report.faults.append(Fault(report.first, "the entries before it were not pruned by us"))
    beyond = max(promised, default=0)
    if span and report.last != span.through:
        report.faults.append(Fault(span.through, "the part does not end here, as was signed"))
    if beyond > report.last:
        report.faults.append(
            Fault(beyond, f"{_missing(report.last + 1, beyond + 1)}, which a checkpoint has signed")
        )
    report.protected = min(beyond, report.last)
    return report


def _promises(
    chain: str,
    checkpoints: Sequence[Checkpoint],
    keys: Mapping[str, PublicKey],
    report: Report,
) -> dict[int, bytes]:
    promised: dict[int, bytes] = {}
    for checkpoint in checkpoints:
        if not checkpoint.verified(chain, keys):
            known = checkpoint.key_id in keys
            what = "its signature is wrong" if known else "no trusted key has signed it"
            report.faults.append(
                Fault(checkpoint.sequence, f"a checkpoint is not to be trusted: {what}")
            )
        elif promised.setdefault(checkpoint.sequence, checkpoint.hash) != checkpoint.hash:
            report.faults.append(Fault(checkpoint.sequence, "two checkpoints disagree"))
    return promised


def _digest(chain: str, previous: bytes, entry: Entry) -> bytes:
    return digest(chain, previous, entry.sequence, at=entry.at, kind=entry.kind, body=entry.body)


def _missing(expected: int, found: int) -> str:
    if found < expected:
        return "an entry stands twice, or out of order"
    if found == expected + 1:
        return f"entry {expected} is missing"
    return f"entries {expected} to {found - 1} are missing"


def _says(entry: Entry, through: int, last: bytes) -> bool:
    try:
        body = json.loads(entry.body)
        return bool(body["through"] == through and body["hash"] == last.hex())
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
