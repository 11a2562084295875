"""`/v1/frames`: one frame in, its verdict out."""

from dataclasses import replace
from time import perf_counter
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from endolink.model.verdict import VERDICT_JSON, Verdict
from endolink.serving.http import body, examples
from endolink.serving.http.options import FrameOptions
from endolink.serving.http.resource import Resource, service_of

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


async def judge_frame(request: Request) -> Response:
    """Point at what may be a finding in one frame. It points; the clinician decides.

    All findings of the model are listed with a calibrated probability each; `present` says whether
    it reaches the finding's operating point. `usable` and `familiar` inform about the picture and
    never silence a finding. Nothing that is sent is kept.
    """
    service = service_of(request)
    options = FrameOptions.read(request.query_params)
    classifier = service.models.get(options.model)
    max_bytes = classifier.limits.max_bytes
    service.scheduler.knock()
    data = await body.read(request, max_bytes)
    content_type = request.headers.get("content-type", "")

    def job(queued: float) -> tuple[str, bytes]:
        started = perf_counter()
        upload = body.unpack(data, content_type, max_bytes)
        prepared = classifier.prepare(
            upload.image,
            declared=upload.declared,
            captured_at=options.captured_at,
            sequence=options.sequence,
        )
        (verdict,) = classifier.judge([prepared], explain=options.explain)
        total = queued + (perf_counter() - started) * 1000
        timing = replace(verdict.timing_ms, queue=round(queued, 3), total=round(total, 3))
        return verdict.request_id, VERDICT_JSON.dump_json(replace(verdict, timing_ms=timing))

    request_id, verdict = await service.scheduler.run(job)
    return Response(
        verdict,
        media_type="application/json",
        headers={"X-Request-Id": request_id, "Cache-Control": "no-store"},
    )


RESOURCES = (
    Resource(
        "POST",
        "/v1/frames",
        "Judge one frame",
        judge_frame,
        Verdict,
        examples.FRAMES,
        query=FrameOptions,
        body=_REQUEST_BODY,
        example=examples.VERDICT,
    ),
)
