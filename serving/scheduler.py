"""Admit a frame, give it to a worker thread, hand its verdict back.

Decoding, preprocessing and the network all release the interpreter's lock, so threads of one
process use the machine's cores; the event loop only reads bodies and writes answers. A frame's
whole road is one job: a lone frame goes to an idle worker at once, and crosses threads twice,
there and back.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from time import perf_counter
from typing import TypeVar

from endolink.model.errors import Overloaded, ShuttingDown

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# What a job is thought to take before any was measured, in seconds: a frame on one plain core.
_FIRST_GUESS = 0.02
# The weight of the newest measurement: the average forgets half of its past in about seven jobs,
# so that it follows a change of picture size within a second and is not moved by one slow job.
_NEWEST = 0.1


class Scheduler:
    """A bounded queue before a fixed number of worker threads; used from one event loop.

    At most `workers` jobs run and at most `queue` more wait; what comes after is refused at once
    rather than made to wait for an answer that nobody wants any more.
    """

    def __init__(self, *, workers: int, queue: int) -> None:
        if workers < 1 or queue < 0:
            raise ValueError(f"cannot schedule with {workers} workers and a queue of {queue}")
        self.workers = workers
        self.capacity = workers + queue
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="frame")
        self._admitted = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._service_seconds = _FIRST_GUESS
        self._measuring = Lock()

    @property
    def draining(self) -> bool:
        """Whether the scheduler finishes what it has and takes no more."""
        return self._draining

    @property
    def admitted(self) -> int:
        """How many jobs run or wait."""
        return self._admitted

    @property
    def service_seconds(self) -> float:
        """What one job takes a worker, in seconds: a moving average of what was measured."""
        return self._service_seconds

    def knock(self) -> None:
        """Ask at the door, before a body is read, whether a job would be admitted now.

        Raises
        ------
        Overloaded
            As many jobs as allowed run or wait; `retry_after` says when half of them will be done.
        ShuttingDown
            The service finishes what it has and takes no more.
        """
        if self._draining:
            raise ShuttingDown("The service is shutting down; send the frame again elsewhere.")
        if self._admitted >= self.capacity:
            # Half of the queue, so that those who were refused together find room when they return.
            wait = self._admitted * self._service_seconds / self.workers / 2
            raise Overloaded(
                f"{self._admitted} frames are being judged or wait, which is as many as are taken; "
                f"try again in {math.ceil(wait * 1000)} ms, with the newest frame.",
                retry_after=wait,
            )

    async def run(self, job: Callable[[float], Answer]) -> Answer:
        """Admit `job` and run it on a worker; it is given how long it waited, in milliseconds.

        Raises
        ------
        Overloaded, ShuttingDown
            As `knock` does.
        """
        self.knock()
        self._admitted += 1
        self._idle.clear()
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._pool, self._work, job, perf_counter()
            )
        finally:
            self._admitted -= 1
            if not self._admitted:
                self._idle.set()

    def _work(self, job: Callable[[float], Answer], admitted: float) -> Answer:
        started = perf_counter()
        try:
            return job((started - admitted) * 1000)
        finally:
            took = perf_counter() - started
            with self._measuring:
                self._service_seconds += _NEWEST * (took - self._service_seconds)

    async def drain(self) -> None:
        """Take no more jobs, finish those that were admitted, and let the workers go."""
        self._draining = True
        if self._admitted:
            logger.info("finishing %d admitted frames", self._admitted)
        await self._idle.wait()
        self._pool.shutdown()
