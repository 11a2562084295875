"""Frames that are ready for the network while others are in it go into it together.

Nobody waits for a batch to fill: a frame that finds its network free goes in at once, alone or with
those that wait already. Only while another run is under way do frames gather, and whoever comes out
of the network takes them along (flat combining; Hendler, Incze, Shavit, Tzafrir, "Flat Combining
and the Synchronization-Parallelism Tradeoff", SPAA 2010). A worker that leaves its frame there
prepares the next one.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, Protocol, TypeVar

from endolink.model.classifier import Classifier, Explain, Prepared
from endolink.model.verdict import Verdict
from endolink.serving.waiting import LANES, Lane

Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Ask:
    """What a job asks of the network: to judge one prepared frame."""

    classifier: Classifier
    prepared: Prepared
    explain: Explain


Road = Generator[Ask, Verdict, Answer]
"""A job that asks the network, once: it is stopped there, and goes on, on whichever worker was in
the network, with its verdict or with the reason why there is none."""


class Asks(Protocol):
    """What can wait for the network: it belongs to a lane, and has asked."""

    @property
    def lane(self) -> Lane: ...

    @property
    def ask(self) -> Ask | None: ...


Member = TypeVar("Member", bound=Asks)


class Gathering(Generic[Member]):
    """Those who wait for one network; safe between threads.

    At most `most` go in together: of one lane, and with the same to be explained. With `most` = 1
    nobody ever waits, and the workers run the network side by side. Otherwise interactive frames
    wait for interactive ones alone, and bulk ones for both.

    Whoever `enter`s and is given members runs the network for them, `leave`s, and goes on with what
    `next` gives until that is nothing: so somebody always comes for those who wait.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = Lock()
        self._inside = dict.fromkeys(LANES, 0)
        self._waiting: list[Member] = []

    def enter(self, member: Member) -> list[Member]:
        """Give who is to be judged now, `member` among them; none where it is left to wait.

        As many as fill a batch are not left to wait: they have nothing to gain by it.
        """
        with self._lock:
            if len(self._waiting) < self.most - 1 and self._held_up(member.lane):
                self._waiting.append(member)
                return []
            return [*self._take(member), member]

    def leave(self, lane: Lane) -> None:
        """Let others of `lane` in, once the network has run."""
        with self._lock:
            self._inside[lane] -= 1

    def next(self) -> list[Member]:
        """Give who is to be judged next; none where nobody waits, or another is inside."""
        with self._lock:
            for lane in LANES:
                first = next((one for one in self._waiting if one.lane == lane), None)
                if first is not None and not self._held_up(lane):
                    return self._take(first)
        return []

    def _held_up(self, lane: Lane) -> bool:
        ahead = LANES[: LANES.index(lane)]
        # Who waits in a lane that goes before is taken by whoever has just come out.
        return any(self._inside[other] for other in (*ahead, lane)) or any(
            one.lane in ahead for one in self._waiting
        )

    def _take(self, first: Member) -> list[Member]:
        """Take out all who wait and can go in with `first`, and count the run."""
        taken = [one for one in self._waiting if _kind(one) == _kind(first)]
        if taken:
            self._waiting = [one for one in self._waiting if one not in taken]
        self._inside[first.lane] += 1
        return taken


def _kind(member: Asks) -> tuple[Lane, Explain | None]:
    return member.lane, member.ask.explain if member.ask else None


def judge(
    asks: Sequence[Ask], objection: Callable[[int], Exception | None] = lambda _: None
) -> list[Verdict | Exception]:
    """Run the network once for all of `asks`, of one classifier and one kind of explanation.

    Gives for each its verdict, or why there is none. Where the run fails each is judged alone, so
    that none fails for another's sake: unless `objection`, asked with its place among `asks`, gives
    a reason why it is of no use by then.
    """
    first = asks[0]
    try:
        verdicts = first.classifier.judge([ask.prepared for ask in asks], explain=first.explain)
    except Exception as error:  # noqa: BLE001 - whoever asked is told
        if len(asks) == 1:
            return [error]
        # The run that failed, and those of the ones before, took their time.
        return [objection(place) or judge([ask])[0] for place, ask in enumerate(asks)]
    return list(verdicts)
