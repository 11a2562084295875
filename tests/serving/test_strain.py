"""A storm of reconnections: every client of a ward loses its link at once, again and again."""

import asyncio

from endolink.serving.models import Models
from endolink.serving.settings import Settings
from endolink.serving.wire import Hello, Judged, Ready
from tests.serving.service import Running, picture, serve
from tests.serving.talk import Talk, clock_us, greeted, talk

SMALL = picture(size=(320, 256))
CLIENTS = 15
TIMES = 8


async def lose(url: str) -> str:
    """Resume a session again and again, each time over a link that breaks without a word."""
    name: str | None = None
    for number in range(TIMES):
        async with talk(url, Hello(clock_us(), deadline_ms=10_000, resume=name)) as it:
            ready: Ready = await greeted(it)
            assert ready.resumed == (number > 0)
            assert name in {None, ready.session}
            name = ready.session
            await it.frame(number, SMALL)
            it.socket.transport.abort()
    assert name is not None
    return name


async def watch(it: Talk, over: asyncio.Event) -> int:
    """Send a frame after each verdict until the storm is over; count the verdicts."""
    number = 0
    while not over.is_set():
        await it.frame(number, SMALL)
        judged = await it.one(Judged)
        assert judged.sequence == number
        number += 1
    return number


def test_a_storm_of_reconnections_costs_a_steady_stream_nothing(
    settings: Settings, models: Models
) -> None:
    async def main(running: Running) -> tuple[int, set[str]]:
        over = asyncio.Event()
        async with talk(running.url) as steady:
            await greeted(steady)
            watching = asyncio.create_task(watch(steady, over))
            names = await asyncio.gather(*(lose(running.url) for _ in range(CLIENTS)))
            over.set()
            return await watching, set(names)

    with serve(settings, models) as running:
        judged, names = asyncio.run(main(running))
        assert judged > 0
        # Nobody got another's session, and no more of them are kept than there were clients.
        assert len(names) == CLIENTS
        assert len(running.app.state.sessions) <= CLIENTS + 1
        assert running.service.intake.held_bytes == 0
