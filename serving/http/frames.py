"""`/v1/frames`: one frame in, its verdict out."""

from dataclasses import replace
from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime
from starlette.responses import Response

from endolink.model.classifier import Explain
from endolink.model.verdict import VERDICT_JSON, Verdict
from endolink.serving.http import body, examples
from endolink.serving.service import Service

router = APIRouter(prefix="/v1", tags=["frames"])

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


@router.post(
    "/frames",
    summary="Judge one frame",
    response_model=Verdict,
    openapi_extra={"requestBody": _REQUEST_BODY, "x-codeSamples": examples.samples("frames")},
)
async def judge_frame(
    request: Request,
    explain: Annotated[
        Explain,
        Query(description="`box` also says where each finding that is present was seen."),
    ] = "none",
    model: Annotated[
        str | None, Query(description="Which model judges, by name; `/v1/models` lists them.")
    ] = None,
    captured_at: Annotated[
        AwareDatetime | None,
        Query(description="When the frame was captured (RFC 3339, with an offset); given back."),
    ] = None,
    sequence: Annotated[
        int | None,
        Query(ge=0, lt=2**63, description="The frame's number in its stream; given back."),
    ] = None,
) -> Response:
    """Point at what may be a finding in one frame. It points; the clinician decides.

    All findings of the model are listed with a calibrated probability each; `present` says whether
    it reaches the finding's operating point. `usable` and `familiar` inform about the picture and
    never silence a finding. Nothing that is sent is kept.
    """
    service: Service = request.app.state.service
    classifier = service.models.get(model)
    service.scheduler.knock()
    data = await body.read(request, service.settings.max_bytes)
    content_type = request.headers.get("content-type", "")

    def job(queued: float) -> tuple[str, bytes]:
        started = perf_counter()
        upload = body.unpack(data, content_type, service.settings.max_bytes)
        prepared = classifier.prepare(
            upload.image,
            declared=upload.declared,
            captured_at=captured_at,
            sequence=sequence,
        )
        (verdict,) = classifier.judge([prepared], explain=explain)
        total = queued + (perf_counter() - started) * 1000
        timing = replace(verdict.timing_ms, queue=round(queued, 3), total=round(total, 3))
        return verdict.request_id, VERDICT_JSON.dump_json(replace(verdict, timing_ms=timing))

    request_id, verdict = await service.scheduler.run(job)
    return Response(
        verdict,
        media_type="application/json",
        headers={"X-Request-Id": request_id, "Cache-Control": "no-store"},
    )
