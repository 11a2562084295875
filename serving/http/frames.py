"""`/v1/frames`: one frame in, its verdict out; and the same for several at once."""

import asyncio
from time import perf_counter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from endolink.model.errors import EndoLinkError
from endolink.model.verdict import ExplainedVerdict, Timing, Verdict, to_json
from endolink.serving.batching import Road
from endolink.serving.http import body, examples, problems
from endolink.serving.http.options import BatchOptions, FrameOptions
from endolink.serving.http.resource import (
    Resource,
    client_of,
    remember,
    remember_at_once,
    service_of,
    while_connected,
)
from endolink.serving.road import walk
from endolink.serving.turn import Turn

_IMAGE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "The image's bytes as they are (JPEG, PNG, WebP, BMP or TIFF), or a form with "
    "exactly one file. A media type `image/...` must be the right one; "
    "`application/octet-stream`, and what curl sends by itself, claim nothing.",
    "content": {
        "image/*": _IMAGE,
        "application/octet-stream": _IMAGE,
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"frame": {"type": "string", "format": "binary"}},
                "required": ["frame"],
            }
        },
    },
}
_BATCH_BODY: dict[str, Any] = {
    "required": True,
    "description": "A form with one file for each frame; their names are not looked at.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "frame": {"type": "array", "items": {"type": "string", "format": "binary"}}
                },
                "required": ["frame"],
            }
        },
    },
}


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FrameFault(_Closed):
    """Why one frame of several has no verdict."""

    code: str = Field(description="The kind of problem for programs: stable, as of a lone frame.")
    title: str
    detail: str = Field(description="What was wrong with this frame and what to do.")


class BatchItem(_Closed):
    """What there is to say of one frame: a verdict, or why there is none."""

    verdict: Verdict | ExplainedVerdict | None = None
    error: FrameFault | None = None


class Batch(_Closed):
    """One item for each frame, in the order in which they were sent."""

    frames: list[BatchItem]


async def judge_frame(request: Request) -> Response:
    """Point at what may be a finding in one frame. It points; the clinician decides.

    All findings of the model are listed with a calibrated probability each; `present` says whether
    it reaches the finding's operating point. `usable` and `familiar` inform about the picture and
    never silence a finding. Nothing that is sent is kept, unless the service was set up to keep
    frames for review or retraining (`endolink_retained_frames` of /metrics tells).

    Interactive frames go strictly before `bulk` ones, and clients of one lane have their turns one
    after the other; a proxy that speaks for several tells them apart by a header `X-Client-Id`.
    Too much work is refused at once with 503 and when to return. Whoever closes the connection
    takes the frame's work with it.
    """
    arrived = perf_counter()
    service = service_of(request)
    options = FrameOptions.of(request)
    classifier = service.models.get(options.model, options.version)
    max_bytes = classifier.limits.max_bytes
    lane, client = options.priority, client_of(request)
    deadline = options.deadline(arrived)
    scheduler = service.scheduler
    scheduler.knock(lane=lane, client=client, deadline=deadline)
    content_type = request.headers.get("content-type", "")

    length = body.promised(request, max_bytes)
    with service.intake.hold(length, retry_after=lambda: scheduler.retry_after(lane)):
        data = await body.read(request, length, seconds=service.settings.upload_seconds)

        def job(turn: Turn) -> Road[tuple[Verdict, bytes, bytes, bool]]:
            upload = body.unpack(data, content_type, max_bytes)
            verdict = yield from walk(
                turn,
                classifier,
                upload.image,
                declared=upload.declared,
                captured_at=options.captured_at,
                sequence=options.sequence,
                explain=options.explain,
            )
            written = to_json(verdict)
            noted = remember_at_once(request, turn, verdict, written)
            return verdict, written, upload.image, noted

        async def judged() -> tuple[Verdict, bytes]:
            verdict, written, image, noted = await scheduler.judge(
                service.followed(job), lane=lane, client=client, deadline=deadline
            )
            await remember(request, verdict, written, image, noted=noted)
            return verdict, written

        verdict, written = await while_connected(request, judged())
    return Response(
        written,
        media_type="application/json",
        headers={
            "X-Request-Id": verdict.request_id,
            "Cache-Control": "no-store",
            "Server-Timing": server_timing(verdict.timing_ms),
        },
    )


def server_timing(timing: Timing) -> str:
    """Write what a verdict took as the header `Server-Timing` has it (W3C), in milliseconds."""
    stages = ("queue", timing.queue), ("decode", timing.decode), ("inference", timing.inference)
    return ", ".join(f"{name};dur={spent:.1f}" for name, spent in stages)


async def judge_frames(request: Request) -> Response:
    """Judge several frames, and answer for each in their order.

    A frame that cannot be judged has an `error` with the code that it would have alone, and the
    others go on. Their `sequence` counts from 0. They are `bulk` unless `priority` says otherwise,
    have turns as if each came alone, and share the deadline: a frame that would begin later is told
    so.
    """
    arrived = perf_counter()
    service = service_of(request)
    settings, scheduler = service.settings, service.scheduler
    options = BatchOptions.of(request)
    classifier = service.models.get(options.model, options.version)
    lane, client = options.priority, client_of(request)
    deadline = options.deadline(arrived)
    scheduler.knock(lane=lane, client=client, deadline=deadline)
    content_type = request.headers.get("content-type", "")
    # As many as can be judged at a time: the rest of a batch does not fill the queue.
    turns = asyncio.Semaphore(scheduler.abreast(classifier))

    async def judge(sequence: int, data: bytes, content_type: str) -> BatchItem:
        def job(turn: Turn) -> Road[tuple[Verdict, bytes]]:
            upload = body.claim(data, content_type, classifier.limits.max_bytes)
            verdict = yield from walk(
                turn,
                classifier,
                upload.image,
                declared=upload.declared,
                sequence=sequence,
                explain=options.explain,
            )
            return verdict, upload.image

        try:
            async with turns:
                verdict, image = await scheduler.judge(
                    service.followed(job), lane=lane, client=client, deadline=deadline
                )
            await remember(request, verdict, to_json(verdict), image)
            return BatchItem(verdict=verdict)
        except EndoLinkError as error:
            if problems.status_of(type(error)) == 500:
                raise
            fault = FrameFault(code=error.code, title=error.title, detail=error.detail)
            return BatchItem(error=fault)

    async def judge_all(data: bytes) -> list[BatchItem]:
        files = await scheduler.run(
            lambda _: body.unpack_all(data, content_type, settings.batch_frames),
            lane=lane,
            client=client,
            deadline=deadline,
        )
        service.metrics.batch(len(files))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(judge(i, *file)) for i, file in enumerate(files)]
        return [task.result() for task in tasks]

    length = body.promised(request, settings.batch_bytes)
    with service.intake.hold(length, retry_after=lambda: scheduler.retry_after(lane)):
        data = await body.read(request, length, seconds=settings.upload_seconds)
        items = await while_connected(request, judge_all(data))
    return Response(
        Batch(frames=items).model_dump_json(exclude_unset=True),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


RESOURCES = (
    Resource(
        "POST",
        "/v1/frames",
        "Judge one frame",
        judge_frame,
        Verdict | ExplainedVerdict,
        examples.FRAMES,
        query=FrameOptions,
        body=_REQUEST_BODY,
        example=examples.VERDICT,
    ),
    Resource(
        "POST",
        "/v1/frames:batch",
        "Judge several frames",
        judge_frames,
        Batch,
        examples.BATCH,
        query=BatchOptions,
        body=_BATCH_BODY,
    ),
)
