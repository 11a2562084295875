"""A job: stored studies scored into a folder, unattended, and gone on with after any end.

OUT/studies.csv              one line a study
OUT/studies/PSEUDONYM/       what the sinks say about one study
OUT/private/ledger.sqlite    what was done; it alone knows whom a pseudonym stands for
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from endolink.model.classifier import Classifier, Explain
from endolink.model.egress import EgressSettings, require
from endolink.model.errors import EndoLinkError
from endolink.serving.archive.ledger import Ledger
from endolink.serving.archive.picture import Reading
from endolink.serving.archive.scoring import Engine, LocalEngine, Progress, score_into
from endolink.serving.archive.sinks import Sink, whole
from endolink.serving.archive.sources import Stored
from endolink.serving.archive.study import StudyResult
from endolink.serving.archive.summary import summarise


@dataclass(frozen=True)
class Job:
    """What is to be done into the folder `out`.

    `sinks` are named, since the ledger keeps in which forms a study has been written. `secret`
    makes the pseudonyms; None takes the folder's own. `engine` does the work, by default on
    `workers` threads of this process. `rules`, by default the environment's, say what may go into
    the folder.
    """

    out: Path
    classifier: Classifier = field(repr=False)
    sinks: Mapping[str, Sink] = field(repr=False)
    reading: Reading = field(default_factory=Reading)
    explain: Explain = "none"
    workers: int = 1
    secret: bytes | None = field(default=None, repr=False)
    engine: Engine | None = None
    rules: EgressSettings | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError("workers must be at least 1")

    @property
    def form(self) -> str:
        """In what the results are written, as the ledger keeps it."""
        return " ".join(sorted(self.sinks))

    def open_ledger(self, *, resume: bool) -> Ledger:
        """Open the folder's ledger, or begin one; raises LedgerError, EgressRefused."""
        reading = asdict(self.reading)
        del reading["only"]
        options = {"explain": self.explain, **reading}
        path = self.out / "private/ledger.sqlite"
        require(frozenset({"identifiers", "verdicts"}), path, self.rules)
        return Ledger.open(
            path, self.classifier.identity, options, resume=resume, secret=self.secret
        )


@dataclass
class Unwritten:
    """What the sinks would not write, by study's pseudonym: told at the end, tried again later."""

    errors: dict[str, EndoLinkError] = field(default_factory=dict)


def run(
    job: Job, ledger: Ledger, things: Iterable[Stored], unwritten: Unwritten
) -> Iterator[Progress]:
    """Score `things` into the ledger, and write every study as soon as the walk has left it."""

    def left() -> None:
        for study in ledger.unwritten(job.form):
            write(job, ledger, study, unwritten)

    engine = job.engine or LocalEngine(job.classifier, job.workers, job.explain)
    yield from score_into(ledger, engine.steps(ledger, things, job.reading), left=left)
    _write_overview(job, ledger)


def write(job: Job, ledger: Ledger, study: str, unwritten: Unwritten) -> None:
    """Sum one study up and write it with every sink; what a sink refuses stays unwritten."""
    pseudonym = ledger.pseudonym(study)
    interval_s = job.reading.interval_s
    result = summarise(
        study, pseudonym, job.classifier.identity, lambda: ledger.frames(study, interval_s)
    )
    folder = job.out / "studies" / pseudonym
    folder.mkdir(parents=True, exist_ok=True)
    for partial in folder.glob(".*.partial"):  # left by a run that was killed as it wrote
        partial.unlink()
    for sink in job.sinks.values():
        try:
            sink.write(result, folder)
        except EndoLinkError as error:
            unwritten.errors[pseudonym] = error
            return
    unwritten.errors.pop(pseudonym, None)
    ledger.mark_written(study, job.form, json.dumps(overview(result)))


def overview(result: StudyResult) -> dict[str, Any]:
    """Give a study's line of `studies.csv`; times in seconds, shares from 0 to 1."""
    events = [event.event.finding for event in result.events]
    return {
        "study": result.pseudonym,
        "frames": result.total,
        "scored": result.scored,
        "failed": result.total - result.scored,
        "usable": result.usable,
        "duration_s": result.duration_s,
        "events": ";".join(f"{code}:{events.count(code)}" for code in sorted(set(events))),
        "key_frames": len(result.key_frames),
        "landmarks": ";".join(landmark.finding for landmark in result.landmarks),
        "view_quality": ";".join(f"{c}:{s:.3f}" for c, s in result.view_quality.items()),
        "shortlist": len(result.shortlist),
        "model": f"{result.model.name} {result.model.version} {result.model.digest}",
        "notice": result.notice,
    }


def _write_overview(job: Job, ledger: Ledger) -> None:
    lines = [json.loads(line) for line in ledger.lines()]
    if not lines:
        return
    overview_of = job.out / "studies.csv"
    require(frozenset({"verdicts"}), overview_of, job.rules)
    with whole(overview_of) as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
