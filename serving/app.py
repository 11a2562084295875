"""The service as an ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from endolink.model.egress import require
from endolink.model.errors import EndoLinkError, ExtraMissing
from endolink.model.runtime import available_cpus
from endolink.serving.access.gate import Gate, Recogniser
from endolink.serving.access.guard import Guard
from endolink.serving.access.keys import KeyRing
from endolink.serving.access.oidc import Tokens
from endolink.serving.access.rate import Limiter
from endolink.serving.audit.archive import KINDS, Archive
from endolink.serving.audit.checkpoint import SigningKey
from endolink.serving.audit.log import AuditLog
from endolink.serving.audit.record import Recorder
from endolink.serving.health import Health
from endolink.serving.http import (
    access,
    assets,
    frames,
    health,
    open_inference,
    openapi,
    pages,
    problems,
    streams,
)
from endolink.serving.http import metrics as metrics_page
from endolink.serving.http import models as model_list
from endolink.serving.http.compress import Compress
from endolink.serving.http.observe import Observe
from endolink.serving.intake import Intake
from endolink.serving.metrics import Metrics
from endolink.serving.models import Models
from endolink.serving.retention.keeper import Keeper
from endolink.serving.retention.record import Signer
from endolink.serving.retention.vault import Vault
from endolink.serving.scheduler import Scheduler
from endolink.serving.service import Service
from endolink.serving.sessions import Sessions
from endolink.serving.settings import Settings
from endolink.serving.stream_metrics import StreamsNow

# The busiest first: routes are tried in this order.
RESOURCES = (
    *frames.RESOURCES,
    *model_list.RESOURCES,
    *health.RESOURCES,
    *access.RESOURCES,
    *metrics_page.RESOURCES,
    *open_inference.RESOURCES,
)


def create_app(settings: Settings, models: Models) -> Starlette:
    """Make the service that answers with `models`, which are open and warm.

    Starting it starts its workers, one for each CPU of the container's quota; stopping it finishes
    the frames that were admitted.

    Raises
    ------
    ExtraMissing
        Traces are configured, and OpenTelemetry is not installed.
    EgressRefused
        It is set up to send or keep what no rule lets go there.
    """
    tracing = None if settings.traces is None else _import_tracing()
    traces = tracing.Traces(settings.traces, frames=settings.trace_frames) if tracing else None

    gate = Gate(_recognisers(settings))
    # Before the first request, so that a service which cannot remember does not begin.
    audit = _audit(settings)
    _may_leave(settings, audit)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        metrics = Metrics()
        keeper = _keeper(settings, audit)
        workers = settings.workers or available_cpus()
        scheduler = Scheduler(
            workers=workers,
            queue=settings.queue,
            judged=metrics.judged,
            batch_size=models.batch_size,
            ran=metrics.ran,
        )
        intake = Intake(bodies=settings.uploads, max_bytes=settings.upload_bytes)
        metrics.watch(models, scheduler, intake)
        app.state.sessions = sessions = Sessions(
            models,
            scheduler,
            most=settings.streams,
            counts=metrics.streams,
            traces=traces,
            keeper=keeper,
        )
        health = Health(models, scheduler, sessions, metrics)
        for collector in (StreamsNow(sessions), health, *((keeper,) if keeper else ())):
            metrics.show(collector)
        app.state.service = Service(
            settings, models, scheduler, intake, metrics, health, traces, gate, audit, keeper
        )
        pruning = asyncio.create_task(audit.prune_daily()) if audit else None
        yield
        await app.state.sessions.close()
        await scheduler.drain()
        if keeper:
            await asyncio.to_thread(keeper.close)
        if audit and pruning:
            pruning.cancel()
            await asyncio.to_thread(audit.log.close)
        if traces:
            await asyncio.to_thread(traces.close)

    api = openapi.describe(RESOURCES)

    async def api_for_programs(_request: Request) -> Response:
        return JSONResponse(api)

    async def api_for_people(_request: Request) -> Response:
        return pages.docs(api)

    app = Starlette(
        routes=[
            *(resource.route for resource in RESOURCES),
            streams.ROUTE,
            assets.ROUTE,
            Route("/", pages.home),
            Route("/docs", api_for_people),
            Route("/openapi.json", api_for_programs),
        ],
        lifespan=lifespan,
    )
    # Nobody's frame is sent again because of a slash.
    app.router.redirect_slashes = False
    problems.install(app)
    app.add_middleware(
        Guard,
        gate=gate,
        limiter=Limiter(settings.quota) if settings.guarded else None,
        tls=settings.tls_certificate is not None,
    )
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Server-Timing", "X-Request-Id", "Retry-After"],
        )
    app.add_middleware(Compress)
    app.add_middleware(Observe)
    if tracing:
        app.add_middleware(tracing.TraceRequests, traces=traces)
    return app


def _recognisers(settings: Settings) -> list[Recogniser]:
    found: list[Recogniser] = []
    if settings.keys is not None:
        ring = KeyRing(settings.keys)
        # A file that cannot be read is said now, and not to the first who asks.
        ring.listed()
        found.append(ring)
    if (provider := settings.identity_provider) is not None:
        found.append(Tokens(provider))
    return found


def _audit(settings: Settings) -> Recorder | None:
    if settings.audit is None or settings.audit_key is None:
        return None
    log = AuditLog.open(
        settings.audit.get_secret_value(),
        settings.audit_chain,
        SigningKey.read(settings.audit_key),
        policy=settings.audit_policy,
        durable=settings.audit_durable,
        rules=settings,
    )
    archive = Archive(settings.audit_archive, settings) if settings.audit_archive else None
    return Recorder(log, settings.audit_days, archive)


def _may_leave(settings: Settings, audit: Recorder | None) -> None:
    """Ask whether everything that the service will write or send may go there, and note it."""
    rules = settings.told_to(audit.passage) if audit else settings
    try:
        if settings.audit is not None:
            require(KINDS, settings.audit.get_secret_value(), rules)
            if settings.audit_archive is not None:
                require(KINDS, settings.audit_archive, rules)
        if settings.traces is not None:
            # What a request spent its time on: nothing that was said of it.
            require(frozenset({"aggregates"}), settings.traces, rules)
        if settings.retain is not None:
            require(frozenset({"pixels"}), settings.retain, rules)
            # A key or a folder that cannot be used is said now, and not to nobody later.
            _vault(settings)
    except EndoLinkError:
        if audit:
            audit.log.close()
        raise


def _vault(settings: Settings) -> Vault:
    assert settings.retain is not None
    assert settings.retain_key is not None
    return Vault.open(settings.retain, settings.retain_key, create=True)


def _keeper(settings: Settings, audit: Recorder | None) -> Keeper | None:
    if settings.retain is None or settings.audit_key is None or audit is None:
        return None
    signer = Signer(SigningKey.read(settings.audit_key), "serve")
    return Keeper(_vault(settings), settings, audit.log, signer)


def _import_tracing() -> ModuleType:
    try:
        from endolink.serving import tracing  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing(
            "Traces need the tracing extra; pip install 'endolink[tracing]' brings it."
        ) from error
    return tracing
