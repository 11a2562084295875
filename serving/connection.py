"""One client's connection: how long, how large and how many, before a request is anybody's work.

uvicorn bounds neither the time nor the size of a request's head, and keeps a connection that never
sends one. A thousand of these cost nobody else their turn here.
"""

from asyncio import TimerHandle
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from endolink.serving.cycle import Cycle
from endolink.serving.http import problems

# From the first byte, or the connection itself, to the end of the head: a request over the poorest
# link that still carries a frame takes a second or two.
HEAD_S: Final = 10.0
# The request line and all headers: cookies of a whole hospital fit, a program's mistake does not.
HEAD_BYTES: Final = 32 * 1024
# Requests that may be sent before the first is answered. Nobody's client does (RFC 9112, 9.3.2,
# allows it), and each is kept in memory.
PIPELINED: Final = 8
# A client that takes nothing of its answer for this long has gone.
TAKE_S: Final = 20.0


@dataclass
class Connections:
    """Every connection of one service that waits for a request, the one that waits longest first.

    Where there are more than `most` in all, that one makes room.
    """

    most: int
    idle: dict["BoundedHttp", None] = field(default_factory=dict)

    def rest(self, connection: "BoundedHttp") -> None:
        """Take in that `connection` waits for a request."""
        self.idle.pop(connection, None)
        self.idle[connection] = None

    def work(self, connection: "BoundedHttp") -> None:
        """Take in that it does not: it has a request, or is gone."""
        self.idle.pop(connection, None)

    def make_room(self, newest: "BoundedHttp") -> "BoundedHttp":
        """Choose who goes: the longest idle one, or the newest where all others are busy."""
        longest = next((other for other in self.idle if other is not newest), newest)
        self.work(longest)
        return longest


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's own protocol, with bounds on the head, on idleness and on slow readers.

    `bounded` makes the class for one service, whose connections are `known`.
    """

    known: ClassVar[Connections]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timer: TimerHandle | None = None
        self._take_timer: TimerHandle | None = None
        self._in_head = True
        self._begun = False
        self._fed = 0
        self._told = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.known.rest(self)
        self._await_head()
        if len(self.connections) > self.known.most:
            self.known.make_room(self).transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.known.work(self)
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # A part of a header is kept by the parser until it is whole.
        if self._in_head:
            self._fed += len(data)
        super().data_received(data)
        if self._in_head and self._fed > HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._begun, self._told = True, True, 0
        if self._head_timer is None:
            self._await_head()

    def on_url(self, url: bytes) -> None:
        self._tell(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._tell(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._begun, self._fed = False, False, 0
        self.known.work(self)
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if len(self.pipeline) >= PIPELINED:
            raise ValueError("too many requests at once")
        super().on_headers_complete()
        # Its task begins when this has returned; a WebSocket's has none.
        if type(self.cycle) is RequestResponseCycle:
            self.cycle.__class__ = Cycle

    def on_body(self, body: bytes) -> None:
        # uvicorn would copy each piece twice; of a frame that came in one, this hands that on.
        cycle = self.cycle
        if cycle.body or cycle.response_complete or self.parser.should_upgrade():
            super().on_body(body)
            return
        cycle.body = body  # type: ignore[assignment]
        if len(body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline:
            self.known.rest(self)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words
        if self._told > HEAD_BYTES:
            self._refuse_head()
        elif self.pipeline:
            # An answer here would be taken for that to an earlier request.
            self.transport.abort()
        else:
            self._close_with(HTTPStatus.BAD_REQUEST, "This is not a request that HTTP/1.1 knows.")

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._take_timer is None:
            self._take_timer = self.loop.call_later(TAKE_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._take_timer is not None:
            self._take_timer.cancel()
            self._take_timer = None

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_S, self._head_late)

    def _head_late(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if self._begun:
            self._close_with(
                HTTPStatus.REQUEST_TIMEOUT,
                f"A request's head may take at most {HEAD_S:.0f} s to arrive.",
            )
        else:
            self.transport.close()

    def _tell(self, length: int) -> None:
        self._told += length
        if self._told > HEAD_BYTES:
            raise ValueError("the head is too long")

    def _refuse_head(self) -> None:
        self._close_with(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"A request's line and headers may have at most {HEAD_BYTES} bytes together.",
        )

    def _close_with(self, status: HTTPStatus, detail: str) -> None:
        self._stop_timers()
        response = problems.of_status(status, detail)
        head = [f"HTTP/1.1 {status:d} {status.phrase}\r\nConnection: close\r\n".encode()]
        head += [name + b": " + value + b"\r\n" for name, value in response.raw_headers]
        self.transport.write(b"".join((*head, b"\r\n", bytes(response.body))))
        self.transport.close()

    def _stop_timers(self) -> None:
        for timer in (self._head_timer, self._take_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._take_timer = None


def bounded(most: int) -> type[BoundedHttp]:
    """Make the protocol of one service that keeps at most `most` connections."""

    class Bounded(BoundedHttp):
        known = Connections(most)

    return Bounded
