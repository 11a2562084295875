"""The gate as a layer of the ASGI application: every HTTP request passes here, or not at all."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from endolink.model.errors import EndoLinkError
from endolink.serving.access.gate import Gate, bearer
from endolink.serving.access.principal import ANYBODY
from endolink.serving.access.rate import Limiter
from endolink.serving.access.rules import needed
from endolink.serving.http import problems

# As they are sent: every answer has them, and none is searched for what it already has but once.
_SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)


class Guard:
    """Asks who is there, holds them to their quota, and notes them as `scope["principal"]`.

    A stream says who it is in its first message, since a browser cannot set a WebSocket's headers;
    `serving/http/streams.py` asks the same gate.
    """

    def __init__(
        self, app: ASGIApp, *, gate: Gate, limiter: Limiter | None = None, tls: bool = False
    ) -> None:
        self._app, self._gate, self._limiter = app, gate, limiter
        self._security = _SECURITY
        if tls:
            self._security += ((b"strict-transport-security", b"max-age=31536000"),)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        more = self._security

        async def dress(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name for name, _ in message["headers"]}
                missing = (header for header in more if header[0] not in known)
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        wanted = needed(scope["method"], scope["path"])
        if wanted is None:
            scope["principal"] = ANYBODY
            await self._app(scope, receive, dress)
            return
        try:
            credential = bearer(Headers(scope=scope).get("authorization"))
            principal = scope["principal"] = await self._gate.admit(credential, wanted)
            client = principal.name if self._gate.closed else _address(scope)
            standing = self._limiter.enter(client) if self._limiter else None
        except EndoLinkError as error:
            response = problems.answer(Request(scope), error)
            await response(scope, receive, dress)
            return
        if standing is None:
            await self._app(scope, receive, dress)
            return
        more += tuple(
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in standing.headers.items()
        )
        try:
            await self._app(scope, receive, dress)
        finally:
            assert self._limiter is not None
            self._limiter.leave(client)


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""
