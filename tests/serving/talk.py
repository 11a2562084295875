"""A client that speaks a stream's protocol word for word: it holds what the server said."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from endolink.serving.wire import (
    Hello,
    Ping,
    Pong,
    Ready,
    ServerMessage,
    StreamFrame,
    dump,
    read_server,
)

Kind = TypeVar("Kind")


def clock_us() -> int:
    return perf_counter_ns() // 1000


@dataclass
class Talk:
    """One open connection; pings are answered, everything else is kept in `heard`."""

    socket: ClientConnection
    heard: list[ServerMessage] = field(default_factory=list)
    closed: tuple[int, str] | None = None
    pings: int = 0

    async def listen(self) -> None:
        try:
            async for text in self.socket:
                message = read_server(str(text))
                if isinstance(message, Ping):
                    await self.socket.send(dump(Pong(message.id, clock_us())))
                    self.pings += 1
                elif message is not None:
                    self.heard.append(message)
        except ConnectionClosed:
            pass
        self.closed = (self.socket.close_code or 0, self.socket.close_reason or "")

    async def until(self, met: Callable[[], object], seconds: float = 10) -> None:
        """Wait until a condition is met."""
        async with asyncio.timeout(seconds):
            while not met():
                await asyncio.sleep(0.005)

    def all(self, kind: type[Kind]) -> list[Kind]:
        return [message for message in self.heard if isinstance(message, kind)]

    async def one(self, kind: type[Kind]) -> Kind:
        """Wait for the next message of a kind, and take it out."""
        await self.until(lambda: self.all(kind))
        message = self.all(kind)[0]
        self.heard.remove(message)  # type: ignore[arg-type]
        return message

    async def frame(self, sequence: int, image: bytes, *, age_us: int = 0) -> None:
        await self.socket.send(StreamFrame(sequence, clock_us() - age_us, image).pack())


@asynccontextmanager
async def talk(url: str, hello: Hello | None = None, *, greet: bool = True) -> AsyncIterator[Talk]:
    """Connect, say hello (or `hello`), and listen."""
    address = url.replace("http", "ws", 1) + "/v1/streams"
    async with connect(address, compression=None, proxy=None) as socket:
        conversation = Talk(socket)
        listening = asyncio.create_task(conversation.listen())
        if greet:
            # A busy machine is no fault of the service: frames may take this long.
            await socket.send(dump(hello or Hello(clock_us(), deadline_ms=10_000)))
        yield conversation
        await socket.close()
        await listening


async def greeted(conversation: Talk) -> Ready:
    """Wait for the answer to the hello."""
    return await conversation.one(Ready)
