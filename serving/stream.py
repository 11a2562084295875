"""A live stream's session: its frames, its clock, its link, and what is known over time.

A session outlives its connections. A client that was cut off resumes it within a grace time, and
one whose connection stalls gives it a second; each frame is answered where it came in. One frame of
a session is judged at a time, so that verdicts come in the order of capture, which the temporal
rule needs, and no session takes more than its turn. What waits for a turn is the session: which of
its frames is judged is chosen when the turn comes, so that none grows old in a queue.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Final

from endolink.model.classifier import Classifier
from endolink.model.errors import (
    DeadlineExceeded,
    FrameError,
    FrameTooLarge,
    ModelUnknown,
    Overloaded,
    SessionUnknown,
    ShuttingDown,
    StreamMessageInvalid,
)
from endolink.model.verdict import Verdict
from endolink.serving.alerting import Alerting
from endolink.serving.choice import Choice
from endolink.serving.clock import ClientClock
from endolink.serving.condition import Gauge
from endolink.serving.link import LinkAdvisor, Range
from endolink.serving.mailbox import Arrival, Connection, Mailbox
from endolink.serving.models import Models
from endolink.serving.pings import FIRST_PING_S, Pings
from endolink.serving.scheduler import Scheduler
from endolink.serving.stream_metrics import StreamCounts
from endolink.serving.wire import (
    Advice,
    Alert,
    Condition,
    Dropped,
    Fault,
    Hello,
    Judged,
    Pong,
    Ready,
    ServerMessage,
    StreamFinding,
    StreamFrame,
    Switched,
)

if TYPE_CHECKING:
    from endolink.serving.tracing import Traces  # an extra

logger = logging.getLogger(__name__)

# The most bytes of one frame of a stream: an uncompressed full-HD picture and a half. Larger ones
# are for the archive.
MAX_FRAME_BYTES: Final = 8 * 2**20
# A client that has gone may come back within this time: a lift, a tunnel, a page that reloads.
GRACE_S: Final = 30.0
# The state is looked at this often; a person sees no delay in it.
TICK_S: Final = 0.25
# Our clock and a client's estimate of it may differ by a stalled link, not by more: a client that
# returns with another clock is another client.
_CLOCK_SLACK_S: Final = 5.0
# A capture time ahead of now by more than measuring can explain is wrong.
_AHEAD_S: Final = 1.0
# A connection that is replaced may linger until it is noticed; beyond this many the oldest goes.
CONNECTIONS: Final = 3
# What a frame is thought to take before one was judged, and the weight of the newest.
_FIRST_JUDGING_S: Final = 0.01
_NEWEST: Final = 0.2


class Session:
    """What one client's stream has come to; used from one event loop.

    Its model is the one that `hello` names, in the version that answers when a frame's turn comes.
    `keep` is shown each frame with its verdict, where frames are kept, and waits for nothing.
    Raises ModelUnknown where there is none.
    """

    def __init__(
        self,
        name: str,
        hello: Hello,
        models: Models,
        scheduler: Scheduler,
        *,
        counts: StreamCounts,
        traces: "Traces | None" = None,
        keep: Callable[[bytes, Verdict], None] | None = None,
    ) -> None:
        self.name = name
        self.model = hello.model
        self._models = models
        self._classifier = classifier = models.get(hello.model)
        self._scheduler = scheduler
        self._counts = counts
        self._traces = traces
        self._keep = keep
        self._clock = ClientClock(hello.clock_us / 1e6, perf_counter())
        self._mailbox = Mailbox(hello.deadline_ms / 1000)
        self._gauge = Gauge()
        self._advisor = LinkAdvisor(_pictures(classifier))
        self._alerting = Alerting(classifier)
        self._connections: list[Connection] = []
        self._pings = Pings()
        self._judging = False
        self._judging_s = _FIRST_JUDGING_S
        self._said: Condition = self._condition(perf_counter())
        self._arrived = asyncio.Event()
        self._tasks = [asyncio.create_task(self._judge()), asyncio.create_task(self._tick())]

    @property
    def connected(self) -> bool:
        """Whether anybody is there."""
        return any(connection.is_open for connection in self._connections)

    @property
    def condition(self) -> Condition:
        """How the stream is, as it was last told."""
        return self._said

    @property
    def advice(self) -> Advice:
        """What the client is to send."""
        return self._advisor.advice

    @property
    def round_trip_s(self) -> float | None:
        """The least round trip of late; None before the first was measured."""
        return self._clock.round_trip_s

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
        self._pings.begin()
        self._said = self._condition(now)
        connection.send(
            Ready(
                session=self.name,
                resumed=resumed,
                sequence=self._mailbox.newest,
                model=self._classifier.identity,
                findings=_findings(self._classifier),
                condition=self._said,
                advice=self.advice,
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
                self._counts.fault(error.code)
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
        sent = self._pings.answered(message.id)
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
            while len(self._mailbox):
                self._follow_models()
                self._judging = True
                await self._judge_one()
                self._judging = False

    async def _judge_one(self) -> None:
        """Wait for a turn, and judge the frame that is the one to judge when it comes."""
        asked = perf_counter()
        choice = Choice(self._mailbox, self._classifier, self._judging_s, self._traces)
        try:
            verdict = await self._scheduler.judge(choice.judge, client=self.name)
        except Exception as error:  # noqa: BLE001 - one frame must not end the stream
            # At the door no frame was chosen yet: the one that would have been is refused.
            item = choice.item or choice.take()
            self._report(choice.dropped)
            if item is not None:
                self._failed(item, error)
        else:
            self._report(choice.dropped)
            if choice.item is not None and verdict is not None:
                now = perf_counter()
                self._judging_s += _NEWEST * (now - asked - self._judging_s)
                self._announce(choice.item, verdict, now)
        finally:
            choice.end()

    def _failed(self, item: Arrival, error: Exception) -> None:
        """Tell of a frame that got no verdict why."""
        sequence = item.sequence
        match error:
            case FrameError():
                self._unreadable(item.connection, sequence, error)
            case DeadlineExceeded():
                self._report([(item, Dropped(sequence, "late", error.code, error.detail))])
            case Overloaded() | ShuttingDown():
                self._report([(item, Dropped(sequence, "refused", error.code, error.detail))])
            case _:
                # Its text may quote the frame; its kind may not.
                logger.error("failed stream frame error=%s", type(error).__name__)
                self._gauge.failed(perf_counter())
                detail = "This is a fault of the service, not of the frame."
                self._drop(item.connection, Dropped(sequence, "refused", "internal", detail))

    def _announce(self, item: Arrival, verdict: Verdict, now: float) -> None:
        connection = self._to(item.connection)
        age_s = now - item.captured_s
        self._gauge.judged(now, age_s, verdict.reasons)
        if (trip := self._clock.round_trip_s) is not None:
            sent_s = item.captured_s + item.frame.sent_after_us / 1e6
            self._advisor.answered(sent_s, now, trip)
        self._counts.judged(age_s)
        self._alert([connection], self._alerting.judged(item.frame.captured_us, verdict))
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
        if self._keep is not None:
            self._keep(item.frame.image, verdict)

    async def _tick(self) -> None:
        while True:
            quick = self._pings.quick and self.connected
            await asyncio.sleep(FIRST_PING_S if quick else TICK_S)
            now = perf_counter()
            self._connections = [other for other in self._connections if other.is_open]
            if self._pings.due(now):
                pings = self._pings.round(len(self._connections), now)
                for connection, ping in zip(self._connections, pings, strict=True):
                    connection.send(ping)
            # A frame that is on its way is no silence: told of it too early, the alerts of before
            # it would end.
            if not (self._judging or len(self._mailbox)):
                self._alert(self._connections, self._alerting.elapse(self._clock.theirs(now)))
                self._follow_models()
            before = self.advice
            if (advice := self._advisor.think(now)) is not None:
                self._counts.advised(before, advice)
                self._send(advice)
            condition = self._condition(now)
            if condition != self._said:
                self._said = condition
                self._send(condition)

    def _follow_models(self) -> None:
        """Go on with the version that answers now; between two frames, so that none is mixed."""
        try:
            classifier = self._models.get(self.model)
        except ModelUnknown:
            # Taken away while somebody watches: what they began with goes on to their end.
            return
        if classifier is self._classifier:
            return
        self._alert(self._connections, self._alerting.adopt(classifier))
        self._classifier = classifier
        self._advisor.adopt(_pictures(classifier))
        self._counts.switched()
        self._send(Switched(classifier.identity, _findings(classifier)))
        self._send(self.advice)

    def _alert(self, connections: Iterable[Connection], alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            self._counts.alerted(self._classifier.identity.name, [alert])
            for connection in connections:
                connection.send(alert)

    def _condition(self, now: float) -> Condition:
        state, reason = self._gauge.read(now, alert=self._alerting.lesion)
        return Condition(state, reason, self._alerting.on)

    def _unreadable(
        self, connection: Connection, sequence: int, error: FrameError | StreamMessageInvalid
    ) -> None:
        self._gauge.failed(perf_counter())
        self._drop(connection, Dropped(sequence, "unreadable", error.code, error.detail))

    def _report(self, dropped: Iterable[tuple[Arrival, Dropped]]) -> None:
        for item, message in dropped:
            if message.reason != "repeated":
                self._gauge.dropped(perf_counter())
            self._drop(item.connection, message)

    def _drop(self, connection: Connection, message: Dropped) -> None:
        self._counts.dropped(message.reason, message.code)
        self._to(connection).send(message)

    def _send(self, message: ServerMessage) -> None:
        for connection in self._connections:
            connection.send(message)

    def _to(self, connection: Connection) -> Connection:
        """Give the connection to answer on: the frame's own, or the newest where that is closed."""
        if connection.is_open:
            return connection
        return next((other for other in reversed(self._connections) if other.is_open), connection)


def _pictures(classifier: Classifier) -> Range:
    manifest = classifier.bundle.manifest
    return Range.of(manifest.validated_input, manifest.preprocess.size)


def _findings(classifier: Classifier) -> tuple[StreamFinding, ...]:
    points = classifier.thresholds
    return tuple(
        StreamFinding(
            known.code,
            known.label,
            known.kind,
            points[known.code],
            {"en": known.label, "zh": known.label_zh},
        )
        for known in classifier.findings
    )
