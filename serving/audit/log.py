"""The audit log that a running service writes: entries in, committed before the answer goes out."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, Literal, Self

from pydantic import JsonValue

from endolink.model.egress import EgressSettings, require
from endolink.model.errors import AuditTampered, AuditUnavailable
from endolink.serving.audit.archive import KINDS, Archive
from endolink.serving.audit.checkpoint import Checkpoint, SigningKey
from endolink.serving.audit.entry import GENESIS, Entry, canonical, follows, seal
from endolink.serving.audit.store import Store
from endolink.serving.audit.verify import PRUNED
from endolink.serving.logs import log

logger = logging.getLogger(__name__)

Policy = Literal["refuse", "degrade"]

# What is committed together: all that came while the last commit was under way, up to this many.
_MOST_AT_ONCE: Final = 512
# A wall clock that moves this much against the steady one was set; the log says so.
_JUMP_SECONDS: Final = 2.0
_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True)
class Pace:
    """How often a checkpoint is signed: after `entries`, or `seconds` after the first of them.

    What came after the last one is not protected, and a signature costs as much as five entries.
    """

    entries: int = 1000
    seconds: float = 60.0


@dataclass(frozen=True)
class _Order:
    kind: str
    body: str
    done: Future[int]


_NUDGE: Final = _Order("", "", Future())
"""Has the thread look again at the time."""


class AuditLog:
    """One chain, written by one thread of its own, or by whoever has the lock.

    `append` returns at once; its future is done when the entry is committed. An answer that waits
    for it is never given without its entry. Entries that come while the disk is busy are committed
    together.

    When the log cannot be written, `refuse` fails each future with `AuditUnavailable`; `degrade`
    lets the answers go, counts them in `lost`, and the first entry that can be written again is
    one of kind `gap` that says how many are missing. Neither is silent: both are logged as errors.
    """

    def __init__(
        self,
        store: Store,
        chain: str,
        key: SigningKey,
        *,
        policy: Policy = "refuse",
        pace: Pace | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.chain, self.policy = chain, policy
        self.lost = 0
        self._store, self._key, self._clock = store, key, clock
        self._pace = pace or Pace()
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        checkpoints = store.checkpoints(chain)
        # Read after them: another command may write both meanwhile, an entry always before its
        # checkpoint, and the chain would seem to be cut off.
        self._last = store.last(chain)
        self._check(checkpoints)
        self._signed = self._last.sequence if self._last else 0
        self._unsigned_since: float | None = None
        self._written = True
        self._ahead = self._clock() - time.monotonic()
        self._closed = False
        self._ordering = threading.Lock()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        where: str,
        chain: str,
        key: SigningKey,
        *,
        policy: Policy = "refuse",
        durable: bool = False,
        pace: Pace | None = None,
        rules: EgressSettings | None = None,
    ) -> Self:
        """Open the log kept at `where` (see `Store.open`) and go on with `chain`.

        It holds what was said of frames: `rules`, by default the environment's, say whether that
        may go there.

        Raises
        ------
        EgressRefused
            It may not.
        AuditUnavailable
            It cannot be used.
        AuditTampered
            Its end is not what was written; going on would bury that.
        """
        require(KINDS, where, rules)
        return cls(Store.open(where, durable=durable), chain, key, policy=policy, pace=pace)

    @property
    def healthy(self) -> bool:
        """The last attempt to write succeeded."""
        return self._written

    def append(self, kind: str, body: dict[str, JsonValue]) -> Future[int]:
        """Write an entry; the future's result is its sequence, 0 where it was lost by `degrade`.

        Raises
        ------
        ValueError
            `body` holds what JSON does not.
        """
        return self._order(kind, canonical(body))

    @property
    def quick(self) -> bool:
        """Whether to `write` costs less than to wait for another thread."""
        return self._store.quick

    def write(self, kind: str, body: dict[str, JsonValue]) -> int:
        """Write an entry and wait for it, on this thread where nobody else writes.

        What it gives, and raises, is what the future of `append` does.
        """
        if self._closed or not self._writing.acquire(blocking=False):
            return self.append(kind, body).result()
        done: Future[int] = Future()
        try:
            signed = self._unsigned_since is None
            self._commit([_Order(kind, canonical(body), done)], sign=False)
        finally:
            self._writing.release()
        if signed:
            # From now on a checkpoint is due, and the thread has to know when.
            self._orders.put(_NUDGE)
        return done.result()

    def prune(self, before: float, archive: Archive | None = None) -> int:
        """Remove what is older than `before` (seconds since 1970), up to a checkpoint; count it.

        With `archive` it lies there first. The removal is an entry itself, signed before anything
        is removed, and has the digest of what was archived.

        Raises
        ------
        AuditUnavailable
            The log, or the archive, cannot be written: nothing is removed.
        AuditTampered, EgressRefused
            The archive does not take it: nothing is removed.
        """
        through = self._prunable(round(before * _MICROSECONDS))
        if through is None:
            return 0
        body: dict[str, JsonValue] = {"through": through.sequence, "hash": through.hash.hex()}
        if archive:
            archived = archive.take(self._store, self.chain, through, self._key)
            body["archived"] = {"entries": archived.entries, "sha256": archived.sha256}
        if not self.append(PRUNED, body).result():
            raise AuditUnavailable("the audit log could not note its pruning; nothing is removed")
        self.sign()
        return self._store.prune(self.chain, through.sequence)

    def sign(self) -> None:
        """Sign a checkpoint now, and come back when it is committed.

        Raises
        ------
        AuditUnavailable
            The log is closed.
        """
        self._order("", "").result()

    def close(self) -> None:
        """Write what was ordered, sign it, and let go of the database."""
        with self._ordering:
            closed, self._closed = self._closed, True
            if not closed:
                self._orders.put(None)
        if not closed:
            self._thread.join()
            with self._writing:
                self._store.close()

    def _order(self, kind: str, body: str) -> Future[int]:
        done: Future[int] = Future()
        # What is ordered after the end would never be done, and be waited for for ever.
        with self._ordering:
            if self._closed:
                done.set_exception(AuditUnavailable("the audit log is closed"))
            else:
                self._orders.put(_Order(kind, body, done))
        return done

    def _check(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Look at what a killed service may have left after its last checkpoint."""
        if not checkpoints:
            start, entries = GENESIS, self._store.entries(self.chain)
        else:
            start = checkpoints[-1].hash
            entries = self._store.entries(self.chain, checkpoints[-1].sequence)
        for entry in entries:
            if not follows(self.chain, start, entry.sequence, entry):
                raise AuditTampered(
                    f"entry {entry.sequence} of the audit chain {self.chain!r} is not what was "
                    "written; see `endolink audit verify`, keep the database, and go on with a "
                    "chain of another name"
                )
            start = entry.hash
        if checkpoints and (self._last is None or checkpoints[-1].sequence > self._last.sequence):
            raise AuditTampered(
                f"the audit chain {self.chain!r} ends before its last checkpoint; see "
                "`endolink audit verify`, keep the database, and go on with a chain of another name"
            )

    def _prunable(self, before: int) -> Checkpoint | None:
        """Find the last checkpoint with nothing but older entries up to it."""
        old = [each for each in self._store.checkpoints(self.chain) if each.at < before]
        first = next(self._store.entries(self.chain), None)
        if not old or first is None or old[-1].sequence < first.sequence:
            return None
        return old[-1]

    def _run(self) -> None:
        open_ = True
        while open_:
            orders, open_ = self._wait()
            orders = [order for order in orders if order is not _NUDGE]
            # Whoever went away meanwhile gets no answer, and so no entry of one.
            orders = [order for order in orders if order.done.set_running_or_notify_cancel()]
            with self._writing:
                due = not open_ or any(not order.kind for order in orders) or self._due()
                self._commit([order for order in orders if order.kind], sign=due)
            for order in orders:
                if not order.kind:
                    order.done.set_result(0)

    def _wait(self) -> tuple[list[_Order], bool]:
        """Wait for orders, or until a checkpoint is due."""
        orders: list[_Order] = []
        left = None
        if self._unsigned_since is not None:
            left = max(0.0, self._unsigned_since + self._pace.seconds - time.monotonic())
        try:
            order = self._orders.get(timeout=left)
            while order is not None:
                orders.append(order)
                if len(orders) == _MOST_AT_ONCE:
                    break
                order = self._orders.get_nowait()
        except Empty:
            return orders, True
        return orders, order is not None

    def _due(self) -> bool:
        since = self._unsigned_since
        return since is not None and time.monotonic() - since >= self._pace.seconds

    def _commit(self, orders: list[_Order], *, sign: bool) -> None:
        entries = self._sealed(orders)
        last = entries[-1] if entries else self._last
        checkpoint = None
        behind = last.sequence - self._signed if last else 0
        if last and behind and (sign or behind >= self._pace.entries):
            checkpoint = self._key.sign(self.chain, last.sequence, self._now(), last.hash)
        if not entries and not checkpoint:
            return
        try:
            self._store.append(self.chain, entries, checkpoint)
        except AuditUnavailable as error:
            self._failed(orders, error)
            return
        except Exception as error:  # noqa: BLE001 - the thread's end would leave all waiting
            self._failed(orders, AuditUnavailable(f"the audit log failed: {type(error).__name__}"))
            return
        self._succeeded(entries, checkpoint)
        for order, entry in zip(orders, entries[len(entries) - len(orders) :], strict=True):
            order.done.set_result(entry.sequence)

    def _sealed(self, orders: list[_Order]) -> list[Entry]:
        notes: list[tuple[str, str]] = []
        ahead = self._clock() - time.monotonic()
        if orders and abs(ahead - self._ahead) > _JUMP_SECONDS:
            notes.append(("clock-set", canonical({"by_seconds": round(ahead - self._ahead, 3)})))
            self._ahead = ahead
        if orders and self.lost:
            notes.append(("gap", canonical({"entries_lost": self.lost})))
        previous, sequence = (self._last.hash, self._last.sequence) if self._last else (GENESIS, 0)
        entries = []
        for kind, body in (*notes, *((order.kind, order.body) for order in orders)):
            sequence += 1
            entry = seal(self.chain, previous, sequence, at=self._now(), kind=kind, body=body)
            entries.append(entry)
            previous = entry.hash
        return entries

    def _succeeded(self, entries: list[Entry], checkpoint: Checkpoint | None) -> None:
        if entries:
            self._last = entries[-1]
            self.lost = 0
            if self._unsigned_since is None:
                self._unsigned_since = time.monotonic()
        if checkpoint:
            self._signed, self._unsigned_since = checkpoint.sequence, None
            # A copy outside of the database: whoever cuts off the chain's end cannot reach it.
            log(
                logger,
                logging.INFO,
                "audit checkpoint",
                chain=self.chain,
                checkpoint=canonical(checkpoint.to_json()),
            )
        if not self._written:
            self._written = True
            log(logger, logging.WARNING, "audit log can be written again", chain=self.chain)

    def _failed(self, orders: list[_Order], error: AuditUnavailable) -> None:
        if self._written:
            log(
                logger,
                logging.ERROR,
                "audit log cannot be written",
                chain=self.chain,
                policy=self.policy,
                detail=error.detail,
            )
        self._written = False
        self._unsigned_since = time.monotonic() if self._unsigned_since is not None else None
        for order in orders:
            if self.policy == "refuse":
                order.done.set_exception(error)
            else:
                self.lost += 1
                order.done.set_result(0)

    def _now(self) -> int:
        return round(self._clock() * _MICROSECONDS)
