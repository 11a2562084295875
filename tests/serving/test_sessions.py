import asyncio
from collections.abc import Awaitable, Callable

import pytest

from endolink.model.errors import ModelUnknown, Overloaded, SessionUnknown
from endolink.serving.models import Models
from endolink.serving.scheduler import Scheduler
from endolink.serving.sessions import Sessions
from endolink.serving.wire import Hello
from tests.serving.talk import clock_us
from tests.serving.test_stream import Ear


def run(models: Models, main: Callable[[Sessions], Awaitable[None]], grace_s: float = 5) -> None:
    async def around() -> None:
        scheduler = Scheduler(workers=1, queue=1)
        sessions = Sessions(models, scheduler, most=2, grace_s=grace_s)
        await main(sessions)
        await sessions.close()
        assert len(sessions) == 0
        await scheduler.drain()

    asyncio.run(around())


def test_a_session_is_resumed_by_its_name_within_the_grace_time(models: Models) -> None:
    async def main(sessions: Sessions) -> None:
        ear = Ear()
        session = sessions.enter(Hello(clock_us()), ear)
        ear.close()
        sessions.leave(session)
        assert sessions.enter(Hello(clock_us(), resume=session.name), Ear()) is session
        await asyncio.sleep(0.3)
        assert len(sessions) == 1

    run(models, main, grace_s=0.2)


def test_after_the_grace_time_it_is_over(models: Models) -> None:
    async def main(sessions: Sessions) -> None:
        ear = Ear()
        session = sessions.enter(Hello(clock_us()), ear)
        ear.close()
        sessions.leave(session)
        await asyncio.sleep(0.2)
        assert len(sessions) == 0
        with pytest.raises(SessionUnknown):
            sessions.enter(Hello(clock_us(), resume=session.name), Ear())

    run(models, main, grace_s=0.1)


def test_who_has_another_connection_has_not_left(models: Models) -> None:
    async def main(sessions: Sessions) -> None:
        first, second = Ear(), Ear()
        session = sessions.enter(Hello(clock_us()), first)
        sessions.enter(Hello(clock_us(), resume=session.name), second)
        first.close()
        sessions.leave(session)
        await asyncio.sleep(0.2)
        assert len(sessions) == 1

    run(models, main, grace_s=0.1)


def test_who_loses_both_connections_at_once_and_returns_is_not_forgotten(models: Models) -> None:
    async def main(sessions: Sessions) -> None:
        first, second = Ear(), Ear()
        session = sessions.enter(Hello(clock_us()), first)
        sessions.enter(Hello(clock_us(), resume=session.name), second)
        first.close()
        second.close()
        sessions.leave(session)
        sessions.leave(session)
        assert sessions.enter(Hello(clock_us(), resume=session.name), Ear()) is session
        await asyncio.sleep(0.2)
        assert len(sessions) == 1

    run(models, main, grace_s=0.1)


def test_who_is_away_longest_makes_room_and_who_is_here_never_does(models: Models) -> None:
    async def main(sessions: Sessions) -> None:
        ears = [Ear(), Ear()]
        first, second = (sessions.enter(Hello(clock_us()), ear) for ear in ears)
        for ear, session in zip(ears, (first, second), strict=True):
            ear.close()
            sessions.leave(session)
        sessions.enter(Hello(clock_us()), Ear())
        with pytest.raises(SessionUnknown):
            sessions.enter(Hello(clock_us(), resume=first.name), Ear())
        assert sessions.enter(Hello(clock_us(), resume=second.name), Ear()) is second
        with pytest.raises(Overloaded):
            sessions.enter(Hello(clock_us()), Ear())
        assert len(sessions) == 2

    run(models, main)


def test_a_client_with_another_clock_is_another_client(models: Models) -> None:
    async def main(sessions: Sessions) -> None:
        session = sessions.enter(Hello(clock_us()), Ear())
        with pytest.raises(SessionUnknown, match="clock"):
            sessions.enter(Hello(5, resume=session.name), Ear())

    run(models, main)


def test_names_are_secrets_and_sessions_are_bounded(models: Models) -> None:
    async def main(sessions: Sessions) -> None:
        names = {sessions.enter(Hello(clock_us()), Ear()).name for _ in range(2)}
        assert len(names) == 2
        assert all(len(name) >= 32 for name in names)
        with pytest.raises(Overloaded):
            sessions.enter(Hello(clock_us()), Ear())
        with pytest.raises(ModelUnknown):
            sessions.enter(Hello(clock_us(), model="none-such"), Ear())

    run(models, main)
