"""One resource of the service: what answers, and what its documentation says."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from endolink.serving.service import Service


@dataclass(frozen=True)
class Resource:
    """A path with its method, the function that answers, and the schema of its answer.

    The function's docstring is the description. `query` has a field for each option; `commands` are
    shell commands that call the resource, and `example` is an answer, as JSON; both are shown.
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

    @property
    def description(self) -> str:
        """What a client needs to know, in paragraphs."""
        return inspect.getdoc(self.answer) or ""

    @property
    def route(self) -> Route:
        """The resource as Starlette routes to it."""
        return Route(self.path, self.answer, methods=[self.method])


def service_of(request: Request) -> Service:
    """Give the service that `request` came to."""
    service: Service = request.app.state.service
    return service


def answer_json(model: BaseModel) -> Response:
    """Answer with `model`, which says how the service is now and is not to be kept."""
    return Response(
        model.model_dump_json(),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
