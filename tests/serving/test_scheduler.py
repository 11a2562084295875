import asyncio
import threading
from time import perf_counter, sleep

import pytest

from endolink.model.errors import Overloaded, ShuttingDown
from endolink.serving.scheduler import Scheduler


def _slow(waited: float) -> float:
    sleep(0.05)
    return waited


def _done_slowly(_waited: float) -> str:
    sleep(0.03)
    return "done"


def test_a_job_is_given_its_wait_and_its_result_comes_back() -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=1, queue=1)
        first = asyncio.create_task(scheduler.run(_slow))
        second = asyncio.create_task(scheduler.run(lambda waited: waited))
        assert await first < 30
        assert await second >= 45
        await scheduler.drain()

    asyncio.run(main())


def test_the_event_loop_goes_on_while_jobs_run() -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=2, queue=2)
        jobs = [asyncio.create_task(scheduler.run(lambda _: sleep(0.2))) for _ in range(4)]
        worst = 0.0
        while not all(job.done() for job in jobs):
            before = perf_counter()
            await asyncio.sleep(0.005)
            worst = max(worst, perf_counter() - before)
        assert worst < 0.1
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
        for _ in range(40):
            await scheduler.run(lambda _: sleep(0.005))
        assert 0.005 <= scheduler.service_seconds < 0.015
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
        jobs = [asyncio.create_task(scheduler.run(_done_slowly))]
        jobs += [asyncio.create_task(scheduler.run(lambda _: "done")) for _ in range(3)]
        await asyncio.sleep(0)
        draining = asyncio.create_task(scheduler.drain())
        await asyncio.sleep(0)
        with pytest.raises(ShuttingDown):
            await scheduler.run(lambda _: None)
        await draining
        assert [job.result() for job in jobs] == ["done"] * 4

    asyncio.run(main())


@pytest.mark.parametrize(("workers", "queue"), [(0, 1), (1, -1)])
def test_a_scheduler_that_could_not_work_is_not_made(workers: int, queue: int) -> None:
    with pytest.raises(ValueError, match="cannot schedule"):
        Scheduler(workers=workers, queue=queue)
