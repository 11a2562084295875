"""`/v1/streams`: a WebSocket with frames in and verdicts out, for as long as a client watches."""

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from endolink.model.errors import (
    EndoLinkError,
    Overloaded,
    RequestInvalid,
    StreamMessageInvalid,
)
from endolink.serving.access.principal import Principal
from endolink.serving.audit.record import STREAM_S, Covered, Recorder
from endolink.serving.service import Service
from endolink.serving.sessions import Sessions
from endolink.serving.stream import Session
from endolink.serving.wire import (
    Alert,
    Bye,
    Fault,
    Hello,
    Judged,
    Pong,
    ServerMessage,
    dump,
    read_client,
)

# A client says hello at once: this long covers a stalled first round trip.
HELLO_S: Final = 10.0
# Clients answer two pings a second; one that says nothing for this long is not there.
IDLE_S: Final = 30.0
# Messages that wait for a client which does not read: ten seconds of verdicts. They are worthless
# by then, and it is cut off.
OUTBOX: Final = 256
# How often it is looked whether a client that sends quicker than it reads has caught up.
_SETTLE_S: Final = 0.005
# How long a stream goes on after its key was revoked, or its token has expired.
RECHECK_S: Final = 10.0

# RFC 6455, section 7.4.1.
_NORMAL, _POLICY, _TRY_AGAIN = 1000, 1008, 1013


