"""`/healthz` and `/readyz`: whether to restart the service, and whether to send it frames."""

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from endolink.model.errors import ShuttingDown
from endolink.serving.http import examples
from endolink.serving.http.resource import Resource, answer_json, service_of
from endolink.serving.service import Service

# A frame that has waited this long is of no use to a clinician any more: in seconds.
_TOO_OLD = 1.0
# A mean that has moved this far, in the validation frames' standard deviations: most of what comes
# in looks unlike most of what the model was validated on.
_TOO_FAR = 2.0

Reason = Literal["queue-age", "queue-full", "drift", "model-change-failed"]


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
    """Say that frames are taken; 503 while the service shuts down, so that none is sent here.

    `degraded` is still 200: frames are answered, and somebody should look. Its `reasons`: a frame
    has waited for longer than a second (`queue-age`); new ones are being refused (`queue-full`);
    what comes in, or goes out, has moved by two standard deviations of the validation frames
    (`drift`; `/metrics` says which figure); or the last change of models was refused, and the ones
    before go on answering (`model-change-failed`).
    """
    service = service_of(request)
    if service.scheduler.draining:
        raise ShuttingDown("The service finishes what it has and takes no more frames.")
    reasons = list(_reasons(service))
    return answer_json(
        Ready(
            status="degraded" if reasons else "ready",
            reasons=reasons,
            models=list(service.models.names),
        )
    )


def _reasons(service: Service) -> Iterator[Reason]:
    scheduler = service.scheduler
    if scheduler.oldest_seconds("interactive") > _TOO_OLD:
        yield "queue-age"
    if scheduler.waiting("interactive") >= scheduler.queue > 0:
        yield "queue-full"
    if any(abs(shift) > _TOO_FAR for *_, shift in service.metrics.drift(service.models)):
        yield "drift"
    if service.models.failure is not None:
        yield "model-change-failed"


RESOURCES = (
    Resource("GET", "/healthz", "Is the service alive?", alive, Alive, examples.HEALTHZ),
    Resource("GET", "/readyz", "Does the service take frames?", ready, Ready, examples.READYZ),
)
