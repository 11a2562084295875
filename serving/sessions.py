"""The live streams of one service: how many there may be, and which can be resumed."""

import asyncio
import logging
from collections.abc import Iterator
from functools import partial
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from endolink.model.errors import Overloaded, SessionUnknown
from endolink.serving.mailbox import Connection
from endolink.serving.models import Models
from endolink.serving.retention.keeper import Keeper
from endolink.serving.scheduler import Scheduler
from endolink.serving.stream import GRACE_S, Session
from endolink.serving.stream_metrics import StreamCounts
from endolink.serving.wire import Hello

if TYPE_CHECKING:
    from endolink.serving.tracing import Traces  # an extra

logger = logging.getLogger(__name__)

# When to ask again where every session is taken: the soonest that a grace time frees one, roughly.
_RETRY_S = 5.0


class Sessions:
    """Sessions by their secret names; used from one event loop.

    At most `most` at a time. One without a connection is kept for `grace_s`, unless its place is
    needed: whoever has been away longest makes room.
    """

    def __init__(
        self,
        models: Models,
        scheduler: Scheduler,
        *,
        most: int,
        grace_s: float = GRACE_S,
        counts: StreamCounts | None = None,
        traces: "Traces | None" = None,
        keeper: Keeper | None = None,
    ) -> None:
        self._models = models
        self._scheduler = scheduler
        self.most = most
        self.counts = counts or StreamCounts()
        self._traces = traces
        self._keeper = keeper
        self._grace_s = grace_s
        self._sessions: dict[str, Session] = {}
        self._owners: dict[str, str] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions.values())

    @property
    def full(self) -> bool:
        """Whether there is room for nobody: every place is taken, and by somebody who is here."""
        return len(self._sessions) >= self.most and not self._expiries

    def enter(self, hello: Hello, connection: Connection, *, owner: str = "") -> Session:
        """Begin the session that `hello` asks for, or go on with the one that it names.

        Only its `owner` may go on with it.

        Raises
        ------
        ModelUnknown
            No model of the name is served.
        SessionUnknown
            The session that was named is over, or never was.
        Overloaded
            As many sessions as allowed go on.
        """
        if hello.resume is None:
            session = self._begin(hello, owner)
            self._owners[session.name] = owner
        else:
            session = self._find(hello.resume, owner)
        session.attach(connection, hello, resumed=hello.resume is not None)
        self.counts.session("begun" if hello.resume is None else "resumed")
        if (expiry := self._expiries.pop(session.name, None)) is not None:
            expiry.cancel()
        return session

    def leave(self, session: Session) -> None:
        """Take in that a connection of `session` has closed; after the last its time runs."""
        if session.name in self._sessions and not session.connected:
            # Connections that break together leave one after the other.
            if (expiry := self._expiries.get(session.name)) is not None:
                expiry.cancel()
            self._expiries[session.name] = asyncio.get_running_loop().call_later(
                self._grace_s, self._expire, session
            )

    def _expire(self, session: Session) -> None:
        self.counts.session("expired")
        self._end(session)

    def end(self, session: Session) -> None:
        """Forget `session`, whose client or service is going."""
        if session.name in self._sessions:
            self.counts.session("ended")
            self._end(session)

    def _end(self, session: Session) -> None:
        if (expiry := self._expiries.pop(session.name, None)) is not None:
            expiry.cancel()
        self._owners.pop(session.name, None)
        if self._sessions.pop(session.name, None) is not None:
            closing = asyncio.create_task(session.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """End every session."""
        for session in list(self._sessions.values()):
            self.end(session)
        await asyncio.gather(*self._closing)

    def _begin(self, hello: Hello, owner: str) -> Session:
        self._models.get(hello.model)
        if self.full:
            self.counts.session("refused")
            raise Overloaded(
                f"{self.most} streams go on, which is as many as are taken; try again in "
                f"{_RETRY_S:.0f} s.",
                retry_after=_RETRY_S,
            )
        if len(self._sessions) >= self.most:
            self._expire(self._sessions[next(iter(self._expiries))])
        # Whoever knows the name may resume: it has to be one that nobody guesses.
        session = Session(
            token_urlsafe(24),
            hello,
            self._models,
            self._scheduler,
            counts=self.counts,
            traces=self._traces,
            keep=None if self._keeper is None else partial(self._keeper.offer, owner),
        )
        self._sessions[session.name] = session
        logger.info("stream begins, %d go on", len(self._sessions))
        return session

    def _find(self, name: str, owner: str) -> Session:
        session = self._sessions.get(name)
        # Of somebody else's session not even that there is one.
        if session is None or self._owners[name] != owner:
            raise SessionUnknown(
                "The session is over, or never was; begin a new one, without `resume`."
            )
        return session
