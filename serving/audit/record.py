"""What a service puts into its audit log: identities, digests and verdicts; never a pixel."""

import asyncio
import hashlib
import logging
import time
from contextlib import suppress
from typing import Final

from pydantic import JsonValue

from endolink.model.egress import Passage
from endolink.model.errors import AuditUnavailable, EndoLinkError
from endolink.model.verdict import Verdict
from endolink.serving.audit.archive import Archive
from endolink.serving.audit.log import AuditLog
from endolink.serving.audit.witness import entry_of
from endolink.serving.logs import log

logger = logging.getLogger(__name__)

# A stream's verdicts of one second share an entry: 25 a second would be a log of nothing else.
STREAM_S: Final = 1.0
_DAY_S: Final = 86_400


class Recorder:
    """Writes what happens into an audit log; every method waits until it is committed.

    Each raises `AuditUnavailable` where the log cannot be written and the policy is to refuse.
    """

    def __init__(self, log: AuditLog, days: int, archive: Archive | None = None) -> None:
        self.log = log
        self._days = days
        self._archive = archive

    async def frame(self, who: str, verdict: Verdict, written: bytes) -> None:
        """Note the verdict on a frame, as it is about to be `written` to the client."""
        await self._note("frame", _frame(who, verdict, written))

    def frame_at_once(self, who: str, verdict: Verdict, written: bytes) -> bool:
        """Note a verdict on the worker that made it, where nothing is waited for there.

        False where a database has to be waited for: that is for `frame`, and keeps no worker.
        """
        if self.log.quick:
            self.log.write("frame", _frame(who, verdict, written))
        return self.log.quick

    async def admin(self, who: str, action: str, model: str, digest: str) -> None:
        """Note that somebody changed which model answers."""
        await self._note("model", {"who": who, "action": action, "name": model, "model": digest})

    async def stream(self, who: str, session: str, covered: "Covered") -> None:
        """Note the verdicts that a stream gave since the last such note."""
        if covered.count:
            await self._note("stream", {"who": who, "session": session, **covered.take()})

    def passage(self, passage: Passage) -> None:
        """Note what may leave the site or not; waits, and is for a service's start."""
        self.log.append("egress", entry_of(passage, "serve")).result()

    async def prune_daily(self) -> None:
        """Remove what is older than it has to be kept, now and once a day, until cancelled.

        What cannot be removed, or archived, today is tomorrow; the service's log and, where it can
        be written, the audit log say so.
        """
        while True:
            before = time.time() - self._days * _DAY_S
            try:
                gone = await asyncio.to_thread(self.log.prune, before, self._archive)
            except EndoLinkError as error:
                what = {"code": error.code, "detail": error.detail}
                log(logger, logging.ERROR, "audit log not pruned", **what)
                with suppress(AuditUnavailable):
                    await self._note("unpruned", {"why": error.code})
            else:
                if gone:
                    log(logger, logging.INFO, "audit log pruned", entries=gone)
            await asyncio.sleep(_DAY_S)

    async def _note(self, kind: str, body: dict[str, JsonValue]) -> None:
        await asyncio.wrap_future(self.log.append(kind, body))


def _frame(who: str, verdict: Verdict, written: bytes) -> dict[str, JsonValue]:
    return {
        "who": who,
        "request": verdict.request_id,
        "frame": verdict.frame.sha256,
        "model": verdict.model.digest,
        "present": [each.code for each in verdict.findings if each.present],
        "verdict": hashlib.sha256(written).hexdigest(),
    }


class Covered:
    """The verdicts that a stream gave since its last entry: how many, which, and their digest."""

    def __init__(self) -> None:
        self.count = 0
        self._begin()

    def _begin(self) -> None:
        self.count, self._first, self._last = 0, 0, 0
        self._models: set[str] = set()
        self._alerts: list[JsonValue] = []
        self._digest = hashlib.sha256()

    def verdict(self, sequence: int, model: str, written: str) -> None:
        """Cover one verdict, as it is `written` to the client, by the model of digest `model`."""
        if not self.count:
            self._first = sequence
        self.count += 1
        self._last = sequence
        self._models.add(model)
        data = written.encode()
        self._digest.update(b"%d:%b" % (len(data), data))

    def alert(self, finding: str, *, on: bool) -> None:
        """Cover an alert that came or went."""
        self._alerts.append(f"{finding} {'on' if on else 'off'}")

    def take(self) -> dict[str, JsonValue]:
        """Give what was covered, and begin anew."""
        body: dict[str, JsonValue] = {
            "first": self._first,
            "last": self._last,
            "verdicts": self.count,
            "models": [*sorted(self._models)],
            "alerts": self._alerts,
            "digest": self._digest.hexdigest(),
        }
        self._begin()
        return body
