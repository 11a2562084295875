"""One resource of the service: what answers, and what its documentation says."""

import asyncio
import functools
import inspect
import ipaddress
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from endolink.model.errors import Abandoned, NotAllowed
from endolink.model.frame import Frame
from endolink.model.verdict import Verdict
from endolink.serving.access.principal import ANYBODY, Principal
from endolink.serving.http.deprecation import Deprecation, used
from endolink.serving.service import Service
from endolink.serving.turn import Turn

T = TypeVar("T")

# A client that sits behind others' proxy may say which one it is; no longer name is of use.
_CLIENT_HEADER = "x-client-id"
_CLIENT_LENGTH = 128
# What proxies and browsers add: neither is somebody at the machine's own shell.
_FROM_ELSEWHERE = {"forwarded", "x-forwarded-for", "via", "origin", "referer"}


@dataclass(frozen=True)
class Resource:
    """A path with its method, the function that answers, and the schema of its answer.

    The function's docstring is the description. `query` has a field for each option; `commands` are
    shell commands that call the resource, and `example` is an answer, as JSON; both are shown.
    `body` is OpenAPI's description of the body, `body_model` what its JSON is read with, `also` the
    media types that an answer may have instead. What is `deprecated`, or those of
    `deprecated_options` that a request uses, its answers tell.
    """

    method: Literal["GET", "POST"]
    path: str
    summary: str
    answer: Callable[[Request], Awaitable[Response]]
    schema: Any
    commands: tuple[str, ...]
    query: type[BaseModel] | None = None
    body: Mapping[str, Any] | None = None
    example: Mapping[str, Any] | None = None
    media_type: str = "application/json"
    also: tuple[str, ...] = ()
    body_model: type[BaseModel] | None = None
    deprecated: Deprecation | None = None
    deprecated_options: Mapping[str, Deprecation] = field(default_factory=dict)

    @property
    def operation(self) -> str:
        """The name that nothing else has."""
        return self.answer.__name__ + ("_of_version" if "{version}" in self.path else "")

    @property
    def description(self) -> str:
        """What a client needs to know, in paragraphs."""
        told = inspect.getdoc(self.answer) or ""
        return f"{told}\n\n{self.deprecated.notice}" if self.deprecated else told

    @property
    def route(self) -> Route:
        """The resource as Starlette routes to it."""
        answer = self._tell if self.deprecated or self.deprecated_options else self.answer
        return Route(self.path, answer, methods=[self.method], name=self.operation)

    @property
    def _tell(self) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(self.answer)
        async def answer(request: Request) -> Response:
            if self.deprecated:
                used(request, self.deprecated)
            for option in request.query_params.keys() & self.deprecated_options.keys():
                used(request, self.deprecated_options[option])
            return await self.answer(request)

        return answer


def service_of(request: Request) -> Service:
    """Give the service that `request` came to."""
    service: Service = request.app.state.service
    return service


def principal_of(request: Request) -> Principal:
    """Give who makes `request`, as the gate has found; `ANYBODY` where nobody is asked."""
    principal: Principal = request.scope.get("principal", ANYBODY)
    return principal


def local_only(request: Request) -> None:
    """Where nobody is asked, let nobody through but a program that runs on this machine itself.

    Where somebody is, the gate has seen to it that they may.

    Raises
    ------
    NotAllowed
        The request comes from elsewhere, through a proxy, or out of a web page.
    """
    if principal_of(request) is not ANYBODY:
        return
    host = request.client.host if request.client else ""
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here or _FROM_ELSEWHERE & set(request.headers):
        raise NotAllowed("Models are changed from the service's own machine, without a proxy.")


def client_of(request: Request) -> str:
    """Tell one client from another, for the sake of fairness.

    Who it is and the header `X-Client-Id`; where nobody is asked, that, or the address that the
    connection comes from.
    """
    named = request.headers.get(_CLIENT_HEADER)
    if (principal := principal_of(request)) is not ANYBODY:
        return f"{principal.name} {(named or '')[:_CLIENT_LENGTH]}"
    if named is not None:
        return f"id {named[:_CLIENT_LENGTH]}"
    return request.client.host if request.client else ""


def remember_at_once(request: Request, turn: Turn, verdict: Verdict, written: bytes) -> bool:
    """Note in the audit log what is about to be answered, on the worker that made it.

    A thread that would do it instead, and the way there and back, cost more. False where it is
    still to be done, by `remember`.

    Raises
    ------
    Abandoned
        Nobody waits for the answer any more, so that there will be none.
    AuditUnavailable
        It cannot be written, and nothing may be answered without.
    """
    audit = service_of(request).audit
    if audit is None:
        return True
    if turn.abandoned:
        raise Abandoned("Nobody waits for this frame's verdict any more.")
    return audit.frame_at_once(principal_of(request).name, verdict, written)


async def remember(
    request: Request, verdict: Verdict, written: bytes, image: bytes | Frame, *, noted: bool = False
) -> None:
    """Note in the audit log what is about to be answered about `image`, unless it is `noted`.

    Where frames are kept and the rule covers this one, it is kept; that waits for nothing.

    Raises
    ------
    AuditUnavailable
        It cannot be written, and nothing may be answered without.
    """
    service, who = service_of(request), principal_of(request).name
    if service.audit is not None and not noted:
        await service.audit.frame(who, verdict, written)
    if service.keeper is not None:
        service.keeper.offer(who, image, verdict)


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Await `work`, and cancel it as soon as the client has closed the connection.

    The body of `request` must have been read to its end.

    Raises
    ------
    ClientDisconnect
        The client has gone.
    """
    task = asyncio.current_task()
    assert task is not None
    waits, gone = True, False

    def leave(_: asyncio.Future[Any]) -> None:
        nonlocal gone
        if waits:
            gone = task.cancel()

    # After the body, the only thing left to receive is that the client has gone.
    watch = asyncio.ensure_future(request.receive())
    watch.add_done_callback(leave)
    try:
        return await work
    except asyncio.CancelledError:
        if gone and task.uncancel() == 0:
            raise ClientDisconnect from None
        raise
    finally:
        waits = False
        watch.cancel()


def answer_json(model: BaseModel) -> Response:
    """Answer with `model`, which says how the service is now and is not to be kept."""
    return Response(
        model.model_dump_json(),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
