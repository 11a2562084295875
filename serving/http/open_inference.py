"""`/v2`: the same models by the Open Inference Protocol, for programs that speak to any server.

https://github.com/kserve/open-inference-protocol, with the binary tensor extension. A request has
one input: `image`, BYTES [N], encoded images (base64 in JSON), or `pixels`, RGB, UINT8
[N, H, W, 3].
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from endolink import __version__
from endolink.model.classifier import Classifier
from endolink.model.errors import (
    FrameEmpty,
    FrameTooManyPixels,
    FrameTooSmall,
    RequestInvalid,
    ShuttingDown,
)
from endolink.model.frame import Frame, Limits
from endolink.model.verdict import VERDICT_JSON, Verdict
from endolink.serving.http import body, examples, tensors
from endolink.serving.http import open_inference_schema as schema
from endolink.serving.http.resource import (
    Resource,
    client_of,
    remember,
    service_of,
    while_connected,
)
from endolink.serving.road import walk
from endolink.serving.turn import Turn

_SERVER = {"name": "endolink", "version": __version__, "extensions": ["binary_tensor_data"]}
_INPUTS = [
    {"name": "image", "datatype": "BYTES", "shape": [-1]},
    {"name": "pixels", "datatype": "UINT8", "shape": [-1, -1, -1, 3]},
]
_PICTURES = "Give exactly one input: image, BYTES [N], or pixels, UINT8 [N, H, W, 3]."


def _model(request: Request) -> Classifier:
    path = request.path_params
    return service_of(request).models.get(path["model"], path.get("version"))


async def server_metadata(_request: Request) -> Response:
    """Say what this server is, as the Open Inference Protocol asks."""
    return _answer_json(_SERVER)


async def server_live(_request: Request) -> Response:
    """Say that the process answers, as the Open Inference Protocol asks."""
    return _answer_json({"live": True})


async def server_ready(request: Request) -> Response:
    """Say that frames are taken; 503 while the service shuts down. `/readyz` says more."""
    _take_frames(request)
    return _answer_json({"ready": True})


async def model_ready(request: Request) -> Response:
    """Say that the model is loaded and warm, and frames are taken."""
    identity = _model(request).identity
    _take_frames(request)
    return _answer_json({"name": identity.name, "version": identity.version, "ready": True})


def _take_frames(request: Request) -> None:
    if not service_of(request).health.ready:
        raise ShuttingDown("The service finishes what it has and takes no more frames.")


def _answer_json(answer: dict[str, Any]) -> Response:
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


async def model_metadata(request: Request) -> Response:
    """Describe a model's inputs and outputs; `parameters.findings` names the outputs' columns."""
    classifier = _model(request)
    identity, models = classifier.identity, service_of(request).models
    findings = [finding.code for finding in classifier.findings]
    outputs: dict[str, tuple[str, list[int]]] = {
        "probability": ("FP32", [-1, len(findings)]),
        "present": ("BOOL", [-1, len(findings)]),
        "familiarity": ("FP32", [-1]),
        "familiar": ("BOOL", [-1]),
        "usable": ("BOOL", [-1]),
        "verdict": ("BYTES", [-1]),
    }
    return _answer_json(
        {
            "name": identity.name,
            "versions": [
                model.identity.version for model in models if model.identity.name == identity.name
            ],
            "platform": "onnxruntime_onnx",
            "inputs": _INPUTS,
            "outputs": [
                {"name": name, "datatype": datatype, "shape": shape}
                for name, (datatype, shape) in outputs.items()
            ],
            "parameters": {"findings": ",".join(findings), "digest": identity.digest},
        }
    )


async def infer(request: Request) -> Response:
    """Judge frames by the Open Inference Protocol, with JSON or the binary tensor extension.

    `parameters.timeout`, in microseconds, is for how long that is of use. Outputs: `probability`
    and `present` [N, findings], `familiarity`, `familiar`, `usable` and `verdict` [N].
    """
    arrived = perf_counter()
    service = service_of(request)
    settings, scheduler = service.settings, service.scheduler
    classifier = _model(request)
    client = client_of(request)
    scheduler.knock(client=client)
    turns = asyncio.Semaphore(scheduler.abreast(classifier))

    async def judge(image: bytes | Frame, deadline: float | None) -> Verdict:
        async with turns:
            work = service.followed(lambda turn: walk(turn, classifier, image))
            verdict = await scheduler.judge(work, client=client, deadline=deadline)
        await remember(request, verdict, VERDICT_JSON.dump_json(verdict), image)
        return verdict

    async def judge_all(data: bytes) -> tuple[tensors.Inference, list[Verdict]]:
        def unpack(_: Turn) -> tuple[tensors.Inference, Sequence[bytes | Frame]]:
            inference = tensors.parse(data, request.headers.get(tensors.HEADER))
            return inference, _frames(inference, classifier.limits, settings.batch_frames)

        inference, images = await scheduler.run(unpack, client=client)
        deadline = _deadline(inference.request.parameters, arrived)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(judge(image, deadline)) for image in images]
        except ExceptionGroup as errors:
            # A tensor has no place for one frame's fault: the first is the request's.
            raise errors.exceptions[0] from None
        return inference, [task.result() for task in tasks]

    length = body.promised(request, settings.batch_bytes)
    with service.intake.hold(length, retry_after=lambda: scheduler.retry_after("interactive")):
        data = await body.read(request, length, seconds=settings.upload_seconds)
        inference, verdicts = await while_connected(request, judge_all(data))
    return _answer(inference.request, classifier, verdicts)


def _deadline(parameters: tensors.Parameters, arrived: float) -> float | None:
    timeout = parameters.get("timeout")
    if timeout is None:
        return None
    if not isinstance(timeout, int) or timeout < 1:
        raise RequestInvalid("parameters.timeout: it is in microseconds, 1 or more.")
    return arrived + timeout / 1e6


def _frames(inference: tensors.Inference, limits: Limits, most: int) -> Sequence[bytes | Frame]:
    """Give the one input's frames, held to the same limits as a lone frame of its kind."""
    if len(inference.request.inputs) != 1:
        raise RequestInvalid(_PICTURES)
    (tensor,) = inference.request.inputs
    data = inference.data[tensor.name]
    if not 1 <= len(data) <= most:
        raise RequestInvalid(f"A request may have 1 to {most} frames.")
    if tensor.name == "image" and not isinstance(data, np.ndarray) and len(tensor.shape) == 1:
        if not all(data):
            raise FrameEmpty("An element of image has no bytes.")
        return data
    if tensor.name == "pixels" and isinstance(data, np.ndarray) and data.ndim == 4:
        return [_frame(pixels, limits) for pixels in data]
    raise RequestInvalid(_PICTURES)


