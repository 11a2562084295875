import asyncio
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from endolink import sample_data
from endolink.model.errors import EndoLinkError, Forbidden, ModelUnknown, Unauthenticated
from endolink.serving.access.keys import KeyRing
from endolink.serving.client.picture import Picture, encode
from endolink.serving.client.stream import Answer, AsyncStream, Event
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from endolink.serving.wire import Alert, Condition, Dropped, Ready, Switched
from tests.bundles import tiny_bundle
from tests.serving.service import Running, picture, serve

LARGE = Image.open(BytesIO(picture(size=(1280, 1024))))
POLYP = Image.open(next(path for path in sample_data.frames() if path.stem == "polyp-sessile"))

# A busy machine is no fault of the client: frames may take this long.
SLOW_MS = 10_000


class Wire:
    """A TCP relay before the service, which can be cut and can be made to stall."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.stalled: set[int] = set()
        self.refusing = False
        self._going = threading.Event()
        self._going.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        try:
            while True:
                near, _ = self.listener.accept()
                if self.refusing:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                number = len(self._pairs)
                self._pairs.append((near, far))
                for source, sink in ((near, far), (far, near)):
                    arguments = (number, source, sink)
                    threading.Thread(target=self._carry, args=arguments, daemon=True).start()
        except OSError:
            return

    def _carry(self, number: int, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                while number in self.stalled:
                    threading.Event().wait(0.01)
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                end.close()

    def cut(self) -> None:
        for pair in self._pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


@contextmanager
def wired(running: Running) -> Iterator[Wire]:
    wire = Wire(running.port)
    try:
        yield wire
    finally:
        wire.refusing = True
        wire.listener.close()
        wire.stalled.clear()
        wire.cut()


async def listen(stream: AsyncStream, heard: list[Event]) -> None:
    async for event in stream:
        heard.append(event)  # noqa: PERF401 - whoever looks meanwhile sees what came so far


async def until(met: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.01)


def count(heard: list[Event], kind: type[Event]) -> int:
    return sum(isinstance(event, kind) for event in heard)


async def film(stream: AsyncStream, frames: int, shown: Image.Image = LARGE) -> None:
    for _ in range(frames):
        stream.offer(shown)
        await asyncio.sleep(0.04)


def test_every_frame_has_one_end_and_the_advice_is_followed(running: Running) -> None:
    async def main() -> tuple[AsyncStream, list[Event], float]:
        heard: list[Event] = []
        async with AsyncStream(running.url, deadline_ms=SLOW_MS) as stream:
            listening = asyncio.create_task(listen(stream, heard))
            await until(lambda: stream.ready)
            (session,) = (
                session
                for session in running.app.state.sessions
                if stream.ready and session.name == stream.ready.session
            )
            # What the service knows of our clock is off by half of the way there and back at most;
            # with every further ping, by less.
            await until(lambda: session.round_trip_s)
            error_ms = session.round_trip_s * 1000 / 2
            await film(stream, 40)
            await until(lambda: count(heard, Answer) + count(heard, Dropped) == 40)
        await listening
        return stream, heard, error_ms

    stream, heard, error_ms = asyncio.run(main())
    judged = [event for event in heard if isinstance(event, Answer)]
    dropped = [event for event in heard if isinstance(event, Dropped)]
    assert sorted(
        [event.judged.sequence for event in judged] + [event.sequence for event in dropped]
    ) == list(range(40))
    assert stream.ready is not None
    first = min(judged, key=lambda event: event.judged.sequence).judged.verdict.frame
    assert min(first.width, first.height) == stream.ready.advice.side
    assert stream.statistics.captured == 40
    assert stream.statistics.judged == len(judged) > 0
    for event in judged:
        assert event.age_ms >= (event.judged.verdict.age_ms or 0) - 1 - error_ms
    assert stream.statistics.age_ms(50)


def test_without_adaptation_pictures_are_sent_as_they_are_told(running: Running) -> None:
    async def main() -> Answer:
        heard: list[Event] = []
        async with AsyncStream(
            running.url, adapt=False, side=200, quality=50, deadline_ms=SLOW_MS
        ) as stream:
            listening = asyncio.create_task(listen(stream, heard))
            stream.offer(LARGE, box=True)
            await until(lambda: count(heard, Answer))
        await listening
        return next(event for event in heard if isinstance(event, Answer))

    frame = asyncio.run(main()).judged.verdict.frame
    assert (frame.width, frame.height) == (250, 200)


def test_a_cut_is_survived_with_the_session_and_its_alerts(running: Running) -> None:
    async def main(wire: Wire) -> list[Event]:
        heard: list[Event] = []
        async with AsyncStream(wire.url, deadline_ms=SLOW_MS) as stream:
            listening = asyncio.create_task(listen(stream, heard))
            await until(lambda: stream.ready)
            await film(stream, 20, POLYP)
            await until(lambda: count(heard, Alert))
            wire.cut()
            await until(lambda: stream.statistics.reconnects)
            await film(stream, 20, POLYP)
            await until(lambda: count(heard, Answer) + count(heard, Dropped) == 40)
        await listening
        return heard

    with wired(running) as wire:
        heard = asyncio.run(main(wire))
    first, second = [event for event in heard if isinstance(event, Ready)]
    assert (first.resumed, second.resumed) == (False, True)
    assert second.session == first.session
    before = heard[: heard.index(second)]
    alerts = [event for event in before if isinstance(event, Alert)]
    assert second.condition.alerts
    assert set(second.condition.alerts) <= {alert.finding for alert in alerts if alert.on}


def test_a_stalled_connection_is_hedged_by_the_other(running: Running) -> None:
    async def main(wire: Wire) -> AsyncStream:
        heard: list[Event] = []
        async with AsyncStream(wire.url, deadline_ms=SLOW_MS) as stream:
            listening = asyncio.create_task(listen(stream, heard))
            await until(lambda: len([lane for lane in stream._lanes if lane]) == 2)
            await film(stream, 10)
            before = count(heard, Answer)
            wire.stalled.add(0)
            await film(stream, 40)
            assert count(heard, Answer) > before
            wire.stalled.clear()
            await until(lambda: count(heard, Answer) + count(heard, Dropped) == 50)
        await listening
        return stream

    with wired(running) as wire:
        assert asyncio.run(main(wire)).statistics.hedged >= 1


def test_a_service_that_comes_back_finds_its_client_again(
    settings: Settings, models: Models
) -> None:
    async def main() -> None:
        heard: list[Event] = []
        with serve(settings, models) as first:
            wire = Wire(first.port)
            stream = AsyncStream(wire.url, deadline_ms=SLOW_MS)
            await stream.__aenter__()
            listening = asyncio.create_task(listen(stream, heard))
            await until(lambda: stream.ready)
            wire.refusing = True
        wire.cut()
        with serve(settings, models) as second:
            wire._target, wire.refusing = second.port, False
            await until(lambda: count(heard, Ready) == 2)
            await film(stream, 5)
            await until(lambda: count(heard, Answer))
            await stream.close()
            await listening
        wire.listener.close()
        sessions = [event.session for event in heard if isinstance(event, Ready)]
        assert sessions[0] != sessions[1]

    asyncio.run(main())


def test_a_model_that_is_not_served_is_an_error_and_not_tried_again(running: Running) -> None:
    async def main() -> None:
        async with AsyncStream(running.url, model="none-such") as stream:
            async with asyncio.timeout(20):
                with pytest.raises(ModelUnknown):
                    await listen(stream, [])

    asyncio.run(main())


def test_who_is_not_let_in_is_told_so(
    classifier_bundle: Path, models: Models, tmp_path: Path
) -> None:
    ring = KeyRing(tmp_path / "keys.json")
    _, score = ring.create("score", ["score"])
    settings = Settings(port=0, bundles=(classifier_bundle,), keys=ring.path)

    async def refusal(url: str, credential: str | None) -> type[EndoLinkError]:
        async with AsyncStream(url, credential=credential) as stream, asyncio.timeout(5):
            with pytest.raises(EndoLinkError) as met:
                await listen(stream, [])
        return met.type

    with serve(settings, models) as running:
        assert asyncio.run(refusal(running.url, None)) is Unauthenticated
        assert asyncio.run(refusal(running.url, score)) is Forbidden


def test_a_picture_that_is_none_ends_as_dropped_and_the_next_is_judged(running: Running) -> None:
    async def main() -> tuple[Dropped, Event]:
        async with AsyncStream(running.url, deadline_ms=SLOW_MS) as stream:
            heard: list[Event] = []
            listening = asyncio.create_task(listen(stream, heard))
            wrong = np.zeros((64, 80, 3))
            stream.offer(wrong)  # type: ignore[arg-type]
            await until(lambda: count(heard, Dropped))
            stream.offer(LARGE)
            await until(lambda: count(heard, Answer))
        await listening
        ends = [event for event in heard if isinstance(event, Answer | Dropped)]
        assert isinstance(ends[0], Dropped)
        return ends[0], ends[1]

    dropped, answer = asyncio.run(main())
    assert (dropped.sequence, dropped.reason) == (0, "unreadable")
    assert "float64" in str(dropped.detail)
    assert isinstance(answer, Answer)


def test_a_frame_whose_connection_breaks_while_it_is_compressed_is_lost(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, broken = threading.Event(), threading.Event()

    def slowly(picture: Picture, side: int, quality: int) -> bytes:
        begun.set()
        broken.wait(20)
        return encode(picture, side, quality)

    monkeypatch.setattr("endolink.serving.client.stream.encode", slowly)

    async def main(wire: Wire) -> list[Event]:
        async with AsyncStream(wire.url, hedge=False) as stream:
            heard: list[Event] = []
            listening = asyncio.create_task(listen(stream, heard))
            await until(lambda: stream.connected)
            stream.offer(LARGE)
            await until(begun.is_set)
            wire.refusing = True
            wire.cut()
            await until(lambda: not stream.connected)
            broken.set()
            await until(lambda: count(heard, Dropped))
        await listening
        return heard

    with wired(running) as wire:
        (lost,) = [event for event in asyncio.run(main(wire)) if isinstance(event, Dropped)]
    assert (lost.sequence, lost.reason) == (0, "lost")


def test_a_state_that_comes_back_is_told_again_and_once(running: Running) -> None:
    async def main() -> list[str]:
        async with AsyncStream(running.url, deadline_ms=SLOW_MS) as stream:
            heard: list[Event] = []
            listening = asyncio.create_task(listen(stream, heard))
            for number in (1, 2):
                stream.offer(LARGE)
                await until(lambda n=number: count(heard, Answer) == n)  # type: ignore[misc]
                # After a second without a frame.
                await until(lambda n=number: count(heard, Condition) >= n)  # type: ignore[misc]
            await asyncio.sleep(0.3)
        await listening
        return [event.state for event in heard if isinstance(event, Condition)]

    assert asyncio.run(main()) == ["ready", "ready"]


def test_the_client_is_told_when_another_version_judges(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "tiny", version="1.0.0")
    settings = Settings(port=0, bundles=(folder,), provider="cpu")
    small = picture(size=(80, 64))

    async def main(running: Running) -> list[Event]:
        heard: list[Event] = []
        async with AsyncStream(running.url, deadline_ms=SLOW_MS) as stream:

            async def answers(version: str) -> None:
                while True:
                    stream.offer(small)
                    async with asyncio.timeout(SLOW_MS / 1000):
                        async for event in stream:
                            heard.append(event)
                            if isinstance(event, Answer | Dropped):
                                break
                    last = heard[-1]
                    if isinstance(last, Answer) and last.judged.verdict.model.version == version:
                        return

            await answers("1.0.0")
            shutil.rmtree(folder)
            tiny_bundle(folder, version="2.0.0", seed=1)
            await asyncio.to_thread(running.service.models.reload)
            await answers("2.0.0")
            assert stream.ready is not None
            assert stream.ready.model.version == "2.0.0"
        return heard

    with serve(settings, Models.open(settings)) as running:
        heard = asyncio.run(main(running))
    # Once, although it comes over both connections.
    (switched,) = [event for event in heard if isinstance(event, Switched)]
    assert switched.model.version == "2.0.0"
    told = heard.index(switched)
    for number, event in enumerate(heard):
        if isinstance(event, Answer):
            expected = "2.0.0" if number > told else "1.0.0"
            assert event.judged.verdict.model.version == expected
