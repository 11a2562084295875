"""The service as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from endolink import __version__
from endolink.model.runtime import available_cpus
from endolink.serving.http import examples, frames, health, pages, problems
from endolink.serving.http import models as model_list
from endolink.serving.models import Models
from endolink.serving.scheduler import Scheduler
from endolink.serving.service import Service
from endolink.serving.settings import Settings

_DESCRIPTION = (
    "An endoscopy assistant: send a frame, get a verdict. It points at what may be a finding; the "
    "clinician decides. What it says is not a diagnosis."
)


def create_app(settings: Settings, models: Models) -> FastAPI:
    """Make the service that answers with `models`, which are open and warm.

    Starting it starts its workers, one for each CPU of the container's quota; stopping it finishes
    the frames that were admitted.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        scheduler = Scheduler(workers=available_cpus(), queue=settings.queue)
        app.state.service = Service(settings, models, scheduler)
        yield
        await scheduler.drain()

    app = FastAPI(
        title="EndoLink",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        # The framework's own pages load their scripts from a third party's host.
        docs_url=None,
        redoc_url=None,
        # Nobody's frame is sent again because of a slash.
        redirect_slashes=False,
    )
    for resource in (pages, frames, model_list, health):
        app.include_router(resource.router)
    problems.install(app)
    schema: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not schema:
            schema.update(_openapi(app))
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Describe `app`; its problems are said as they are, not as the framework thinks they are."""
    schema = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = schema["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Problem"] = problems.Problem.model_json_schema()
    problem = {
        "description": "A problem, with a stable code.",
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    # The framework would leave out whatever is null in an example.
    answer = schema["paths"]["/v1/frames"]["post"]["responses"]["200"]
    answer["content"]["application/json"]["example"] = examples.VERDICT
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = problem
    return schema