def _frame(pixels: NDArray[np.uint8], limits: Limits) -> Frame:
    height, width, channels = pixels.shape
    if channels != 3:
        raise RequestInvalid(_PICTURES)
    if min(height, width) < limits.min_side:
        raise FrameTooSmall(f"A frame's shorter side needs {limits.min_side} pixels.")
    if height * width > limits.max_pixels:
        raise FrameTooManyPixels(f"A frame may have at most {limits.max_pixels} pixels.")
    pixels = np.ascontiguousarray(pixels)
    pixels.setflags(write=False)
    return Frame(pixels, width, height, hashlib.sha256(pixels.tobytes()).hexdigest())


def _answer(
    request: tensors.InferRequest, classifier: Classifier, verdicts: Sequence[Verdict]
) -> Response:
    written = np.empty(len(verdicts), object)
    written[:] = [VERDICT_JSON.dump_json(verdict) for verdict in verdicts]
    rows = [verdict.findings for verdict in verdicts]
    known = {
        "probability": np.array([[item.probability for item in row] for row in rows], np.float32),
        "present": np.array([[item.present for item in row] for row in rows], np.bool_),
        "familiarity": np.array([verdict.familiarity for verdict in verdicts], np.float32),
        "familiar": np.array([verdict.familiar for verdict in verdicts], np.bool_),
        "usable": np.array([verdict.usable for verdict in verdicts], np.bool_),
        "verdict": written,
    }
    wanted = request.outputs or [tensors.WantedTensor(name=name) for name in known]
    if not all(output.name in known for output in wanted):
        raise RequestInvalid(f"outputs: known are {', '.join(known)}.")
    all_binary = request.parameters.get("binary_data_output") is True
    binary = frozenset(
        output.name for output in wanted if output.parameters.get("binary_data", all_binary) is True
    )
    identity = classifier.identity
    answer: dict[str, Any] = {"model_name": identity.name, "model_version": identity.version}
    if request.id is not None:
        answer["id"] = request.id
    outputs = [tensors.OutputTensor(output.name, known[output.name]) for output in wanted]
    content, length = tensors.write(answer, outputs, binary)
    headers = {"Cache-Control": "no-store"}
    if length is None:
        return Response(content, media_type="application/json", headers=headers)
    headers[tensors.HEADER] = str(length)
    return Response(content, media_type="application/octet-stream", headers=headers)


def _of_model(end: str, summary: str, resource: Resource) -> list[Resource]:
    """Serve what is said of a model below its active version's path and below each version's."""
    return [
        replace(
            resource,
            path=path + end,
            summary=summary,
            commands=tuple(command.replace("/MODEL", shown + end) for command in resource.commands),
        )
        for path, shown in (
            ("/v2/models/{model}", "/v2/models/colonoscopy"),
            ("/v2/models/{model}/versions/{version}", "/v2/models/colonoscopy/versions/1.0.0"),
        )
    ]


RESOURCES = (
    *_of_model(
        "/infer",
        "Judge frames",
        Resource(
            "POST",
            "",
            "",
            infer,
            schema.InferAnswer,
            examples.INFER,
            body=schema.REQUEST_BODY,
            body_model=tensors.InferRequest,
            also=("application/octet-stream",),
        ),
    ),
    Resource(
        "GET",
        "/v2",
        "What server is this?",
        server_metadata,
        schema.InferenceServer,
        examples.SERVER,
    ),
    Resource(
        "GET", "/v2/health/live", "Is it alive?", server_live, schema.ServerLive, examples.LIVE
    ),
    Resource(
        "GET",
        "/v2/health/ready",
        "Does it take frames?",
        server_ready,
        schema.ServerReady,
        examples.READY,
    ),
    *_of_model(
        "/ready",
        "Does the model answer?",
        Resource("GET", "", "", model_ready, schema.ModelReady, examples.MODEL),
    ),
    *_of_model(
        "",
        "What goes in, what comes out",
        Resource("GET", "", "", model_metadata, schema.InferenceModel, examples.MODEL),
    ),
)
