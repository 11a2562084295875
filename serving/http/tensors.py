"""Tensors as the Open Inference Protocol sends them: as JSON, or as bytes after the JSON.

The binary extension puts the JSON first, its length into the header
`Inference-Header-Content-Length`, and then the tensors' bytes in their order: little-endian, row
by row; an element of BYTES is its length as 4 bytes, and itself.
"""

import base64
import binascii
import json
import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from endolink.model.errors import RequestInvalid

HEADER = "Inference-Header-Content-Length"
# Python refuses to read numbers of thousands of digits, and no length has so many.
_LENGTH = re.compile("[0-9]{1,18}")

Parameters = dict[str, Any]
Count = Annotated[int, Field(ge=0, lt=2**40)]


class _Part(BaseModel):
    # The protocol lets both sides add what the other does not know.
    model_config = ConfigDict(frozen=True, extra="ignore")

    parameters: Parameters = Field(default_factory=dict)


class InputTensor(_Part):
    """An input as it is announced; its elements are in `data`, or in the bytes that follow."""

    name: str
    datatype: Literal["BYTES", "UINT8"]
    shape: Annotated[list[Count], Field(min_length=1, max_length=4)]
    data: list[Any] | None = None


class WantedTensor(_Part):
    """An output that is asked for."""

    name: str


class InferRequest(_Part):
    """The JSON of a request."""

    id: str | None = None
    inputs: Annotated[list[InputTensor], Field(min_length=1)]
    outputs: list[WantedTensor] | None = None


@dataclass(frozen=True)
class Inference:
    """A request with its tensors: `data` holds each input's encoded images, or its pixels."""

    request: InferRequest
    data: Mapping[str, Sequence[bytes] | NDArray[np.uint8]]


def parse(body: bytes, header_length: str | None) -> Inference:
    """Read a request; `header_length` is what the header of the binary extension says.

    Raises
    ------
    RequestInvalid
        It breaks the protocol; the detail names what does, and quotes nothing.
    """
    split = len(body)
    if header_length is not None:
        if not _LENGTH.fullmatch(header_length) or int(header_length) > len(body):
            raise RequestInvalid(f"{HEADER} is not a length within the body.")
        split = int(header_length)
    try:
        request = InferRequest.model_validate_json(body[:split])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the JSON"
        raise RequestInvalid(f"{where}: {first['type'].replace('_', ' ')}.") from None
    data: dict[str, Sequence[bytes] | NDArray[np.uint8]] = {}
    rest = memoryview(body)[split:]
    for number, tensor in enumerate(request.inputs):
        name = f"inputs.{number}"
        size = tensor.parameters.get("binary_data_size")
        if size is None:
            data[tensor.name] = _from_json(tensor, name)
            continue
        if not isinstance(size, int) or not 0 <= size <= len(rest):
            raise RequestInvalid(f"{name}: binary_data_size is not a length within the body.")
        data[tensor.name] = _from_bytes(tensor, rest[:size], name)
        rest = rest[size:]
    if len(rest):
        raise RequestInvalid("The body has more bytes than its tensors.")
    return Inference(request, data)


def _from_json(tensor: InputTensor, name: str) -> Sequence[bytes] | NDArray[np.uint8]:
    if tensor.data is None:
        raise RequestInvalid(f"{name}: neither data nor binary_data_size says what it holds.")
    count = math.prod(tensor.shape)
    if tensor.datatype == "BYTES":
        texts = [text for text in tensor.data if isinstance(text, str)]
        if len(texts) != len(tensor.data) or len(texts) != count:
            raise RequestInvalid(f"{name}: its data is not one base64 text for each element.")
        try:
            return [base64.b64decode(text, validate=True) for text in texts]
        except (binascii.Error, ValueError):
            raise RequestInvalid(f"{name}: an element is not base64.") from None
    # As objects: among texts, NumPy would give each number as much room as the longest text takes.
    values = np.array(tensor.data, dtype=object).ravel().tolist()
    if len(values) != count or set(map(type, values)) - {int}:
        raise RequestInvalid(f"{name}: its data is not {count} whole numbers.")
    if count and not 0 <= min(values) <= max(values) <= 255:
        raise RequestInvalid(f"{name}: a number is not in 0 to 255.")
    return _shaped(np.array(values, np.uint8), tensor.shape, name)


def _from_bytes(
    tensor: InputTensor, raw: memoryview, name: str
) -> Sequence[bytes] | NDArray[np.uint8]:
    count = math.prod(tensor.shape)
    if tensor.datatype == "UINT8":
        if len(raw) != count:
            raise RequestInvalid(f"{name}: it has {len(raw)} bytes and not {count}.")
        return _shaped(np.frombuffer(raw, np.uint8), tensor.shape, name)
    elements = []
    while len(raw):
        if len(raw) < 4 or len(raw) - 4 < (length := struct.unpack_from("<I", raw)[0]):
            raise RequestInvalid(f"{name}: an element is longer than what follows.")
        elements.append(bytes(raw[4 : 4 + length]))
        raw = raw[4 + length :]
    if len(elements) != count:
        raise RequestInvalid(f"{name}: it has {len(elements)} elements and not {count}.")
    return elements


def _shaped(values: NDArray[np.uint8], shape: list[int], name: str) -> NDArray[np.uint8]:
    try:
        return values.reshape(shape)
    except ValueError:
        # None of its sides may be so long, not even where another is 0.
        raise RequestInvalid(f"{name}: its shape is not one of a picture.") from None


@dataclass(frozen=True, eq=False)
class OutputTensor:
    """An output: `values` is float32 or bool, or an object array of bytes."""

    name: str
    values: NDArray[Any]

    @property
    def datatype(self) -> str:
        """What the protocol calls the elements."""
        return {"f": "FP32", "b": "BOOL", "O": "BYTES"}[self.values.dtype.kind]

    def to_bytes(self) -> bytes:
        """Write the elements as the binary extension does."""
        if self.datatype != "BYTES":
            return self.values.tobytes()
        return b"".join(struct.pack("<I", len(item)) + item for item in self.values.ravel())

    def to_json(self) -> list[Any]:
        """Write the elements as JSON has them; BYTES are UTF-8."""
        flat = self.values.ravel()
        if self.datatype == "BYTES":
            return [item.decode() for item in flat]
        plain: list[Any] = flat.tolist()
        return plain


def write(
    answer: Mapping[str, Any], outputs: Sequence[OutputTensor], binary: frozenset[str]
) -> tuple[bytes, int | None]:
    """Write `answer` with its `outputs`, those of `binary` as bytes after the JSON.

    Gives the body, and the length of its JSON where bytes follow.
    """
    described, raw = [], []
    for tensor in outputs:
        entry: dict[str, Any] = {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": list(tensor.values.shape),
        }
        if tensor.name in binary:
            raw.append(tensor.to_bytes())
            entry["parameters"] = {"binary_data_size": len(raw[-1])}
        else:
            entry["data"] = tensor.to_json()
        described.append(entry)
    head = json.dumps({**answer, "outputs": described}).encode()
    return b"".join((head, *raw)), len(head) if raw else None
