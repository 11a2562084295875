"""Admit a frame, give it to a worker thread, hand its verdict back.

Decoding, preprocessing and the network all release the interpreter's lock, so threads of one
process use the machine's cores; the event loop only reads bodies and writes answers. A frame's
whole road is one job: a lone frame goes to an idle worker at once, and crosses threads twice,
there and back.

    verdict = await scheduler.judge(job, lane="interactive", client=key, deadline=instant)

    def job(turn: Turn) -> Road[Verdict]:                   # on a worker
        prepared = classifier.prepare(...)
        verdict = yield Ask(classifier, prepared, "none")   # no further for nobody, nor too late
        ...

Who cancels the task that awaits `judge` takes the job with it: out of the queue at once, or before
the network where it runs already.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from time import perf_counter
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from endolink.model.classifier import Classifier
from endolink.model.errors import Abandoned, DeadlineExceeded, Overloaded, ShuttingDown
from endolink.serving.batching import Gathering, Road, judge
from endolink.serving.inflow import Inflow
from endolink.serving.job import End, Job
from endolink.serving.turn import Judged, Turn, nobody
from endolink.serving.waiting import LANES, Lane, Waiting

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# What a job is thought to take before any was measured, in seconds: a frame on one plain core.
_FIRST_GUESS = 0.02
# The weight of the newest measurement: the average forgets half of its past in about seven jobs,
# so that it follows a change of picture size within a second and is not moved by one slow job.
_NEWEST = 0.1


class Scheduler:
    """A bounded queue before a fixed number of worker threads; used from one event loop.

    At most `workers` jobs run and at most `queue` more wait in each lane; what comes after is
    refused at once rather than made to wait for an answer that nobody wants any more; in a flood
    the door lets in no more than keeps the workers busy. Interactive
    jobs go strictly before bulk ones, and clients of one lane have their turns one after the other:
    a client that fills the queue loses its newest job to one that comes with less.
    """

    def __init__(
        self,
        *,
        workers: int,
        queue: int,
        judged: Judged = nobody,
        batch_size: Callable[[Classifier], int] = lambda _: 1,
        ran: Callable[[int], None] = lambda _: None,
    ) -> None:
        if workers < 1 or queue < 0:
            raise ValueError(f"cannot schedule with {workers} workers and a queue of {queue}")
        self.workers = workers
        self.queue = queue
        self._judged = judged
        # Not a `Condition`: what a job costs to hand over is felt by every frame, and this queue is
        # written in C. A token says that a job was added, or that it is time to go.
        self._changed = Lock()
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._waiting: Waiting[Job] = Waiting()
        # Workers that are busy, and jobs that were begun: of these, some wait for the network.
        self._busy = 0
        self._begun = 0
        self._batch_size = batch_size
        self._ran = ran
        # A classifier that is replaced takes its own along.
        self._gatherings: WeakKeyDictionary[Classifier, Gathering[Job]] = WeakKeyDictionary()
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
        """How many jobs run, or wait for the network."""
        return self._begun

    @property
    def idle(self) -> int:
        """How many workers are free."""
        return self.workers - self._busy

    @property
    def admitted(self) -> int:
        """How many jobs run or wait."""
        with self._changed:
            return self._begun + len(self._waiting)

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

    def _admit(self, lane: Lane, client: str, deadline: float | None) -> Job | None:
        """Raise what `knock` raises, or give the job that has to make room, if one has to."""
        if self._draining:
            raise ShuttingDown("The service is shutting down; send the frame again elsewhere.")
        idle = self.idle
        if deadline is not None:
            self._in_time(self._waiting.ahead(lane, client) + 1 - idle, deadline)
        waiting = self._waiting.count(lane)
        # In a flood the next one comes within a fraction of what a frame takes: letting one wait
        # would keep no worker busier, and makes everybody who is let in wait half a frame longer.
        enough = waiting >= idle
        if enough and self._inflow.flood and not self._inflow.modest(client):
            raise self._overloaded(lane)
        if waiting + self._begun < self.capacity:
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
        return self._begun + sum(
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

    async def judge(
        self,
        road: Callable[[Turn], Road[Answer]],
        *,
        lane: Lane = "interactive",
        client: str = "",
        deadline: float | None = None,
    ) -> Answer:
        """Admit a job that asks the network, and run it on a worker, which gives it its turn.

        `client` is any text that is the same for all of one client's jobs; `deadline` is an instant
        of `time.perf_counter`. Cancelled, it takes the job with it.

        Raises
        ------
        Overloaded, DeadlineExceeded, ShuttingDown
            As `knock` does; DeadlineExceeded also where the job's turn, or the network's, comes too
            late, and Overloaded where it has to make room for a client that asks for less.
        """
        answer: Answer = await self._run(
            road, road=True, lane=lane, client=client, deadline=deadline
        )
        return answer

    async def run(
        self,
        work: Callable[[Turn], Answer],
        *,
        lane: Lane = "interactive",
        client: str = "",
        deadline: float | None = None,
    ) -> Answer:
        """Do the same with `work` that does not ask the network, and is done in one go."""
        answer: Answer = await self._run(
            work, road=False, lane=lane, client=client, deadline=deadline
        )
        return answer

    async def _run(
        self,
        work: Callable[[Turn], Any],
        *,
        road: bool,
        lane: Lane,
        client: str,
        deadline: float | None,
    ) -> Any:
        job = Job(
            work,
            asyncio.get_running_loop(),
            road=road,
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
            return await job.answer
        except asyncio.CancelledError:
            job.abandoned = True
            with self._changed:
                self._waiting.drop(job)
            self._rest()
            raise

    def _rest(self) -> None:
        if not self.admitted:
            self._idle.set()

    def abreast(self, classifier: Classifier) -> int:
        """Say how many frames of one request keep all workers busy, and fill half a queue."""
        return self.workers + min(self._gathering(classifier).most - 1, self.queue // 2)

    def _gathering(self, classifier: Classifier) -> Gathering[Job]:
        found = self._gatherings.get(classifier)
        if found is None:
            with self._changed:
                found = self._gatherings.setdefault(
                    classifier, Gathering(self._batch_size(classifier))
                )
        return found

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._walk(job)
            # A traceback holds the job's frame, and that the picture: nobody keeps it while idle.
            del job

    def _walk(self, job: Job) -> None:
        """Take `job` as far as it goes, and along with it whoever waits for the network with it."""
        end = job.begin()
        if end is not None:
            self._finish([(job, end)], free=True)
            return
        assert job.ask is not None
        gathering = self._gathering(job.ask.classifier)
        batch = gathering.enter(job)
        if not batch:
            # Whoever is in the network takes it along.
            with self._changed:
                self._busy -= 1
        while batch:
            ends = self._judge(gathering, batch)
            batch = gathering.next()
            self._finish(ends, free=not batch)

    def _judge(self, gathering: Gathering[Job], batch: list[Job]) -> list[tuple[Job, End]]:
        """Run the network for those of `batch` that are still of use, and take each to its end."""
        began, wanted, ends = perf_counter(), [], []
        for job in batch:
            if (objection := job.objection()) is not None:
                ends.append((job, job.end(objection)))
            else:
                job.waited_ms += (began - job.asked) * 1000
                wanted.append(job)
        asks = [job.ask for job in wanted if job.ask]
        outcomes = judge(asks, lambda place: wanted[place].objection()) if asks else []
        gathering.leave(batch[0].lane)
        took = perf_counter() - began
        for job, outcome in zip(wanted, outcomes, strict=True):
            job.worked += took / len(wanted)
            ends.append((job, job.end(outcome)))
        if wanted:
            self._ran(len(wanted))
        return ends

    def _finish(self, ends: list[tuple[Job, End]], *, free: bool) -> None:
        """Tell of each job how it ended; `free` says whether its worker now is."""
        with self._changed:
            self._begun -= len(ends)
            self._busy -= free
            for job, (_, what) in ends:
                # What was cut short says nothing about what a frame takes.
                if not isinstance(what, Abandoned | DeadlineExceeded):
                    self._service_seconds += _NEWEST * (job.worked - self._service_seconds)
        for job, (failed, what) in ends:
            tell = job.refuse if failed else job.succeed
            job.answer.get_loop().call_soon_threadsafe(self._tell, tell, what)

    def _next(self) -> Job | None:
        while True:
            self._tokens.get()
            with self._changed:
                # None where whoever asked has gone meanwhile.
                job = self._waiting.take()
                if job is not None:
                    self._busy += 1
                    self._begun += 1
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
