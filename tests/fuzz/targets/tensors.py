"""A request of the Open Inference Protocol: JSON, and tensors as bytes behind it."""

import json
import struct

from endolink.model.errors import RequestInvalid
from endolink.serving.http import tensors

LONGEST = 8192


def check(data: bytes) -> None:
    """Take the first line as the length's header and the rest as the body."""
    line, _, body = data.partition(b"\n")
    header = line.decode("latin-1") if line else None
    try:
        inference = tensors.parse(body, header)
    except RequestInvalid as error:
        assert error.detail
        return
    for tensor in inference.request.inputs:
        held = inference.data[tensor.name]
        assert len(held) <= len(body)


def seeds() -> dict[str, bytes]:
    """Both ways to send both kinds of tensors, and lengths that lie."""
    images = [b"one", b"", b"three"]
    raw = b"".join(struct.pack("<I", len(image)) + image for image in images)
    named: dict[str, dict[str, object]] = {
        "text": {"name": "i", "datatype": "BYTES", "shape": [2], "data": ["b25l", ""]},
        "numbers": {
            "name": "i",
            "datatype": "UINT8",
            "shape": [1, 2, 3],
            "data": [1, 2, 3, 4, 5, 6],
        },
        "nested": {"name": "i", "datatype": "UINT8", "shape": [2, 2], "data": [[0, 1], [254, 255]]},
        "no-data": {"name": "i", "datatype": "UINT8", "shape": [2]},
        "vast": {"name": "i", "datatype": "UINT8", "shape": [2**62, 2**62], "data": []},
        "empty": {"name": "i", "datatype": "UINT8", "shape": [0, *[2**31] * 3], "data": []},
        "digits": {"name": "i", "datatype": "UINT8", "shape": [10**800] * 4, "data": [1]},
        "texts": {"name": "i", "datatype": "UINT8", "shape": [9], "data": ["x" * 2000, *[1] * 999]},
    }
    made = {name: b"\n" + _body(tensor) for name, tensor in named.items()}
    for name, datatype, shape, size in (
        ("bytes", "BYTES", [3], len(raw)),
        ("pixels", "UINT8", [1, len(raw)], len(raw)),
        ("lying", "BYTES", [3], 2**40),
        ("negative", "BYTES", [3], -1),
    ):
        tensor: dict[str, object] = {"name": "i", "datatype": datatype, "shape": shape}
        head = _body(tensor | {"parameters": {"binary_data_size": size}})
        made[f"binary-{name}"] = b"%d\n" % len(head) + head + raw
    return made | {"header-digits": b"9" * 5000 + b"\n{}", "deep": b"\n" + b"[" * 5000}


def _body(tensor: dict[str, object]) -> bytes:
    return json.dumps({"id": "1", "inputs": [tensor], "outputs": [{"name": "o"}]}).encode()