class _Socket:
    """A WebSocket to which messages are given without waiting."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.covered = Covered()
        self._outbox: asyncio.Queue[str | int] = asyncio.Queue()
        self.is_open = True

    def send(self, message: ServerMessage) -> None:
        if not self.is_open:
            return
        if self._outbox.qsize() >= OUTBOX:
            self.close(_POLICY)
        else:
            written = dump(message)
            if isinstance(message, Judged):
                self.covered.verdict(message.sequence, message.verdict.model.digest, written)
            elif isinstance(message, Alert):
                self.covered.alert(message.finding, on=message.on)
            self._outbox.put_nowait(written)

    def close(self, code: int = _NORMAL) -> None:
        """Close it, after what was already given to it."""
        if self.is_open:
            self.is_open = False
            self._outbox.put_nowait(code)

    async def write(self) -> None:
        """Send what is given, until it is closed."""
        with suppress(WebSocketDisconnect, RuntimeError):
            while isinstance(item := await self._outbox.get(), str):
                await self._websocket.send_text(item)
            await self._websocket.close(item)
        self.is_open = False

    async def read(self, within_s: float) -> str | bytes | None:
        """Give the next message; None where the client has gone, TimeoutError if none comes.

        Nothing is read while the answers to what came before pile up.
        """
        while self.is_open and self._outbox.qsize() >= OUTBOX // 2:
            await asyncio.sleep(_SETTLE_S)
        async with asyncio.timeout(within_s):
            message = await self._websocket.receive()
        if message["type"] != "websocket.receive":
            self.is_open = False
            return None
        text: str | None = message.get("text")
        data: bytes = message.get("bytes") or b""
        return data if text is None else text


async def stream(websocket: WebSocket) -> None:
    """Judge a live stream: say hello, send frames, read verdicts; `docs/streams.md` has it all."""
    sessions: Sessions = websocket.app.state.sessions
    service: Service = websocket.app.state.service
    if not _from_our_page(websocket, service.settings.origins):
        # Before it is accepted this is an HTTP answer, 403.
        await websocket.close(_POLICY)
        return
    await websocket.accept()
    socket = _Socket(websocket)
    writing = asyncio.create_task(socket.write())
    try:
        await _serve(socket, sessions, service)
    finally:
        socket.close()
        # Whoever reads nothing any more does not keep us.
        done, _ = await asyncio.wait([writing], timeout=1)
        if not done:
            writing.cancel()


def _from_our_page(websocket: WebSocket, origins: tuple[str, ...]) -> bool:
    """Say whether no browser, our own page, or a site of `origins` opens this connection.

    Browsers let any page open a WebSocket to anywhere (RFC 6455, section 10.2).
    """
    origin = websocket.headers.get("origin")
    if origin is None or origin in origins:
        return True
    return urlsplit(origin).netloc == websocket.headers.get("host", "")


async def _serve(socket: _Socket, sessions: Sessions, service: Service) -> None:
    try:
        hello = await _hello(socket, sessions)
        if hello is None:
            return
        principal = await service.gate.admit(hello.credential, "stream")
        session = sessions.enter(hello, socket, owner=principal.name)
    except EndoLinkError as error:
        socket.send(_fault(sessions, error, fatal=True))
        socket.close(_TRY_AGAIN if isinstance(error, Overloaded) else _POLICY)
        return
    visit = _Visit(socket, session, principal, hello.credential)
    watching = asyncio.create_task(_watch(visit, service, sessions))
    try:
        ended = await _converse(socket, session, sessions)
    finally:
        socket.close()
        sessions.leave(session)
        watching.cancel()
        if service.audit:
            await _note(visit, service.audit, sessions)
    if ended:
        sessions.end(session)


@dataclass(frozen=True)
class _Visit:
    """One connection to one session, and who came by it."""

    socket: _Socket
    session: Session
    principal: Principal
    credential: str | None

    @property
    def name(self) -> str:
        """What the audit log calls the session: its own name is a secret."""
        return hashlib.sha256(self.session.name.encode()).hexdigest()[:16]


async def _watch(visit: _Visit, service: Service, sessions: Sessions) -> None:
    """Note each second what was answered, and end the visit with what allowed it."""
    checked = perf_counter()
    while visit.socket.is_open:
        await asyncio.sleep(STREAM_S)
        if service.audit:
            await _note(visit, service.audit, sessions)
        if service.gate.closed and perf_counter() - checked >= RECHECK_S:
            checked = perf_counter()
            try:
                await service.gate.admit(visit.credential, "stream")
            except EndoLinkError as error:
                visit.socket.send(_fault(sessions, error, fatal=True))
                visit.socket.close(_POLICY)


async def _note(visit: _Visit, audit: Recorder, sessions: Sessions) -> None:
    socket = visit.socket
    try:
        await audit.stream(visit.principal.name, visit.name, socket.covered)
    except EndoLinkError as error:
        socket.send(_fault(sessions, error, fatal=True))
        socket.close(_TRY_AGAIN)


async def _hello(socket: _Socket, sessions: Sessions) -> Hello | None:
    """Wait for the hello; None where the client has gone.

    Raises
    ------
    StreamMessageInvalid
        What came instead was none: to try again would change nothing.
    RequestInvalid
        Nothing came in time: its link may be down, and to try again is right.
    """
    wrong: StreamMessageInvalid | None = None
    try:
        async with asyncio.timeout(HELLO_S):
            while (message := await socket.read(HELLO_S)) is not None:
                try:
                    if isinstance(message, str):
                        said = read_client(message)
                        if isinstance(said, Hello):
                            return said
                    raise StreamMessageInvalid("The first message is a hello; frames follow it.")
                except StreamMessageInvalid as error:
                    wrong = error
                    socket.send(_fault(sessions, error, fatal=False))
    except TimeoutError:
        if wrong is not None:
            raise wrong from None
        raise RequestInvalid(f"The first message is a hello, within {HELLO_S:.0f} s.") from None
    return None


async def _converse(socket: _Socket, session: Session, sessions: Sessions) -> bool:
    """Take in what a client sends; say whether it ended the session rather than just leave."""
    while True:
        try:
            message = await socket.read(IDLE_S)
        except TimeoutError:
            detail = f"Nothing came for {IDLE_S:.0f} s; connect again to resume."
            socket.send(_fault(sessions, RequestInvalid(detail), fatal=True))
            return False
        if message is None:
            return False
        if isinstance(message, bytes):
            session.receive(socket, message)
            continue
        try:
            said = read_client(message)
        except StreamMessageInvalid as error:
            socket.send(_fault(sessions, error, fatal=False))
            continue
        if isinstance(said, Pong):
            session.pong(said)
        elif isinstance(said, Bye):
            socket.send(Bye())
            return True
        else:
            again = StreamMessageInvalid("A connection says hello once.")
            socket.send(_fault(sessions, again, fatal=False))


def _fault(sessions: Sessions, error: EndoLinkError, *, fatal: bool) -> Fault:
    sessions.counts.fault(error.code)
    retry_after = error.retry_after if isinstance(error, Overloaded) else None
    return Fault(error.code, error.title, error.detail, fatal, retry_after)


ROUTE = WebSocketRoute("/v1/streams", stream)
