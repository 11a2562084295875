"""A live stream for programs without an event loop: a thread of its own does the talking.

with Stream("http://127.0.0.1:8000") as stream:
    stream.offer(picture)               # from any thread, as often as the camera has one
    for event in stream.events():       # what has come since, without waiting
        ...
"""

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, Self

from endolink.model.errors import EndoLinkError
from endolink.serving.client.picture import Picture
from endolink.serving.client.statistics import Statistics
from endolink.serving.client.stream import EVENTS, AsyncStream, Event, clock_us

# Closing says goodbye, and waits no longer than this for a link that is down.
_CLOSE_S: Final = 5.0


class Stream:
    """The same as `AsyncStream`, with the same options; its methods may be called by any thread."""

    def __init__(
        self,
        url: str,
        *,
        credential: str | None = None,
        model: str | None = None,
        deadline_ms: int = 1000,
        adapt: bool = True,
        hedge: bool = True,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._stream = AsyncStream(
            url,
            credential=credential,
            model=model,
            deadline_ms=deadline_ms,
            adapt=adapt,
            hedge=hedge,
        )
        self._events: queue.Queue[Event | EndoLinkError] = queue.Queue(EVENTS)
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._talk, name="endolink stream", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_CLOSE_S)

    @property
    def statistics(self) -> Statistics:
        """What became of the frames so far."""
        return self._stream.statistics

    def offer(self, picture: Picture, *, box: bool = False) -> None:
        """Give the newest captured picture, as `AsyncStream.offer`; it was captured now."""
        captured_us = clock_us()
        self._loop.call_soon_threadsafe(
            lambda: self._stream.offer(picture, captured_us=captured_us, box=box)
        )

    def events(self, timeout_s: float = 0.0) -> Iterator[Event]:
        """Give what has come; where nothing has, wait for it up to `timeout_s`.

        Raises
        ------
        EndoLinkError
            As iterating an `AsyncStream` does.
        """
        with suppress(queue.Empty):
            while True:
                event = (
                    self._events.get(timeout=timeout_s) if timeout_s else self._events.get(False)
                )
                timeout_s = 0.0
                if isinstance(event, EndoLinkError):
                    raise event
                yield event

    def _talk(self) -> None:
        # A connection that was just being made is closed in the next turns: here they are taken.
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        async with self._stream:
            listening = asyncio.create_task(self._listen())
            await self._stop.wait()
        await listening

    async def _listen(self) -> None:
        try:
            async for event in self._stream:
                self._keep(event)
        except EndoLinkError as error:
            self._keep(error)

    def _keep(self, event: Event | EndoLinkError) -> None:
        if self._events.full():
            with suppress(queue.Empty):
                self._events.get_nowait()
        self._events.put_nowait(event)
