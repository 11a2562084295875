"""`/healthz` and `/readyz`: whether to restart the service, and whether to send it frames."""

from typing import Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from endolink.model.errors import ShuttingDown
from endolink.serving.http import examples
from endolink.serving.http.resource import Resource, answer_json, service_of


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """Models are loaded and warm, and frames are taken."""

    status: Literal["ready"] = "ready"
    models: list[str]


async def alive(_request: Request) -> Response:
    """Say that the process answers; where it does not, restart it."""
    return answer_json(Alive())


async def ready(request: Request) -> Response:
    """Say that frames are taken; 503 while the service shuts down, so that none is sent here."""
    service = service_of(request)
    if service.scheduler.draining:
        raise ShuttingDown("The service finishes what it has and takes no more frames.")
    return answer_json(Ready(models=list(service.models.by_name)))


RESOURCES = (
    Resource("GET", "/healthz", "Is the service alive?", alive, Alive, examples.HEALTHZ),
    Resource("GET", "/readyz", "Does the service take frames?", ready, Ready, examples.READYZ),
)
