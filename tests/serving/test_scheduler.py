import asyncio
import threading
from contextlib import suppress
from time import perf_counter, sleep

import pytest

from endolink.model.errors import DeadlineExceeded, Overloaded, ShuttingDown
from endolink.serving.scheduler import Scheduler
from endolink.serving.turn import Turn
from endolink.serving.waiting import Lane


def test_a_job_is_given_its_wait_and_its_result_comes_back() -> None:
    def slow(turn: Turn) -> tuple[float, float]:
        began = perf_counter()
        sleep(0.05)
        return turn.waited_ms, began

    async def main() -> None:
        scheduler = Scheduler(workers=1, queue=1)
        asked = perf_counter()
        first = asyncio.create_task(scheduler.run(slow))
        second = asyncio.create_task(scheduler.run(slow))
        for job, least_ms in ((first, 0), (second, 45)):
            waited_ms, began = await job
            assert least_ms <= waited_ms <= (began - asked) * 1000
        await scheduler.drain()

    asyncio.run(main())


def test_the_event_loop_goes_on_while_jobs_run() -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=2, queue=2)
        gate = threading.Event()
        # What holds up the loop holds up the gate, and then the jobs come back without it.
        jobs = [asyncio.create_task(scheduler.run(lambda _: gate.wait(2))) for _ in range(4)]
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert not any(job.done() for job in jobs)
        gate.set()
        assert all(await asyncio.gather(*jobs))
        await scheduler.drain()

    asyncio.run(main())


def test_what_is_too_much_is_refused_at_once_and_told_when_to_return() -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=2, queue=3)
        gate = threading.Event()
        jobs = [asyncio.create_task(scheduler.run(lambda _: gate.wait(5))) for _ in range(5)]
        await asyncio.sleep(0)
        assert scheduler.admitted == 5
        with pytest.raises(Overloaded) as refused:
            await scheduler.run(lambda _: None)
        expected = 5 * scheduler.service_seconds / 2 / 2
        assert refused.value.retry_after == pytest.approx(expected)
        gate.set()
        assert all(await asyncio.gather(*jobs))
        await scheduler.run(lambda _: None)
        await scheduler.drain()

    asyncio.run(main())


def test_the_service_time_is_measured() -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=1, queue=0)
        within, around = [], []

        def job(_: Turn) -> None:
            began = perf_counter()
            sleep(0.005)
            within.append(perf_counter() - began)

        for _ in range(150):
            asked = perf_counter()
            await scheduler.run(job)
            around.append(perf_counter() - asked)
        # The first guess, four times as long, counts for a few nanoseconds by now.
        assert min(within) <= scheduler.service_seconds <= max(around)
        await scheduler.drain()

    asyncio.run(main())


def test_a_failing_job_fails_alone() -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=1, queue=0)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await scheduler.run(lambda _: 1 / 0)
        assert await scheduler.run(lambda _: "still here") == "still here"
        await scheduler.drain()

    asyncio.run(main())


def test_draining_finishes_what_was_admitted_and_takes_no_more() -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=1, queue=4)
        jobs = [asyncio.create_task(scheduler.run(lambda _: str(threading.Event().wait(0.03))))]
        jobs += [asyncio.create_task(scheduler.run(lambda _: "done")) for _ in range(3)]
        await asyncio.sleep(0)
        draining = asyncio.create_task(scheduler.drain())
        await asyncio.sleep(0)
        with pytest.raises(ShuttingDown):
            await scheduler.run(lambda _: None)
        await draining
        assert [job.result() for job in jobs] == ["False", *["done"] * 3]

    asyncio.run(main())


@pytest.mark.parametrize(("workers", "queue"), [(0, 1), (1, -1)])
def test_a_scheduler_that_could_not_work_is_not_made(workers: int, queue: int) -> None:
    with pytest.raises(ValueError, match="cannot schedule"):
        Scheduler(workers=workers, queue=queue)


async def occupied(scheduler: Scheduler) -> tuple[threading.Event, list[asyncio.Task[bool]]]:
    """Give every worker a job that lasts until the event is set; come back when each is at it."""
    gate, begun = threading.Event(), threading.Semaphore(0)

    def job(_: Turn) -> bool:
        begun.release()
        return gate.wait(30)

    jobs = [asyncio.create_task(scheduler.run(job)) for _ in range(scheduler.workers)]
    for _ in jobs:
        await asyncio.to_thread(begun.acquire)
    return gate, jobs


def test_interactive_jobs_go_before_bulk_ones_and_clients_in_turn() -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=1, queue=10)
        gate, _ = await occupied(scheduler)
        order: list[str] = []
        asked: tuple[tuple[Lane, str], ...] = (
            ("bulk", "a"),
            ("interactive", "a"),
            ("interactive", "a"),
            ("interactive", "a"),
            ("bulk", "b"),
            ("interactive", "b"),
        )
        jobs = [
            asyncio.create_task(
                scheduler.run(
                    lambda turn: order.append(f"{turn.lane[0]} {turn.client}"),
                    lane=lane,
                    client=client,
                )
            )
            for lane, client in asked
        ]
        await asyncio.sleep(0.02)
        gate.set()
        await asyncio.gather(*jobs)
        assert order == ["i a", "i b", "i a", "i a", "b a", "b b"]
        await scheduler.drain()

    asyncio.run(main())


