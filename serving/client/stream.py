"""A live stream for an event loop: offer what is captured, and read what the service says of it.

async with AsyncStream("http://127.0.0.1:8000") as stream:
    async for event in stream:          # while another task calls stream.offer(picture)
        ...

The freshest frame goes first: one that could not be sent when the next was captured never is. Size,
quality, rate and window follow the service's advice. Two connections are open, and where one stalls
the next frame takes the other; one that breaks is opened again, and the session goes on.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter_ns
from typing import Final, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from endolink.model.errors import (
    EndoLinkError,
    Forbidden,
    FrameUnsupported,
    ModelUnknown,
    Overloaded,
    SessionUnknown,
    StreamMessageInvalid,
    Unauthenticated,
)
from endolink.serving.client.flight import Flight
from endolink.serving.client.pace import Pace, Retry
from endolink.serving.client.picture import Picture, encode
from endolink.serving.client.problem import as_error
from endolink.serving.client.statistics import Statistics
from endolink.serving.wire import (
    Advice,
    Alert,
    Bye,
    Condition,
    Dropped,
    Fault,
    Hello,
    Judged,
    Ping,
    Pong,
    Ready,
    ServerMessage,
    StreamFrame,
    Switched,
    dump,
    read_server,
)

# The protocol's own connections are up within a few round trips, or not at all.
CONNECT_S: Final = 5.0
# Events that nobody reads are kept as long as this many newer ones do not push them out.
EVENTS: Final = 1000
# How often a stall is looked for: a fraction of the shortest.
_LOOK_S: Final = 0.02
# More than a connection holds back before it is given up.
_ECHOES: Final = 50
# What no further try mends: it is raised.
_FINAL: Final = (ModelUnknown, StreamMessageInvalid, Unauthenticated, Forbidden)


@dataclass(frozen=True)
class Answer:
    """A verdict, and how old it is: from the frame's capture to now, in milliseconds."""

    judged: Judged
    age_ms: float


Event = Answer | Dropped | Alert | Condition | Advice | Ready | Switched
"""Every frame that is offered becomes one Answer or one Dropped; the others tell of the stream."""


def clock_us() -> int:
    """Read the clock that capture times are of, in microseconds; it never goes back."""
    return perf_counter_ns() // 1000


@dataclass(frozen=True)
class _Captured:
    sequence: int
    at_us: int
    picture: Picture
    box: bool


