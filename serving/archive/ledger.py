"""The ledger: what was done, kept so that a run that was killed goes on where it stopped.

It is one SQLite file. Verdicts are kept by content, so that the same picture is never scored twice,
wherever it lies; frames say where each picture lies and in which study. Verdicts are committed a
few at a time, within half a second of work, and then survive the process, however that ends; what
a killed run had not committed is scored again.

It is private: it alone knows which pseudonym stands for which study.
"""

import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import threading
import time
from base64 import b32encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endolink.model.errors import LedgerBusy, LedgerMismatch, LedgerUnreadable
from endolink.model.verdict import VERDICT_JSON, ModelIdentity, Verdict
from endolink.serving.archive.picture import Locator, Picture, Unread, taken_at
from endolink.serving.archive.sources.files import natural_key
from endolink.serving.archive.study import Failure, FrameResult

_VERSION: Final = 1
# "Endo", so that `file` and this module tell a ledger from any other SQLite file.
_APPLICATION: Final = 0x456E646F
_SECRET_BYTES: Final = 32
# So many pictures are written down in one transaction, or as many as come within this time: each
# of its own would cost as much as a twentieth of scoring it.
_TOGETHER: Final = 16
_SOON_S: Final = 0.5

_SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
-- What came of a content, a verdict or a failure, as JSON, and how the frame looks, where it lies
-- in time or may be worth showing.
CREATE TABLE outcomes (content TEXT PRIMARY KEY, verdict TEXT, failure TEXT, descriptor BLOB);
CREATE TABLE studies (id INTEGER PRIMARY KEY, key BLOB UNIQUE, written TEXT, line TEXT);
-- Paths are bytes: not every name is text. Without a member it is empty, without a number -1.
CREATE TABLE frames (
    place BLOB, member BLOB, number INTEGER,
    study INTEGER REFERENCES studies, series BLOB, time_s REAL, sort BLOB,
    content TEXT, failure TEXT,
    PRIMARY KEY (place, member, number)
) WITHOUT ROWID;
CREATE INDEX frames_of_a_study ON frames (study, sort);
-- What was read through to its end, and of which content it was then.
CREATE TABLE things (place BLOB PRIMARY KEY, digest TEXT, done INTEGER) WITHOUT ROWID;
"""

# Each statement hands the interpreter to another thread: one does for what is new, what is as it
# was, which it leaves alone, and what has changed.
_PLACE: Final = """
INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (place, member, number) DO UPDATE SET
    study = excluded.study, series = excluded.series, time_s = excluded.time_s,
    sort = excluded.sort, content = excluded.content, failure = excluded.failure
WHERE (study, series, time_s, sort, content, failure) IS NOT (
    excluded.study, excluded.series, excluded.time_s,
    excluded.sort, excluded.content, excluded.failure
)
"""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a content; `descriptor` is the frame's look, where that may be asked for."""

    verdict: Verdict | Failure
    descriptor: NDArray[np.float32] | None = None


