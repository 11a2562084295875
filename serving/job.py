"""One job on its way: as far as the network, and from there to its end."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Any

from endolink.model.errors import EndoLinkError
from endolink.model.verdict import Verdict
from endolink.serving.batching import Ask, Road
from endolink.serving.turn import Judged, Turn
from endolink.serving.waiting import Lane

End = tuple[bool, Any]
"""Whether a job failed; and why, or its answer."""


class Job(Turn):
    """What a worker needs beside the turn itself: what to do, and who is told.

    `ask` is what it asks of the network while it waits for that, and `asked` since when; `worked`
    is what it has taken a worker, in seconds: of a batch its share.
    """

    def __init__(
        self,
        work: Callable[[Turn], Any],
        loop: asyncio.AbstractEventLoop,
        *,
        road: bool,
        lane: Lane,
        client: str,
        deadline: float | None,
        judged: Judged,
    ) -> None:
        super().__init__(lane, client, deadline, judged)
        self.answer: asyncio.Future[Any] = loop.create_future()
        self.ask: Ask | None = None
        self.asked = 0.0
        self.worked = 0.0
        self._work = work
        self._is_road = road
        self._road: Road[Any] | None = None

    def begin(self) -> End | None:
        """Go as far as the network, and give None; or to the end, where there is no need of it."""
        began = perf_counter()
        self.waited_ms = (began - self.admitted) * 1000
        try:
            self.check("decoding")
            what = self._work(self)
            if not self._is_road:
                return False, what
            self._road = what
            self.ask = next(what)
        except StopIteration as end:
            return False, end.value
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            return True, error
        finally:
            self.asked = perf_counter()
            self.worked += self.asked - began
        return None

    def objection(self) -> EndoLinkError | None:
        """Say why the network is not to be run for it: nobody waits any more, or it is too late."""
        try:
            self.check("inference")
        except EndoLinkError as error:
            return error
        return None

    def end(self, outcome: Verdict | Exception) -> End:
        """Go on from the network to the end, with its verdict or without."""
        assert self._road is not None
        road, self._road, self.ask = self._road, None, None
        began = perf_counter()
        try:
            if isinstance(outcome, Exception):
                road.throw(outcome)
            else:
                road.send(outcome)
        except StopIteration as end:
            return False, end.value
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            return True, error
        finally:
            self.worked += perf_counter() - began
            # A traceback holds this frame: together they would outlive whoever asked.
            del outcome
        return True, RuntimeError("a job asks the network once")

    def refuse(self, error: Exception) -> None:
        """Tell whoever asked why there is no answer; on the event loop, as `succeed`."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def succeed(self, answer: Any) -> None:
        """Give the answer to whoever asked."""
        if not self.answer.done():
            self.answer.set_result(answer)
