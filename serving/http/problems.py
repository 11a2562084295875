"""The one place where an error becomes an HTTP answer: RFC 9457, `application/problem+json`.

A problem has the error's stable `code`, its `title` and its `detail`. It never has a byte of the
frame, nor anything of the request that was not understood, and neither has the log.
"""

import asyncio
import json
import logging
import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from ulid import ULID

from endolink.model import errors
from endolink.serving.logs import log
from endolink.serving.service import Service

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
PROBLEM = "endolink.problem"
"""Where the scope of a request keeps the code of the problem that it met."""

# The most specific class of an error's ancestry decides.
STATUS: Mapping[type[errors.EndoLinkError], int] = {
    errors.FrameError: 422,
    errors.FrameEmpty: 400,
    errors.FrameTooLarge: 413,
    errors.FrameTooManyPixels: 413,
    errors.FrameNotAnImage: 415,
    errors.FrameUnsupported: 415,
    errors.FrameAnimated: 415,
    errors.FrameMislabelled: 415,
    errors.RequestInvalid: 422,
    errors.RequestTooLarge: 413,
    errors.UploadTooSlow: 408,
    errors.MediaTypeUnsupported: 415,
    errors.ModelUnknown: 404,
    errors.Overloaded: 503,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotAllowed: 403,
    errors.RateLimited: 429,
    errors.AccessError: 503,
    errors.AuditError: 503,
    errors.ModelChangeRefused: 409,
    errors.ShuttingDown: 503,
    # As google.rpc.Code maps DEADLINE_EXCEEDED; 503 would ask for the same, old frame again.
    errors.DeadlineExceeded: 504,
}

# nginx's status for a client that went away; nobody is left to read it.
_CLIENT_CLOSED_REQUEST = 499


class Problem(BaseModel):
    """Why a request was not answered (RFC 9457)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(description="Where this kind of problem is described.")
    title: str = Field(description="The kind of problem, the same each time.")
    status: int = Field(description="The HTTP status, again.")
    detail: str = Field(description="What was wrong with this request and what to do.")
    code: str = Field(description="The kind of problem for programs: stable.")
    instance: str = Field(description="This occurrence; the service's log has it, too.")
    error: str | None = Field(
        None, description="The detail again, where Open Inference Protocol's clients look for it."
    )
    retry_after: float | None = Field(
        None,
        description="When it is worth trying again, in seconds; only when the service is busy.",
    )


def request_id() -> str:
    """Make the name of one request: a ULID, sortable by time."""
    return str(ULID())


def status_of(error: type[errors.EndoLinkError]) -> int:
    """Give the HTTP status that stands for `error`; 500 for what is not the caller's doing."""
    for ancestor in error.__mro__:
        if (status := STATUS.get(ancestor)) is not None:
            return status
    return 500


def catalogue() -> Iterator[tuple[str, str, int]]:
    """Give code, title and status of every problem that a request may meet."""
    for family in (errors.FrameError, errors.RequestError):
        for error in family.__subclasses__():
            yield error.code, error.title, status_of(error)
    for status in (
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    ):
        yield _code_of(status), status.phrase, status
    yield "internal", _INTERNAL_TITLE, 500


_INTERNAL_TITLE = "The service failed"


def _code_of(status: HTTPStatus) -> str:
    return status.phrase.lower().replace(" ", "-")


def _answer(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    retry_after: float | None = None,
    headers: Mapping[str, str] | None = None,
    path: str = "",
) -> Response:
    name = request_id()
    problem = Problem(
        type=f"/docs#{code}",
        title=title,
        status=status,
        detail=detail,
        code=code,
        instance=f"urn:ulid:{name}",
        error=detail if path.startswith("/v2") else None,
        retry_after=retry_after,
    )
    response = Response(
        json.dumps(problem.model_dump(exclude_none=True), ensure_ascii=False),
        status,
        {**(headers or {}), "X-Request-Id": name, "Cache-Control": "no-store"},
        MEDIA_TYPE,
    )
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    log(logger, logging.INFO, "refused", request=name, status=status, code=code)
    return response


def of_status(status: HTTPStatus, detail: str) -> Response:
    """Answer a request that did not come as far as a resource."""
    return _answer(status, _code_of(status), status.phrase, detail)


async def _endolink_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.EndoLinkError)
    return answer(request, error)


def answer(request: Request, error: errors.EndoLinkError) -> Response:
    """Make the answer that `error` is to `request`."""
    _count(request.scope, error.code)
    status = status_of(type(error))
    if status == 500:
        return _unexpected(error)
    retry_after = None
    if isinstance(error, errors.Overloaded | errors.RateLimited):
        retry_after = error.retry_after
    # RFC 6750, section 3: and no word of what was wrong with the credentials.
    challenge = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return _answer(
        status,
        error.code,
        error.title,
        error.detail,
        retry_after=retry_after,
        headers=challenge,
        path=request.url.path,
    )


def _count(scope: Scope, code: str) -> None:
    service: Service = scope["app"].state.service
    service.metrics.refused(code)
    scope[PROBLEM] = code


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail = {
        HTTPStatus.NOT_FOUND: "Nothing is served at this path; /docs lists what is.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This path is not served for this method; see /docs.",
    }.get(status, status.description)
    _count(request.scope, _code_of(status))
    return _answer(
        status,
        _code_of(status),
        status.phrase,
        detail,
        headers=error.headers,
        path=request.url.path,
    )


async def _client_left(_request: Request, _error: Exception) -> Response:
    return Response(status_code=_CLIENT_CLOSED_REQUEST)


def _unexpected(error: Exception) -> Response:
    response = _answer(
        500,
        "internal",
        _INTERNAL_TITLE,
        "This is a fault of the service, not of the request; its log says more on this instance.",
    )
    # The traceback's lines of code, and no exception's text: that may quote the input.
    log(
        logger,
        logging.ERROR,
        "failed",
        request=response.headers["X-Request-Id"],
        error=type(error).__name__,
        where=_where(error),
    )
    return response


def _where(error: BaseException) -> str:
    """Say where `error` was raised, one line a call, with nothing of its text."""
    lines = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"  {code.co_filename}:{trace.tb_lineno} in {code.co_qualname}")
        trace = trace.tb_next
    return "\n".join(lines)


def install(app: Starlette) -> None:
    """Make every error that `app` meets an answer of this module."""
    app.add_exception_handler(errors.EndoLinkError, _endolink_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(ClientDisconnect, _client_left)
    app.add_middleware(_LastResort)


class _LastResort:
    """Answers what nobody foresaw, where an application has a handler for `Exception`.

    Starlette raises the error again after such a handler has answered it, and the server then logs
    the error's text, which may quote the input.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except asyncio.CancelledError:
            # The server gives up what is still under way when the time for stopping is over.
            if not started:
                detail = "The service stopped before this was answered; send it again elsewhere."
                response = answer(Request(scope), errors.ShuttingDown(detail))
                await response(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - that is what it is for
            _count(scope, "internal")
            response = _unexpected(error)
            if not started:
                await response(scope, receive, send)
