"""What the Open Inference Protocol answers, as the description of this interface has it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InferenceServer(_Answer):
    """What the server is."""

    name: str
    version: str
    extensions: list[str]


class ServerLive(_Answer):
    """The process answers."""

    live: Literal[True] = True


class ServerReady(_Answer):
    """Frames are taken."""

    ready: Literal[True] = True


class ModelReady(_Answer):
    """The model is loaded and warm."""

    name: str
    version: str
    ready: Literal[True] = True


class TensorDescription(_Answer):
    """An input or an output; -1 is a side of any length."""

    name: str
    datatype: Literal["BYTES", "UINT8", "FP32", "BOOL"]
    shape: list[int]


class ModelParameters(_Answer):
    """What the protocol has no place for."""

    findings: str = Field(description="The columns of the outputs: codes, separated by commas.")
    digest: str = Field(description="SHA-256 of the manifest, as every verdict names it.")


class InferenceModel(_Answer):
    """What goes into a model and what comes out of it."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorDescription]
    outputs: list[TensorDescription]
    parameters: ModelParameters


class OutputDescription(TensorDescription):
    """An output with its elements, or with how many bytes they have after the JSON."""

    data: list[Any] | None = None
    parameters: dict[str, int] | None = None


class InferAnswer(_Answer):
    """What was asked for, of every frame."""

    id: str | None = None
    model_name: str
    model_version: str
    outputs: list[OutputDescription]


REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "JSON with one input: `image`, BYTES [N], encoded images in base64; or "
    "`pixels`, UINT8 [N, H, W, 3], RGB. With the binary tensor extension the elements follow the "
    "JSON as bytes, and the header `Inference-Header-Content-Length` says how long the JSON is.",
    "content": {
        "application/json": {"schema": {}},  # that of `InferRequest`
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}
