"""A live stream's session: its frames, its clock, its link, and what is known over time.

A session outlives its connections. A client that was cut off resumes it within a grace time, and
one whose connection stalls gives it a second; each frame is answered where it came in. One frame of
a session is judged at a time, so that verdicts come in the order of capture, which the temporal
rule needs, and no session takes more than its turn.
"""

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Final

from endolink.model.classifier import Classifier
from endolink.model.errors import (
    DeadlineExceeded,
    FrameError,
    FrameTooLarge,
    Overloaded,
    SessionUnknown,
    ShuttingDown,
    StreamMessageInvalid,
)
from endolink.model.temporal import Change, TemporalRule, Watch
from endolink.model.verdict import Verdict
from endolink.serving.clock import ClientClock
from endolink.serving.condition import Gauge
from endolink.serving.link import LinkAdvisor, Range
from endolink.serving.mailbox import Arrival, Connection, Mailbox
from endolink.serving.road import walk
from endolink.serving.scheduler import Scheduler
from endolink.serving.wire import (
    Alert,
    Condition,
    Dropped,
    Fault,
    Hello,
    Judged,
    Ping,
    Pong,
    Ready,
    ServerMessage,
    StreamFinding,
    StreamFrame,
)

logger = logging.getLogger(__name__)

# The most bytes of one frame of a stream: an uncompressed full-HD picture and a half. Larger ones
# are for the archive.
MAX_FRAME_BYTES: Final = 8 * 2**20
# A client that has gone may come back within this time: a lift, a tunnel, a page that reloads.
GRACE_S: Final = 30.0
# The state is looked at this often; a person sees no delay in it.
TICK_S: Final = 0.25
# Pings at first follow each other quickly, so that ages hold after the first few frames; then they
# are rare: 30 bytes twice a second.
PING_S: Final = 0.5
FIRST_PINGS: Final = 5
FIRST_PING_S: Final = 0.05
# Pings that were not answered are forgotten beyond this many.
_PINGS_OUT: Final = 16
# Our clock and a client's estimate of it may differ by a stalled link, not by more: a client that
# returns with another clock is another client.
_CLOCK_SLACK_S: Final = 5.0
# A capture time ahead of now by more than measuring can explain is wrong.
_AHEAD_S: Final = 1.0
# A connection that is replaced may linger until it is noticed; beyond this many the oldest goes.
CONNECTIONS: Final = 3
RULE: Final = TemporalRule()
# What a frame is thought to take before one was judged, and the weight of the newest.
_FIRST_JUDGING_S: Final = 0.01
_NEWEST: Final = 0.2