class _Lane:
    """One connection of the session."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.flight = Flight()
        self.sending: asyncio.Task[None] | None = None
        # What came over the other connection already, and is still to come over this one.
        self.echoes: deque[Condition] = deque(maxlen=_ECHOES)

    def room(self, window: int) -> bool:
        busy = self.sending is not None and not self.sending.done()
        return not busy and len(self.flight) < window

    def send(self, sequence: int, message: bytes) -> None:
        self.flight.send(sequence, clock_us() / 1e6)
        self.sending = asyncio.create_task(self._send(message))

    async def _send(self, message: bytes) -> None:
        # A connection that breaks is noticed, and told, where it is read.
        with suppress(WebSocketException, OSError):
            await self.socket.send(message)


class AsyncStream:
    """One session with the service at `url`; used from one event loop.

    With `adapt` False nothing is asked of the service: pictures are sent with `side` and `quality`
    for good. With `hedge` False there is one connection. A frame older than `deadline_ms` is not
    judged. `credential` is an API key or an access token, where the service asks who is there.
    """

    def __init__(
        self,
        url: str,
        *,
        credential: str | None = None,
        model: str | None = None,
        deadline_ms: int = 1000,
        adapt: bool = True,
        hedge: bool = True,
        side: int = 320,
        quality: int = 75,
    ) -> None:
        self._address = url.replace("http", "ws", 1).rstrip("/") + "/v1/streams"
        self._hello = Hello(0, model=model, deadline_ms=deadline_ms, credential=credential)
        self._adapt = adapt
        self._fixed = (side, quality)
        self._lanes: list[_Lane | None] = [None, None] if hedge else [None]
        self._active = 0
        self._events: asyncio.Queue[Event | EndoLinkError | None] = asyncio.Queue()
        self._next: _Captured | None = None
        self._sequence = 0
        self._captured_us: dict[int, int] = {}
        self._wake = asyncio.Event()
        self._pace = Pace()
        self._tasks: list[asyncio.Task[None]] = []
        self._over = False
        self.ready: Ready | None = None
        self.advice: Advice | None = None
        self._switched: Switched | None = None
        self._alerts: dict[str, Alert] = {}  # the last of each finding
        self.statistics = Statistics()

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._send())]
        self._tasks += [asyncio.create_task(self._keep(index)) for index in range(len(self._lanes))]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def connected(self) -> bool:
        """Whether a connection is up."""
        return any(self._lanes)

    async def close(self) -> None:
        """End the session; whoever iterates is let go."""
        self._over = True
        self._tell(None)
        for lane in self._lanes:
            if lane is not None:
                with suppress(WebSocketException, OSError, TimeoutError):
                    async with asyncio.timeout(1):
                        await lane.socket.send(dump(Bye()))
                        await lane.socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def offer(self, picture: Picture, *, captured_us: int | None = None, box: bool = False) -> int:
        """Give the newest captured picture; it is sent when there is room, unless a newer comes.

        `captured_us` is when it was captured, by `clock_us`; now where it is not given. `box` asks
        where each finding is. Gives the frame's sequence number.
        """
        sequence, self._sequence = self._sequence, self._sequence + 1
        at_us = clock_us() if captured_us is None else captured_us
        self.statistics.captured += 1
        if self._next is not None:
            self._drop(Dropped(self._next.sequence, "superseded"))
        self._next = _Captured(sequence, at_us, picture, box)
        self._wake.set()
        return sequence

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        """Give what comes next.

        Raises
        ------
        EndoLinkError
            The service refuses the session for good: no such model, credentials that it does not
            know or that do not suffice, or a message it cannot read.
        """
        event = await self._events.get()
        if event is None:
            raise StopAsyncIteration
        if isinstance(event, EndoLinkError):
            raise event
        return event

    async def _send(self) -> None:
        while True:
            if self._next is None:
                await self._wake.wait()
            else:
                # One waits: it takes the other connection where this one stalls.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._wake.wait()
            self._wake.clear()
            while (lane := self._choose()) is not None and self._next is not None:
                now = clock_us() / 1e6
                if (wait := self._pace.wait_s(now)) > 0:
                    asyncio.get_running_loop().call_later(wait, self._wake.set)
                    break
                self._pace.go(now, self.advice.fps if self.advice and self._adapt else 1000)
                captured, self._next = self._next, None
                await self._encode_and_send(lane, captured)

    async def _encode_and_send(self, lane: _Lane, captured: _Captured) -> None:
        side, quality = self._fixed
        if self._adapt and self.advice is not None:
            side, quality = self.advice.side, self.advice.quality
        try:
            # Pillow lets go of the interpreter's lock: what comes meanwhile is read meanwhile.
            image = (
                captured.picture
                if isinstance(captured.picture, bytes)
                else await asyncio.to_thread(encode, captured.picture, side, quality)
            )
            sent_after_us = max(0, clock_us() - captured.at_us)
            frame = StreamFrame(
                captured.sequence, captured.at_us, image, sent_after_us, box=captured.box
            )
            message = frame.pack()
        except Exception as error:  # noqa: BLE001 - one picture must not end the stream
            code = FrameUnsupported.code
            self._drop(Dropped(captured.sequence, "unreadable", code, f"Not sent: {error}"))
            return
        if lane not in self._lanes:
            self._drop(Dropped(captured.sequence, "lost"))
            return
        self._captured_us[captured.sequence] = captured.at_us
        self.statistics.sent += 1
        self.statistics.sent_bytes += len(image)
        lane.send(captured.sequence, message)

    def _choose(self) -> _Lane | None:
        """Give the connection that the next frame takes; None where none has room."""
        now = clock_us() / 1e6
        window = self.advice.window if self.advice else 1
        active = self._lanes[self._active]
        if active is None or active.flight.stalled(now):
            for index, lane in enumerate(self._lanes):
                if lane is not None and lane is not active and not lane.flight.stalled(now):
                    self.statistics.hedged += active is not None
                    self._active, active = index, lane
                    break
        # Of two that are well the one with fewer frames under way: what one repairs, and all
        # that stands behind it, then holds up half of the frames, and over a long and lossy way
        # two carry twice as much as TCP allows one.
        well = [lane for lane in self._lanes if lane is not None and not lane.flight.stalled(now)]
        lane = min(well, key=lambda lane: (len(lane.flight), lane is not active), default=active)
        under_way = sum(len(lane.flight) for lane in well)
        return lane if lane is not None and under_way < window and lane.room(window) else None

    async def _keep(self, index: int) -> None:
        """Keep one connection open."""
        retry = Retry()
        while not self._over:
            # The second needs the session that the first begins.
            while index > 0 and self.ready is None:
                await asyncio.sleep(_LOOK_S)
            socket: ClientConnection | None = None
            try:
                resume = self.ready.session if self.ready else None
                async with connect(
                    self._address,
                    compression=None,
                    open_timeout=CONNECT_S,
                    ping_interval=None,
                    close_timeout=1,
                    max_size=None,
                    proxy=None,
                ) as socket:
                    await self._converse(index, socket, retry, resume)
            except SessionUnknown:
                # Unless the other connection has begun another meanwhile.
                if self.ready is not None and self.ready.session == resume:
                    self.ready = None
            except _FINAL as error:
                self._tell(error)
                return
            except Overloaded as error:
                await asyncio.sleep(error.retry_after)
            except (EndoLinkError, WebSocketException, OSError, TimeoutError):
                # It went, or was never there: that is what the next try is for.
                pass
            finally:
                # Whoever is cancelled while it says goodbye has not closed it.
                if socket is not None:
                    socket.transport.abort()
                self._lose(index)
            await asyncio.sleep(retry.delay_s())

    async def _converse(
        self, index: int, socket: ClientConnection, retry: Retry, resume: str | None
    ) -> None:
        await socket.send(dump(replace(self._hello, clock_us=clock_us(), resume=resume)))
        lane = _Lane(socket)
        watching = asyncio.create_task(self._watch(lane))
        try:
            async for text in socket:
                message = read_server(str(text))
                if message is None:
                    continue  # a newer service's: told to those who know it
                if isinstance(message, Ping):
                    await socket.send(dump(Pong(message.id, clock_us())))
                    continue
                if isinstance(message, Ready):
                    retry.succeeded()
                    self._lanes[index] = lane
                    self._wake.set()
                    if index > 0:  # the second connection tells nothing new
                        continue
                    self.statistics.reconnects += message.resumed
                self._hear(lane, message)
        finally:
            watching.cancel()

    async def _watch(self, lane: _Lane) -> None:
        """Give up a connection that stays stalled."""
        while not lane.flight.dead(clock_us() / 1e6):
            await asyncio.sleep(_LOOK_S * 5)
        lane.socket.transport.abort()

    def _hear(self, lane: _Lane, message: ServerMessage) -> None:
        if isinstance(message, Fault):
            error = as_error(
                {"code": message.code, "detail": message.detail, "retry_after": message.retry_after}
            )
            if message.fatal:
                raise error
            return
        if isinstance(message, Judged | Dropped):
            self._answered(lane, message)
        elif isinstance(message, Ready | Switched | Advice | Alert | Condition):
            if message in (self.advice, self._switched, *self._alerts.values()):
                return  # it came over the other connection, too
            if isinstance(message, Condition) and self._is_echo(lane, message):
                return
            if isinstance(message, Alert):
                self._alerts[message.finding] = message
            elif isinstance(message, Switched):
                self._switched = message
                if self.ready is not None:
                    self.ready = replace(self.ready, model=message.model, findings=message.findings)
            if isinstance(message, Ready):
                self.ready = message
                self.advice = message.advice
            elif isinstance(message, Advice):
                self.advice = message
            self._tell(message)

    def _is_echo(self, lane: _Lane, message: Condition) -> bool:
        """Say whether `message` came over the other connection; it may be news to come again."""
        if message in lane.echoes:
            lane.echoes.remove(message)
            return True
        for other in self._lanes:
            if other is not None and other is not lane:
                other.echoes.append(message)
        return False

    def _answered(self, lane: _Lane, message: Judged | Dropped) -> None:
        now_us = clock_us()
        for other in self._lanes:
            if other is not None:
                other.flight.answer(message.sequence, now_us / 1e6)
        lane.flight.answer(message.sequence, now_us / 1e6)
        if self._next is not None:
            self._wake.set()
        captured_us = self._captured_us.pop(message.sequence, None)
        if captured_us is None:
            return
        if isinstance(message, Dropped):
            self._drop(message)
            return
        age_ms = (now_us - captured_us) / 1000
        self.statistics.judged += 1
        self.statistics.ages_ms.append(age_ms)
        self._tell(Answer(message, age_ms))

    def _tell(self, event: Event | EndoLinkError | None) -> None:
        if self._events.qsize() >= EVENTS:
            self._events.get_nowait()
        self._events.put_nowait(event)

    def _drop(self, message: Dropped) -> None:
        self.statistics.dropped[message.reason] += 1
        self._tell(message)

    def _lose(self, index: int) -> None:
        """Take in that a connection is gone, and what was under way with it."""
        lane, self._lanes[index] = self._lanes[index], None
        for sequence in lane.flight.sequences if lane else ():
            if self._captured_us.pop(sequence, None) is not None:
                self._drop(Dropped(sequence, "lost"))