def test_a_full_bulk_lane_leaves_room_for_interactive_jobs() -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=1, queue=1)
        gate, jobs = await occupied(scheduler)
        jobs.append(asyncio.create_task(scheduler.run(lambda _: True, lane="bulk")))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            scheduler.knock(lane="bulk")
        jobs.append(asyncio.create_task(scheduler.run(lambda _: True)))
        await asyncio.sleep(0)
        assert (scheduler.waiting("bulk"), scheduler.waiting("interactive")) == (1, 1)
        assert scheduler.oldest_seconds("interactive") > 0
        gate.set()
        assert all(await asyncio.gather(*jobs))
        assert scheduler.oldest_seconds("interactive") == 0
        await scheduler.drain()

    asyncio.run(main())


def test_a_client_that_fills_the_queue_makes_room_for_another() -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=1, queue=3)
        gate, _ = await occupied(scheduler)
        greedy = [
            asyncio.create_task(scheduler.run(lambda _: "greedy", client="greedy"))
            for _ in range(3)
        ]
        await asyncio.sleep(0)
        modest = asyncio.create_task(scheduler.run(lambda _: "modest", client="modest"))
        with pytest.raises(Overloaded):
            await greedy[-1]
        # One more would be as greedy as the other now is.
        with pytest.raises(Overloaded):
            scheduler.knock(client="modest")
        gate.set()
        assert await modest == "modest"
        assert [await job for job in greedy[:2]] == ["greedy"] * 2
        await scheduler.drain()

    asyncio.run(main())


def test_a_deadline_is_kept_at_the_door_in_the_queue_and_on_the_worker() -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=1, queue=40)
        now = perf_counter()
        with pytest.raises(DeadlineExceeded, match="admitted"):
            scheduler.knock(deadline=now)
        # While a worker is free, no estimate refuses anybody.
        scheduler.knock(deadline=perf_counter() + scheduler.service_seconds / 2)
        gate, _ = await occupied(scheduler)
        done: list[int] = []
        for _ in range(20):
            asyncio.create_task(scheduler.run(done.append))  # type: ignore[arg-type] # noqa: RUF006
        await asyncio.sleep(0)
        with pytest.raises(DeadlineExceeded, match="while the frame waits"):
            scheduler.knock(deadline=perf_counter() + 0.1)
        # Another client has its turn after one of those twenty.
        late = asyncio.create_task(
            scheduler.run(lambda _: done.append(-1), client="other", deadline=perf_counter() + 0.06)
        )
        await asyncio.sleep(0.08)
        gate.set()
        with pytest.raises(DeadlineExceeded, match="before decoding"):
            await late

        deadline = perf_counter() + 1

        def too_slow(turn: Turn) -> None:
            while perf_counter() <= deadline:
                sleep(0.01)
            turn.check("inference")
            done.append(-2)

        with pytest.raises(DeadlineExceeded, match="before inference"):
            await scheduler.run(too_slow, client="third", deadline=deadline)
        await scheduler.drain()
        assert len(done) == 20
        assert not {-1, -2} & set(done)

    asyncio.run(main())


def test_who_goes_takes_waiting_and_running_work_along() -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=1, queue=4)
        decoded, going, reached = threading.Event(), threading.Event(), []

        def job(turn: Turn) -> None:
            decoded.set()
            going.wait(5)
            turn.check("inference")
            reached.append("inference")

        running = asyncio.create_task(scheduler.run(job))
        waiting = [asyncio.create_task(scheduler.run(lambda _: reached.append("decoding")))]
        stays = asyncio.create_task(scheduler.run(lambda _: "stays"))
        await asyncio.to_thread(decoded.wait, 5)
        for task in (running, *waiting):
            task.cancel()
        await asyncio.sleep(0)
        assert scheduler.admitted == 2
        before = scheduler.service_seconds
        going.set()
        assert await stays == "stays"
        assert reached == []
        assert running.cancelled()
        assert scheduler.service_seconds != before
        await scheduler.drain()
        assert scheduler.admitted == 0

    asyncio.run(main())


def test_what_was_cut_short_does_not_count_as_service_time() -> None:
    def too_slow(turn: Turn) -> None:
        sleep(0.03)
        turn.check("inference")

    async def main() -> None:
        scheduler = Scheduler(workers=1, queue=4)
        before = scheduler.service_seconds
        with pytest.raises(DeadlineExceeded):
            await scheduler.run(
                too_slow,
                deadline=perf_counter() + 0.02,
            )
        assert scheduler.service_seconds == before
        await scheduler.drain()

    asyncio.run(main())


def test_in_a_flood_nobody_waits_but_a_modest_client() -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=1, queue=8)
        gate, running = await occupied(scheduler)
        let_in = []
        for _ in range(60):
            try:
                scheduler.knock(client="flood")
                let_in.append(asyncio.create_task(scheduler.run(lambda _: True, client="flood")))
            except Overloaded:
                continue
            await asyncio.sleep(0)
        # The burst that it began with filled the queue; what is asked for beyond that is refused.
        assert len(let_in) == 8
        gate.set()
        assert all(await asyncio.gather(*let_in))
        assert all(await asyncio.gather(*running))
        gate, running = await occupied(scheduler)
        for _ in range(1000):
            with suppress(Overloaded):
                scheduler.knock(client="flood")
        # Its worker is busy: not even one more waits, with a body or without.
        with pytest.raises(Overloaded):
            scheduler.knock(client="flood")
        with pytest.raises(Overloaded):
            await scheduler.run(lambda _: True, client="flood")
        stream = asyncio.create_task(scheduler.run(lambda _: True, client="a stream"))
        await asyncio.sleep(0)
        assert scheduler.waiting("interactive") == 1
        gate.set()
        assert all(await asyncio.gather(stream, *running))
        # Where a worker is free, it is let in as anybody is.
        scheduler.knock(client="flood")
        assert await scheduler.run(lambda _: True, client="flood")
        await scheduler.drain()

    asyncio.run(main())
