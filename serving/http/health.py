"""`/healthz` and `/readyz`: whether to restart the service, and whether to send it frames."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from endolink.model.errors import ShuttingDown
from endolink.serving.http import examples
from endolink.serving.service import Service

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """Models are loaded and warm, and frames are taken."""

    status: Literal["ready"] = "ready"
    models: list[str]


@router.get(
    "/healthz",
    summary="Is the service alive?",
    openapi_extra={"x-codeSamples": examples.samples("healthz")},
)
async def alive() -> Alive:
    """Say that the process answers; where it does not, restart it."""
    return Alive()


@router.get(
    "/readyz",
    summary="Does the service take frames?",
    openapi_extra={"x-codeSamples": examples.samples("readyz")},
)
async def ready(request: Request) -> Ready:
    """Say that frames are taken; 503 while the service shuts down, so that none is sent here."""
    service: Service = request.app.state.service
    if service.scheduler.draining:
        raise ShuttingDown("The service finishes what it has and takes no more frames.")
    return Ready(models=list(service.models.by_name))
