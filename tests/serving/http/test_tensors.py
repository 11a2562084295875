import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endolink.model.errors import RequestInvalid
from endolink.serving.http.tensors import OutputTensor, parse, write


def request(**tensor: object) -> bytes:
    return json.dumps({"inputs": [{"name": "x", **tensor}]}).encode()


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_bytes_come_out_as_they_went_in_either_way(elements: list[bytes]) -> None:
    head = {"datatype": "BYTES", "shape": [len(elements)]}
    texts = [base64.b64encode(element).decode() for element in elements]
    assert parse(request(**head, data=texts), None).data["x"] == elements
    raw = b"".join(len(element).to_bytes(4, "little") + element for element in elements)
    binary = request(**head, parameters={"binary_data_size": len(raw)})
    assert parse(binary + raw, str(len(binary))).data["x"] == elements


def test_pixels_come_out_as_they_went_in_either_way() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3)).astype(np.uint8)
    head = {"datatype": "UINT8", "shape": list(pixels.shape)}
    binary = request(**head, parameters={"binary_data_size": pixels.size})
    for body, length in (
        (request(**head, data=pixels.tolist()), None),
        (request(**head, data=pixels.ravel().tolist()), None),
        (binary + pixels.tobytes(), str(len(binary))),
    ):
        np.testing.assert_array_equal(parse(body, length).data["x"], pixels)


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (b"", None),
        (b"DOE", None),
        (b"{}", "3"),
        (b"{}", "x"),
        (b'{"inputs": []}', None),
        (b"{}", "9" * 5000),
        (request(datatype="UINT8", shape=[10**800] * 4, data=[1]), None),
        (request(datatype="UINT8", shape=[0, *[2**31] * 3], data=[]), None),
        # NumPy would give each of the numbers as much room as the text takes: 8 TB.
        (request(datatype="UINT8", shape=[1], data=["x" * 2**20, *[1] * 2**21]), None),
        (request(datatype="FP32", shape=[1], data=[1]), None),
        (request(datatype="UINT8", shape=[2], data=[1]), None),
        (request(datatype="UINT8", shape=[1], data=[256]), None),
        (request(datatype="UINT8", shape=[1], data=[0.5]), None),
        (request(datatype="UINT8", shape=[2], data=[[1], [1, 2]]), None),
        (request(datatype="UINT8", shape=[1], data=["DOE"]), None),
        (request(datatype="UINT8", shape=[-1], data=[1]), None),
        (request(datatype="UINT8", shape=[1]), None),
        (request(datatype="BYTES", shape=[1], data=["DOE!"]), None),
        (request(datatype="BYTES", shape=[1], data=[7]), None),
        (request(datatype="BYTES", shape=[1], parameters={"binary_data_size": 9}), None),
        (request(datatype="BYTES", shape=[1], parameters={"binary_data_size": "9"}), None),
        (request(datatype="UINT8", shape=[1], data=[1]) + b"DOE", "61"),
    ],
)
def test_what_breaks_the_protocol_is_refused_and_not_quoted(
    body: bytes, length: str | None
) -> None:
    with pytest.raises(RequestInvalid) as refused:
        parse(body, length)
    assert "DOE" not in refused.value.detail


@given(st.binary(max_size=60), st.integers(0, 40), st.integers(0, 3))
def test_whatever_follows_the_json_is_tensors_or_refused(raw: bytes, size: int, count: int) -> None:
    head = request(datatype="BYTES", shape=[count], parameters={"binary_data_size": size})
    try:
        inference = parse(head + raw, str(len(head)))
    except RequestInvalid:
        return
    assert len(inference.data["x"]) == count
    assert size == len(raw)


def test_outputs_are_written_as_json_and_as_bytes() -> None:
    text = np.empty(2, object)
    text[:] = [b"{}", b"[1]"]
    outputs = [
        OutputTensor("number", np.array([[0.5, 0.25]], np.float32)),
        OutputTensor("flag", np.array([True, False])),
        OutputTensor("text", text),
    ]
    body, length = write({"id": "7"}, outputs, frozenset())
    assert length is None
    assert [output["data"] for output in json.loads(body)["outputs"]] == [
        [0.5, 0.25],
        [True, False],
        ["{}", "[1]"],
    ]
    body, length = write({"id": "7"}, outputs, frozenset({"number", "text"}))
    assert length is not None
    described = json.loads(body[:length])["outputs"]
    assert [output.get("parameters") for output in described] == [
        {"binary_data_size": 8},
        None,
        {"binary_data_size": 13},
    ]
    assert body[length:] == (
        np.array([0.5, 0.25], "<f4").tobytes() + b"\x02\0\0\0{}" + b"\x03\0\0\0[1]"
    )
