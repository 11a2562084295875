"""Admit a frame, give it to a worker thread, hand its verdict back.

Decoding, preprocessing and the network all release the interpreter's lock, so threads of one
process use the machine's cores; the event loop only reads bodies and writes answers. A frame's
whole road is one job: a lone frame goes to an idle worker at once, and crosses threads twice,
there and back.

    verdict = await scheduler.run(job, lane="interactive", client=key, deadline=instant)

    def job(turn: Turn) -> Verdict:         # on a worker
        prepared = classifier.prepare(...)
        turn.check("inference")             # goes no further for nobody, nor too late
        ...

Who cancels the task that awaits `run` takes the job with it: out of the queue at once, or at the
next `check` where it runs already.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from time import perf_counter
from typing import Any, TypeVar

from endolink.model.classifier import Classifier, Prepared
from endolink.model.errors import Abandoned, DeadlineExceeded, Overloaded, ShuttingDown
from endolink.model.verdict import Verdict
from endolink.serving.inflow import Inflow
from endolink.serving.waiting import LANES, Lane, Waiting

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# What a job is thought to take before any was measured, in seconds: a frame on one plain core.
_FIRST_GUESS = 0.02
# The weight of the newest measurement: the average forgets half of its past in about seven jobs,
# so that it follows a change of picture size within a second and is not moved by one slow job.
_NEWEST = 0.1

Judged = Callable[[Classifier, Prepared, Verdict], None]
"""Hears of a verdict on the worker that made it: for counts, and for drift."""


def _nobody(_classifier: Classifier, _prepared: Prepared, _verdict: Verdict) -> None:
    return


class Turn:
    """A job's place in the queue, and then its turn on a worker.

    `deadline` is an instant of `time.perf_counter`, or None; `waited_ms` is how long the job
    waited, in milliseconds, once it runs. `judged` is told of each verdict, by whoever made it.
    """

    def __init__(
        self, lane: Lane, client: str, deadline: float | None, judged: Judged = _nobody
    ) -> None:
        self.lane = lane
        self.client = client
        self.deadline = deadline
        self.judged = judged
        self.admitted = perf_counter()
        self.waited_ms = 0.0
        self.abandoned = False

    def choose(self, arrived: float, deadline: float) -> None:
        """Take on what this turn, that was only asked for, is now used for; on the worker.

        It `arrived` after the turn was asked for or before; both are instants of
        `time.perf_counter`.
        """
        self.admitted = arrived
        self.deadline = deadline
        self.waited_ms = (perf_counter() - arrived) * 1000

    def check(self, step: str) -> None:
        """Go on to `step` only where somebody waits for it, and not too late.

        Raises
        ------
        Abandoned
            Whoever asked has gone.
        DeadlineExceeded
            The deadline has passed.
        """
        if self.abandoned:
            raise Abandoned("Nobody waits for this frame's verdict any more.")
        if self.deadline is not None and perf_counter() >= self.deadline:
            raise DeadlineExceeded(
                f"The deadline passed before {step} began; send a newer frame, or allow more time."
            )


class _Job(Turn):
    """What a worker needs beside the turn itself: what to do, and who is told."""

    def __init__(
        self,
        work: Callable[[Turn], Any],
        loop: asyncio.AbstractEventLoop,
        *,
        lane: Lane,
        client: str,
        deadline: float | None,
        judged: Judged,
    ) -> None:
        super().__init__(lane, client, deadline, judged)
        self.work = work
        self.answer: asyncio.Future[Any] = loop.create_future()

    def refuse(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def succeed(self, answer: Any) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


class Scheduler:
    """A bounded queue before a fixed number of worker threads; used from one event loop.

    At most `workers` jobs run and at most `queue` more wait in each lane; what comes after is
    refused at once rather than made to wait for an answer that nobody wants any more; in a flood
    the door lets in no more than keeps the workers busy. Interactive
    jobs go strictly before bulk ones, and clients of one lane have their turns one after the other:
    a client that fills the queue loses its newest job to one that comes with less.
    """

    def __init__(self, *, workers: int, queue: int, judged: Judged = _nobody) -> None:
        if workers < 1 or queue < 0:
            raise ValueError(f"cannot schedule with {workers} workers and a queue of {queue}")
        self.workers = workers
        self.queue = queue
        self._judged = judged
        # Not a `Condition`: what a job costs to hand over is felt by every frame, and this queue is
        # written in C. A token says that a job was added, or that it is time to go.
        self._changed = Lock()
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._waiting: Waiting[_Job] = Waiting()
        self._running = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._service_seconds = _FIRST_GUESS
        self._inflow = Inflow(queue)
        self._threads = [
            Thread(target=self._work, name=f"frame-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def draining(self) -> bool:
        """Whether the scheduler finishes what it has and takes no more."""
        return self._draining

    @property
    def capacity(self) -> int:
        """How many jobs of one lane may run or wait."""
        return self.workers + self.queue

    @property
    def running(self) -> int:
        """How many jobs run."""
        return self._running

    @property
    def admitted(self) -> int:
        """How many jobs run or wait."""
        with self._changed:
            return self._running + len(self._waiting)

    def waiting(self, lane: Lane) -> int:
        """Say how many jobs wait in `lane`."""
        with self._changed:
            return self._waiting.count(lane)

    def oldest_seconds(self, lane: Lane) -> float:
        """Say how long the longest wait in `lane` has lasted, in seconds; 0 where nobody waits."""
        with self._changed:
            since = min((job.admitted for job in self._waiting if job.lane == lane), default=None)
        return 0.0 if since is None else perf_counter() - since

    @property
    def service_seconds(self) -> float:
        """What one job takes a worker, in seconds: a moving average of what was measured."""
        return self._service_seconds

    def knock(
        self, *, lane: Lane = "interactive", client: str = "", deadline: float | None = None
    ) -> None:
        """Ask at the door, before a body is read, whether a job would be admitted now.

        Raises
        ------
        Overloaded
            As many jobs as allowed run or wait; `retry_after` says when half of them will be done.
        DeadlineExceeded
            The deadline has passed, or will have before those who wait already are served.
        ShuttingDown
            The service finishes what it has and takes no more.
        """
        with self._changed:
            self._inflow.ask(client, perf_counter(), self.workers / self._service_seconds)
            self._admit(lane, client, deadline)

    def _admit(self, lane: Lane, client: str, deadline: float | None) -> _Job | None:
        """Raise what `knock` raises, or give the job that has to make room, if one has to."""
        if self._draining:
            raise ShuttingDown("The service is shutting down; send the frame again elsewhere.")
        idle = self.workers - self._running
        if deadline is not None:
            self._in_time(self._waiting.ahead(lane, client) + 1 - idle, deadline)
        waiting = self._waiting.count(lane)
        # In a flood the next one comes within a fraction of what a frame takes: letting one wait
        # would keep no worker busier, and makes everybody who is let in wait half a frame longer.
        enough = waiting >= idle
        if enough and self._inflow.flood and not self._inflow.modest(client):
            raise self._overloaded(lane)
        if waiting < self.queue + idle:
            return None
        greedy = self._waiting.greediest(lane, client)
        if greedy is None:
            raise self._overloaded(lane)
        return greedy

    def _in_time(self, turns: int, deadline: float) -> None:
        """Refuse what could not start before `deadline`, with `turns` jobs to finish before."""
        now = perf_counter()
        if now >= deadline:
            raise DeadlineExceeded(
                "The deadline passed before the frame was admitted; send a newer frame, or allow "
                "more time."
            )
        # An estimate never refuses anybody for whom a worker is free.
        wait = turns * self._service_seconds / self.workers if turns > 0 else 0.0
        if now + wait >= deadline:
            raise DeadlineExceeded(
                f"The deadline would pass while the frame waits: those before it take another "
                f"{math.ceil(wait * 1000)} ms. Send fewer frames, or allow more time."
            )

    def retry_after(self, lane: Lane) -> float:
        """Say in how many seconds half of what `lane` has before it will be done, as measured.

        Half, so that those who were refused together find room when they return.
        """
        with self._changed:
            return self._half_of(self._before(lane))

    def _half_of(self, before: int) -> float:
        return before * self._service_seconds / self.workers / 2

    def _before(self, lane: Lane) -> int:
        return self._running + sum(
            self._waiting.count(other) for other in LANES[: LANES.index(lane) + 1]
        )

    def _overloaded(self, lane: Lane) -> Overloaded:
        before = self._before(lane)
        wait = self._half_of(before)
        return Overloaded(
            f"{before} frames are being judged or wait, which is as many as are taken; "
            f"try again in {math.ceil(wait * 1000)} ms, with the newest frame.",
            retry_after=wait,
        )

    async def run(
        self,
        work: Callable[[Turn], Answer],
        *,
        lane: Lane = "interactive",
        client: str = "",
        deadline: float | None = None,
    ) -> Answer:
        """Admit `work` and run it on a worker, which gives it its turn.

        `client` is any text that is the same for all of one client's jobs; `deadline` is an instant
        of `time.perf_counter`. Cancelled, it takes the job with it.

        Raises
        ------
        Overloaded, DeadlineExceeded, ShuttingDown
            As `knock` does; DeadlineExceeded also where the job's turn comes too late, and
            Overloaded where it has to make room for a client that asks for less.
        """
        job = _Job(
            work,
            asyncio.get_running_loop(),
            lane=lane,
            client=client,
            deadline=deadline,
            judged=self._judged,
        )
        with self._changed:
            greedy = self._admit(lane, client, deadline)
            if greedy is not None:
                self._waiting.drop(greedy)
                greedy.refuse(self._overloaded(lane))
            self._waiting.add(job)
        self._idle.clear()
        self._tokens.put(None)
        try:
            answer: Answer = await job.answer
        except asyncio.CancelledError:
            job.abandoned = True
            with self._changed:
                self._waiting.drop(job)
            self._rest()
            raise
        return answer

    def _rest(self) -> None:
        if not self.admitted:
            self._idle.set()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            started = perf_counter()
            job.waited_ms = (started - job.admitted) * 1000
            tell: Callable[..., None]
            try:
                job.check("decoding")
                tell, what = job.succeed, job.work(job)
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                tell, what = job.refuse, error
            took = perf_counter() - started
            with self._changed:
                self._running -= 1
                # What was cut short says nothing about what a frame takes.
                if not isinstance(what, Abandoned | DeadlineExceeded):
                    self._service_seconds += _NEWEST * (took - self._service_seconds)
            job.answer.get_loop().call_soon_threadsafe(self._tell, tell, what)
            # A traceback holds the job's frame, and that the picture: nobody keeps it while idle.
            del job, tell, what

    def _next(self) -> _Job | None:
        while True:
            self._tokens.get()
            with self._changed:
                # None where whoever asked has gone meanwhile.
                job = self._waiting.take()
                if job is not None:
                    self._running += 1
                    return job
                if self._closed:
                    return None

    def _tell(self, tell: Callable[[Any], None], what: Any) -> None:
        tell(what)
        self._rest()

    async def drain(self) -> None:
        """Take no more jobs, finish those that were admitted, and let the workers go."""
        self._draining = True
        if admitted := self.admitted:
            logger.info("finishing %d admitted frames", admitted)
        await self._idle.wait()
        with self._changed:
            self._closed = True
        for _ in self._threads:
            self._tokens.put(None)
        for thread in self._threads:
            thread.join()
