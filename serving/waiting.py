"""Who waits for a worker, and who is next: two lanes, and in a lane one job from each client.

Pure book-keeping; whoever shares it between threads holds a lock around it.
"""

from collections import deque
from collections.abc import Iterator
from typing import Generic, Literal, Protocol, TypeVar, get_args

Lane = Literal["interactive", "bulk"]
LANES: tuple[Lane, ...] = get_args(Lane)
"""In the order in which they are served: the second only while nobody waits in the first."""


class Waits(Protocol):
    """What can wait: it has chosen a lane, and belongs to a client."""

    @property
    def lane(self) -> Lane: ...

    @property
    def client(self) -> str: ...


Job = TypeVar("Job", bound=Waits)


class Waiting(Generic[Job]):
    """The jobs that wait.

    A lane serves its clients in turn, one job each, and a client's jobs in the order in which they
    came (round robin, Nagle 1987, RFC 970): whoever sends a hundred frames delays the next client
    by one of them.
    """

    def __init__(self) -> None:
        # A dictionary keeps its order: the client whose turn it is stands first.
        self._lanes: dict[Lane, dict[str, deque[Job]]] = {lane: {} for lane in LANES}

    def __len__(self) -> int:
        return sum(map(self.count, LANES))

    def __iter__(self) -> Iterator[Job]:
        return (job for lane in self._lanes.values() for jobs in lane.values() for job in jobs)

    def count(self, lane: Lane) -> int:
        """Say how many jobs wait in `lane`."""
        return sum(map(len, self._lanes[lane].values()))

    def ahead(self, lane: Lane, client: str) -> int:
        """Say how many of those who wait now would be served before one more job of `client`."""
        ahead = 0
        for other in LANES:
            if other == lane:
                break
            ahead += self.count(other)
        own = len(self._lanes[lane].get(client, ()))
        # Each other client has its turn once before each of this client's jobs.
        return ahead + sum(
            len(jobs) if key == client else min(len(jobs), own + 1)
            for key, jobs in self._lanes[lane].items()
        )

    def add(self, job: Job) -> None:
        """Let `job` wait, behind all of its client's."""
        self._lanes[job.lane].setdefault(job.client, deque()).append(job)

    def take(self) -> Job | None:
        """Take out the job that is next; None where none waits."""
        for clients in self._lanes.values():
            for client, jobs in clients.items():
                job = jobs.popleft()
                del clients[client]
                if jobs:
                    clients[client] = jobs
                return job
        return None

    def drop(self, job: Job) -> bool:
        """Take `job` out, whoever is next, and say whether it was there."""
        jobs = self._lanes[job.lane].get(job.client)
        if jobs is None or job not in jobs:
            return False
        jobs.remove(job)
        if not jobs:
            del self._lanes[job.lane][job.client]
        return True

    def greediest(self, lane: Lane, client: str) -> Job | None:
        """Find the job that has to make room where `lane` is full and `client` comes with one more.

        It is the newest of whoever has most jobs in the lane (longest queue drop; McKenney,
        "Stochastic Fairness Queueing", 1990); None where `client` would then have as many as they,
        since that would only change who is refused.
        """
        clients = self._lanes[lane]
        if not clients:
            return None
        most = max(clients.values(), key=len)
        return most[-1] if len(most) >= len(clients.get(client, ())) + 2 else None
