"""What is seen of every answer: how long it took, for the client, the metrics and the log."""

import logging
from collections.abc import Iterable
from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from endolink.serving.http.deprecation import of as deprecation_of
from endolink.serving.logs import log
from endolink.serving.service import Service

logger = logging.getLogger(__name__)

# What was asked for at a path that is not served: its text is the client's own, and never a label.
_UNKNOWN = "unknown"
_TIMING = b"server-timing"


class Observe:
    """Adds `Server-Timing: total` to each answer, and counts it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arrived = perf_counter()

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = perf_counter() - arrived
                message["headers"] = _timed(message["headers"], took)
                if (deprecation := deprecation_of(scope)) is not None:
                    MutableHeaders(scope=message).update(deprecation.headers)
                _count(scope, message["status"], took)
            await send(message)

        await self._app(scope, receive, watch)


def _timed(headers: Iterable[tuple[bytes, bytes]], seconds: float) -> list[tuple[bytes, bytes]]:
    """Add what it took in all to what an answer's headers say of its stages."""
    total = b"total;dur=%.1f" % (seconds * 1000)
    timed = list(headers)
    for index, (name, stages) in enumerate(timed):
        if name == _TIMING:
            timed[index] = (name, stages + b", " + total)
            return timed
    timed.append((_TIMING, total))
    return timed


def _count(scope: Scope, status: int, seconds: float) -> None:
    service: Service = scope["app"].state.service
    endpoint = scope.get("endpoint")
    resource = getattr(endpoint, "__name__", _UNKNOWN)
    service.metrics.answered(resource, status, seconds)
    if deprecation_of(scope) is not None:
        service.metrics.deprecated(resource)
    if logger.isEnabledFor(logging.DEBUG):
        ms = round(seconds * 1000, 1)
        log(logger, logging.DEBUG, "answered", resource=resource, status=status, ms=ms)
