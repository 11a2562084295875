"""`/healthz` and `/readyz`: whether to restart the service, and whether to send it frames."""

from typing import Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from endolink.model.errors import ShuttingDown
from endolink.serving.health import REASONS, Reason
from endolink.serving.http import examples
from endolink.serving.http.resource import Resource, answer_json, service_of


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """Models are loaded and warm, and frames are taken; degraded where somebody should look."""

    status: Literal["ready", "degraded"]
    reasons: list[Reason]
    models: list[str]


async def alive(_request: Request) -> Response:
    """Say that the process answers; where it does not, restart it."""
    return answer_json(Alive())


async def ready(request: Request) -> Response:
    service = service_of(request)
    if not service.health.ready:
        raise ShuttingDown("The service finishes what it has and takes no more frames.")
    reasons = list(service.health.reasons())
    return answer_json(
        Ready(
            status="degraded" if reasons else "ready",
            reasons=reasons,
            models=list(service.models.names),
        )
    )


ready.__doc__ = f"""Say that frames are taken; 503 while the service shuts down, so that none come.

`degraded` is still 200: frames are answered, and somebody should look. Its `reasons`:
{"; ".join(f"{meaning} (`{reason}`)" for reason, meaning in REASONS.items())}. `/metrics` has the
same as `endolink_ready` and `endolink_degraded`.
"""


RESOURCES = (
    Resource("GET", "/healthz", "Is the service alive?", alive, Alive, examples.HEALTHZ),
    Resource("GET", "/readyz", "Does the service take frames?", ready, Ready, examples.READYZ),
)
