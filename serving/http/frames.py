"""`/v1/frames`: one frame in, its verdict out."""

from time import perf_counter
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from endolink.model.verdict import VERDICT_JSON, Verdict
from endolink.serving.http import body, examples
from endolink.serving.http.options import FrameOptions
from endolink.serving.http.resource import Resource, client_of, service_of, while_connected
from endolink.serving.road import walk
from endolink.serving.scheduler import Turn

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

    Interactive frames go strictly before `bulk` ones, and clients of one lane have their turns one
    after the other; a proxy that speaks for several tells them apart by a header `X-Client-Id`.
    Too much work is refused at once with 503 and when to return. Whoever closes the connection
    takes the frame's work with it.
    """
    arrived = perf_counter()
    service = service_of(request)
    options = FrameOptions.read(request.query_params)
    classifier = service.models.get(options.model)
    max_bytes = classifier.limits.max_bytes
    lane, client = options.priority, client_of(request)
    deadline = options.deadline(arrived)
    service.scheduler.knock(lane=lane, client=client, deadline=deadline)
    data = await body.read(request, max_bytes)
    content_type = request.headers.get("content-type", "")

    def job(turn: Turn) -> tuple[str, bytes]:
        upload = body.unpack(data, content_type, max_bytes)
        verdict = walk(
            turn,
            classifier,
            upload.image,
            declared=upload.declared,
            captured_at=options.captured_at,
            sequence=options.sequence,
            explain=options.explain,
        )
        return verdict.request_id, VERDICT_JSON.dump_json(verdict)

    request_id, verdict = await while_connected(
        request, service.scheduler.run(job, lane=lane, client=client, deadline=deadline)
    )
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