class Ledger:
    """An open ledger; only one process at a time has it. `known` may be called by any thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._lock = threading.Lock()
        self._studies: dict[str, int] = {}
        self._stale: int | None = None  # a study that is known to be unwritten as it is now
        self._open = 0  # pictures written in the transaction that is open
        self._since_s = 0.0

    @classmethod
    def open(
        cls,
        path: Path,
        model: ModelIdentity,
        options: dict[str, object],
        *,
        resume: bool,
        secret: bytes | None = None,
    ) -> "Ledger":
        """Open the ledger at `path`, or begin one.

        `options` are those that the results depend on; `secret` makes the pseudonyms, by default a
        new one.

        Raises
        ------
        LedgerBusy
            Another process has it.
        LedgerMismatch
            It was not to be resumed; or it is of another model, other options, another secret.
        LedgerUnreadable
            It is damaged, or not a ledger.
        """
        if path.exists() and not resume:
            raise LedgerMismatch(
                "The folder holds results already; go on with --resume, or choose another folder."
            )
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _translated():
            db = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
            try:
                cls._prepare(db, {"model": asdict(model), "options": options}, secret)
            except BaseException:
                db.close()
                raise
        return cls(db)

    @classmethod
    def _prepare(cls, db: sqlite3.Connection, about: dict[str, Any], secret: bytes | None) -> None:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        # What is committed survives this process; only a fall of the whole machine may take the
        # last moments with it, and never leaves a torn ledger.
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("BEGIN IMMEDIATE")
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        said = json.dumps(about, sort_keys=True)
        if (application, version) == (0, 0):
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {_APPLICATION}")
            db.execute(f"PRAGMA user_version = {_VERSION}")
            secret = secret or secrets.token_bytes(_SECRET_BYTES)
            rows = [("about", said), ("secret", secret)]
            db.executemany("INSERT INTO meta VALUES (?, ?)", rows)
        elif (application, version) != (_APPLICATION, _VERSION):
            raise LedgerUnreadable("It was not written by this version; choose another folder.")
        else:
            meta = dict(db.execute("SELECT key, value FROM meta"))
            if meta["about"] != said or secret not in {None, meta["secret"]}:
                raise LedgerMismatch(_difference(json.loads(meta["about"]), about))
        db.execute("COMMIT")

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave one file behind, nothing beside it."""
        with self._lock, _translated():
            try:
                self._commit()
            finally:
                self._db.close()

    def known(self, content: str) -> bool:
        """Say whether the outcome of this content is already there."""
        with self._lock, _translated():
            row = self._db.execute("SELECT 1 FROM outcomes WHERE content = ?", (content,))
            return row.fetchone() is not None

    def contents(self) -> Iterator[str]:
        """Give every content whose outcome is there, in no order."""
        with self._lock, _translated():
            cursor = self._db.execute("SELECT content FROM outcomes")
        while rows := cursor.fetchmany(4096):
            yield from (content for (content,) in rows)

    def digest(self, place: str) -> str | None:
        """Give the digest that `place` had when it was read through to its end, if it was."""
        with self._lock, _translated():
            row = self._db.execute(
                "SELECT digest FROM things WHERE place = ? AND done", (os.fsencode(place),)
            ).fetchone()
        return None if row is None else str(row[0])

    def begin(self, place: str, digest: str) -> bool:
        """Say that `place` is about to be read; False where it was already, and has not changed.

        What an earlier content of it gave is forgotten.
        """
        name = os.fsencode(place)
        with self._transaction() as db:
            row = db.execute("SELECT digest, done FROM things WHERE place = ?", (name,)).fetchone()
            if row is not None and row[0] == digest:
                if not row[1]:
                    # What could not be read will be told again, if it still cannot.
                    db.execute("DELETE FROM frames WHERE place = ? AND content IS NULL", (name,))
                return not row[1]
            db.execute(
                "UPDATE studies SET written = NULL "
                "WHERE id IN (SELECT study FROM frames WHERE place = ?)",
                (name,),
            )
            db.execute("DELETE FROM frames WHERE place = ?", (name,))
            db.execute("REPLACE INTO things VALUES (?, ?, 0)", (name, digest))
        return True

    def end(self, place: str) -> None:
        """Say that `place` was read through to its end."""
        with self._transaction() as db:
            db.execute("UPDATE things SET done = 1 WHERE place = ?", (os.fsencode(place),))

    def record(self, picture: Picture, content: str, outcome: Outcome | None) -> None:
        """Write down where a picture lies, and what came of it where that is new."""
        with self._gathered() as db:
            if outcome is not None:
                self._add_outcome(db, content, outcome)
            self._place(db, picture, picture.time_s, content, None)

    def record_failure(self, unread: Picture | Unread, failure: Failure) -> None:
        """Write down where there was something of which no content is known."""
        with self._gathered() as db:
            self._place(db, unread, None, None, _failure_json(failure))

    def unwritten(self, form: str) -> list[str]:
        """Give the studies whose results have not been written in `form` as they are now."""
        with self._lock, _translated():
            rows = self._db.execute(
                "SELECT key FROM studies WHERE written IS NOT ? ORDER BY id", (form,)
            )
            return [os.fsdecode(key) for (key,) in rows]

    def mark_written(self, study: str, form: str, line: str) -> None:
        """Say that the study's results were written in `form`, and keep their summing-up `line`."""
        with self._transaction() as db:
            self._stale = None
            db.execute(
                "UPDATE studies SET written = ?, line = ? WHERE key = ?",
                (form, line, os.fsencode(study)),
            )

    def lines(self) -> list[str]:
        """Give the line of every study that was ever written, in the order they were met."""
        with self._lock, _translated():
            rows = self._db.execute("SELECT line FROM studies WHERE line IS NOT NULL ORDER BY id")
            return [line for (line,) in rows]

    def failures(self) -> dict[str, int]:
        """Count the pictures, and the things, that have no verdict: by the error's code."""
        with self._lock, _translated():
            rows = self._db.execute(
                "SELECT json_extract(COALESCE(frames.failure, outcomes.failure), '$.code') AS code,"
                " count(*) FROM frames LEFT JOIN outcomes USING (content)"
                " WHERE verdict IS NULL GROUP BY code ORDER BY count(*) DESC, code"
            )
            return dict(rows.fetchall())

    def pseudonym(self, study: str) -> str:
        """Give a study the name that goes out: 80 bits of an HMAC-SHA256 under the secret."""
        with self._lock, _translated():
            (secret,) = self._db.execute("SELECT value FROM meta WHERE key = 'secret'").fetchone()
        digest = hmac.digest(secret, os.fsencode(study), hashlib.sha256)
        return b32encode(digest[:10]).decode().lower()

    def frames(
        self, study: str, interval_s: float | None = None
    ) -> Iterator[tuple[FrameResult, NDArray[np.float32] | None]]:
        """Give a study's frames in order, each with its descriptor where it has one.

        With `interval_s`, files that have no times of their own were taken so many seconds apart.
        """
        with self._lock, _translated():
            cursor = self._db.execute(
                "SELECT place, member, number, series, time_s, frames.failure, outcomes.failure, "
                "verdict, descriptor FROM frames LEFT JOIN outcomes USING (content) "
                "WHERE study = (SELECT id FROM studies WHERE key = ?) ORDER BY sort",
                (os.fsencode(study),),
            )
        order = 0
        while rows := cursor.fetchmany(256):
            for place, member, number, series, time_s, unread, failed, verdict, look in rows:
                found = Locator(
                    os.fsdecode(place),
                    os.fsdecode(member) or None,
                    None if number < 0 else number,
                )
                outcome = (
                    VERDICT_JSON.validate_json(verdict)
                    if verdict is not None
                    else Failure(**json.loads(unread or failed))
                )
                descriptor = None if look is None else np.frombuffer(look, "<f4")
                within = os.fsdecode(series)
                at_s = taken_at(time_s, within, order, interval_s)
                yield FrameResult(order, found, within, at_s, outcome), descriptor
                order += 1

    def _add_outcome(self, db: sqlite3.Connection, content: str, outcome: Outcome) -> None:
        verdict = failure = look = None
        if isinstance(outcome.verdict, Verdict):
            verdict = VERDICT_JSON.dump_json(outcome.verdict).decode()
        else:
            failure = _failure_json(outcome.verdict)
        if outcome.descriptor is not None:
            look = outcome.descriptor.astype("<f4").tobytes()
        # The same content may have been in hand twice at once: the first answer stays.
        db.execute(
            "INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?, ?)", (content, verdict, failure, look)
        )

    def _place(
        self,
        db: sqlite3.Connection,
        item: Picture | Unread,
        time_s: float | None,
        content: str | None,
        failure: str | None,
    ) -> None:
        where = item.locator
        number = -1 if where.number is None else where.number
        key = (os.fsencode(where.place), os.fsencode(where.member or ""), number)
        sort = f"{natural_key(item.series)}\1{item.index:020}\1{natural_key(str(where))}"
        study = self._study_id(db, item.study)
        row = (*key, study, os.fsencode(item.series), time_s, os.fsencode(sort), content, failure)
        if db.execute(_PLACE, row).rowcount and self._stale != study:
            db.execute("UPDATE studies SET written = NULL WHERE id = ?", (study,))
            self._stale = study

    def _study_id(self, db: sqlite3.Connection, key: str) -> int:
        if key not in self._studies:
            db.execute("INSERT OR IGNORE INTO studies (key) VALUES (?)", (os.fsencode(key),))
            row = db.execute("SELECT id FROM studies WHERE key = ?", (os.fsencode(key),)).fetchone()
            self._studies = {key: int(row[0])}  # the walk stays in one study for long
        return self._studies[key]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._gathered() as db:
            yield db
            self._commit()

    @contextmanager
    def _gathered(self) -> Iterator[sqlite3.Connection]:
        """Write in the transaction that is open, or open one; commit it once it is full or old."""
        with self._lock, _translated():
            if not self._open:
                self._db.execute("BEGIN IMMEDIATE")
                self._since_s = time.monotonic()
            self._open += 1
            try:
                yield self._db
            except BaseException:
                self._open = 0
                self._studies = {}
                self._stale = None
                self._db.execute("ROLLBACK")
                raise
            if self._open >= _TOGETHER or time.monotonic() - self._since_s > _SOON_S:
                self._commit()

    def _commit(self) -> None:
        if self._open:
            self._db.execute("COMMIT")
            self._open = 0


def _difference(was: dict[str, Any], now: dict[str, Any]) -> str:
    """Say what makes these other results, and with which options the run would go on."""
    before, after = was["model"], now["model"]
    computed = {"precision", "provider"}
    if before != after and all(before[name] == after[name] for name in before.keys() - computed):
        precision, provider = before["precision"], before["provider"]
        return (
            f"The folder holds results in {precision}, computed by {provider}; go on with "
            f"--precision {precision} --provider {provider}, or choose another folder."
        )
    return (
        "The folder holds results of another model, other options or another secret; go on as they "
        "were made, or choose another folder."
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise LedgerBusy("Another run is writing into this folder; let it finish.") from None
        raise LedgerUnreadable(f"The ledger cannot be used: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise LedgerUnreadable(
            "The ledger is damaged, or not a ledger; choose another folder."
        ) from error


def _failure_json(failure: Failure) -> str:
    return json.dumps(asdict(failure))