class Session:
    """What one client's stream has come to; used from one event loop."""

    def __init__(
        self, name: str, hello: Hello, classifier: Classifier, scheduler: Scheduler
    ) -> None:
        manifest = classifier.bundle.manifest
        self.name = name
        self.model = hello.model
        self._classifier = classifier
        self._scheduler = scheduler
        self._clock = ClientClock(hello.clock_us / 1e6, perf_counter())
        self._mailbox = Mailbox(hello.deadline_ms / 1000)
        self._gauge = Gauge()
        self._advisor = LinkAdvisor(Range.of(manifest.validated_input, manifest.preprocess.size))
        self._watch = Watch(classifier.thresholds, RULE)
        self._watched_s = 0.0
        self._kinds = {finding.code: finding.kind for finding in classifier.findings}
        self._connections: list[Connection] = []
        self._pings: dict[int, float] = {}
        self._ping = 0
        self._quick_pings = 0
        self._pinged_s = 0.0
        self._judging = False
        self._judging_s = _FIRST_JUDGING_S
        self._said: Condition | None = None
        self._arrived = asyncio.Event()
        self._tasks = [asyncio.create_task(self._judge()), asyncio.create_task(self._tick())]

    @property
    def connected(self) -> bool:
        """Whether anybody is there."""
        return any(connection.is_open for connection in self._connections)

    def attach(self, connection: Connection, hello: Hello, *, resumed: bool) -> None:
        """Let a client in, and tell it how the session stands.

        Raises
        ------
        SessionUnknown
            The client comes back with another clock, so that its times would mean nothing here.
        """
        now = perf_counter()
        if resumed and abs(self._clock.theirs(now) - hello.clock_us / 1e6) > _CLOCK_SLACK_S:
            raise SessionUnknown(
                "The clock is not the one that this session began with; begin a new session."
            )
        self._mailbox.deadline_s = hello.deadline_ms / 1000
        self._gauge.heard(now)
        self._connections = [other for other in self._connections if other.is_open]
        self._connections.append(connection)
        for old in self._connections[:-CONNECTIONS]:
            old.close()
        self._quick_pings = FIRST_PINGS
        self._said = self._condition(now)
        findings = self._classifier.findings
        points = self._classifier.thresholds
        connection.send(
            Ready(
                session=self.name,
                resumed=resumed,
                sequence=self._mailbox.newest,
                model=self._classifier.identity,
                findings=tuple(
                    StreamFinding(known.code, known.label, known.kind, points[known.code])
                    for known in findings
                ),
                condition=self._said,
                advice=self._advisor.advice,
                max_frame_bytes=self._max_bytes,
                grace_s=GRACE_S,
            )
        )

    def receive(self, connection: Connection, message: bytes) -> None:
        """Take in a frame's message; whatever is wrong with it is answered, too."""
        now = perf_counter()
        self._gauge.heard(now)
        try:
            frame = StreamFrame.unpack(message)
            captured_s = self._place(frame, now)
        except StreamMessageInvalid as error:
            if error.sequence is None:
                connection.send(Fault(error.code, error.title, error.detail, fatal=False))
            else:
                self._unreadable(connection, error.sequence, error)
            return
        except FrameTooLarge as error:
            self._unreadable(connection, frame.sequence, error)
            return
        if (trip := self._clock.round_trip_s) is not None:
            sent_s = captured_s + frame.sent_after_us / 1e6
            self._advisor.arrived(sent_s, now, len(message), trip)
        arrival = Arrival(frame.sequence, frame, now, captured_s, connection)
        self._report(self._mailbox.put(arrival, now))
        self._arrived.set()

    def pong(self, message: Pong) -> None:
        """Take in the answer to a ping; one that was not asked for says nothing."""
        now = perf_counter()
        self._gauge.heard(now)
        sent = self._pings.pop(message.id, None)
        if sent is not None:
            self._clock.observe(sent, message.clock_us / 1e6, now)

    async def close(self) -> None:
        """End the session, and every connection of it."""
        for connection in self._connections:
            connection.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def _max_bytes(self) -> int:
        return min(MAX_FRAME_BYTES, self._classifier.limits.max_bytes)

    def _place(self, frame: StreamFrame, now: float) -> float:
        """Give a frame's capture time on our clock."""
        captured_s = self._clock.ours(frame.captured_us / 1e6)
        if captured_s > now + _AHEAD_S:
            raise StreamMessageInvalid(
                "The header's capture time is ahead of the client's own clock.", frame.sequence
            )
        if len(frame.image) > self._max_bytes:
            raise FrameTooLarge(f"A stream's frame may have at most {self._max_bytes:,} bytes.")
        return min(captured_s, now)

    async def _judge(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while True:
                item, dropped = self._mailbox.take(perf_counter(), self._judging_s)
                self._report(dropped)
                if item is None:
                    break
                self._judging = True
                await self._judge_one(item)
                self._judging = False

    async def _judge_one(self, item: Arrival) -> None:
        began = perf_counter()
        sequence = item.sequence
        captured_at = datetime.now(UTC) - timedelta(seconds=began - item.captured_s)
        classifier, frame = self._classifier, item.frame
        try:
            verdict = await self._scheduler.run(
                lambda turn: walk(
                    turn,
                    classifier,
                    frame.image,
                    captured_at=captured_at,
                    sequence=sequence,
                    explain="box" if frame.box else "none",
                ),
                client=self.name,
                deadline=item.captured_s + self._mailbox.deadline_s,
            )
        except FrameError as error:
            self._unreadable(item.connection, sequence, error)
        except DeadlineExceeded as error:
            self._report([(item, Dropped(sequence, "late", error.code, error.detail))])
        except (Overloaded, ShuttingDown) as error:
            self._report([(item, Dropped(sequence, "refused", error.code, error.detail))])
        except Exception as error:  # noqa: BLE001 - one frame must not end the stream
            # Its text may quote the frame; its kind may not.
            logger.error("failed stream frame error=%s", type(error).__name__)
            self._gauge.failed(perf_counter())
            detail = "This is a fault of the service, not of the frame."
            self._to(item.connection).send(Dropped(sequence, "refused", "internal", detail))
        else:
            now = perf_counter()
            self._judging_s += _NEWEST * (now - began - self._judging_s)
            self._announce(item, verdict, now)

    def _announce(self, item: Arrival, verdict: Verdict, now: float) -> None:
        connection = self._to(item.connection)
        age_s = now - item.captured_s
        self._gauge.judged(now, age_s, verdict.reasons)
        if (trip := self._clock.round_trip_s) is not None:
            sent_s = item.captured_s + item.frame.sent_after_us / 1e6
            self._advisor.answered(sent_s, now, trip)
        at_s = item.frame.captured_us / 1e6
        if at_s >= self._watched_s:
            self._watched_s = at_s
            chances = {finding.code: finding.probability for finding in verdict.findings}
            changes = self._watch.update(at_s, chances, usable=verdict.usable)
            self._alert([connection], changes)
        condition = self._said = self._condition(now)
        connection.send(
            Judged(
                item.sequence,
                condition.state,
                condition.reason,
                condition.alerts,
                (*(() if verdict.familiar else ("unfamiliar",)), *verdict.reasons),
                verdict,
            )
        )

    async def _tick(self) -> None:
        while True:
            quick = self._quick_pings > 0 and self.connected
            await asyncio.sleep(FIRST_PING_S if quick else TICK_S)
            now = perf_counter()
            self._connections = [other for other in self._connections if other.is_open]
            if quick or now - self._pinged_s >= PING_S:
                self._send_ping(now)
            self._forget(self._clock.theirs(now))
            if (advice := self._advisor.think(now)) is not None:
                self._send(advice)
            condition = self._condition(now)
            if condition != self._said:
                self._said = condition
                self._send(condition)

    def _send_ping(self, now: float) -> None:
        self._pinged_s = now
        self._quick_pings = max(0, self._quick_pings - 1)
        for connection in self._connections:
            number = self._ping = self._ping + 1
            self._pings[number] = now
            connection.send(Ping(number))
        while len(self._pings) > _PINGS_OUT:
            del self._pings[next(iter(self._pings))]

    def _forget(self, time_s: float) -> None:
        """End the alerts that a silence ends; frames of before its end count no more."""
        # A frame that is on its way is no silence: told of it too early, the watch would refuse it.
        underway = self._judging or len(self._mailbox)
        if underway or not 0 < self._watched_s < time_s - RULE.forget_s:
            return
        changes = self._watch.elapse(time_s)
        self._watched_s = time_s
        self._alert(self._connections, changes)

    def _alert(self, connections: Iterable[Connection], changes: Iterable[Change]) -> None:
        for change in changes:
            event = change.event
            message = Alert(
                finding=change.finding,
                kind=self._kinds[change.finding],
                on=change.present,
                at_us=round(change.time_s * 1e6),
                start_us=round(event.start_s * 1e6) if event else None,
                peak_us=round(event.peak_s * 1e6) if event else None,
                peak_probability=event.peak_probability if event else None,
            )
            for connection in connections:
                connection.send(message)

    def _condition(self, now: float) -> Condition:
        present = self._watch.present
        alerts = tuple(code for code in self._kinds if code in present)
        lesion = any(self._kinds[code] == "lesion" for code in alerts)
        state, reason = self._gauge.read(now, alert=lesion)
        return Condition(state, reason, alerts)

    def _unreadable(
        self, connection: Connection, sequence: int, error: FrameError | StreamMessageInvalid
    ) -> None:
        self._gauge.failed(perf_counter())
        self._to(connection).send(Dropped(sequence, "unreadable", error.code, error.detail))

    def _report(self, dropped: Iterable[tuple[Arrival, Dropped]]) -> None:
        for item, message in dropped:
            if message.reason != "repeated":
                self._gauge.dropped(perf_counter())
            self._to(item.connection).send(message)

    def _send(self, message: ServerMessage) -> None:
        for connection in self._connections:
            connection.send(message)

    def _to(self, connection: Connection) -> Connection:
        """Give the connection to answer on: the frame's own, or the newest where that is closed."""
        if connection.is_open:
            return connection
        return next((other for other in reversed(self._connections) if other.is_open), connection)
