import base64
import json
from collections.abc import Iterator
from io import BytesIO

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from endolink.model.verdict import VERDICT_JSON
from tests.serving.service import Running, picture


@pytest.fixture
def triton(running: Running) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(f"127.0.0.1:{running.port}", network_timeout=30) as client:
        yield client


@pytest.fixture
def name(running: Running) -> str:
    return running.service.models.get().identity.name


def images(*encoded: bytes) -> InferInput:
    data = np.empty(len(encoded), object)
    data[:] = encoded
    tensor = InferInput("image", [len(encoded)], "BYTES")
    tensor.set_data_from_numpy(data)
    return tensor


def pixels(values: NDArray[np.uint8], *, binary: bool = True) -> InferInput:
    tensor = InferInput("pixels", list(values.shape), "UINT8")
    tensor.set_data_from_numpy(values, binary_data=binary)
    return tensor


def test_the_server_and_its_models_describe_themselves(
    triton: InferenceServerClient, running: Running, name: str
) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready(name)
    assert not triton.is_model_ready("palantir")
    assert triton.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    classifier = running.service.models.get()
    described = triton.get_model_metadata(name, classifier.identity.version)
    assert described["versions"] == [classifier.identity.version]
    assert described["parameters"]["findings"].split(",") == [
        finding.code for finding in classifier.findings
    ]


def test_encoded_images_are_judged_as_over_our_own_interface(
    triton: InferenceServerClient, running: Running, name: str, jpeg: bytes
) -> None:
    frames = (jpeg, picture("PNG", (200, 180)))
    result = triton.infer(name, [images(*frames)], request_id="7", timeout=20_000_000)
    bare = running.service.models.get().score(frames)
    assert result.get_response()["id"] == "7"
    expected = [[finding.probability for finding in verdict.findings] for verdict in bare]
    np.testing.assert_allclose(result.as_numpy("probability"), expected, atol=1e-6)
    assert result.as_numpy("present").tolist() == [
        [finding.present for finding in verdict.findings] for verdict in bare
    ]
    assert result.as_numpy("usable").tolist() == [verdict.usable for verdict in bare]
    assert result.as_numpy("familiar").tolist() == [verdict.familiar for verdict in bare]
    for written, verdict in zip(result.as_numpy("verdict"), bare, strict=True):
        assert VERDICT_JSON.validate_json(written, strict=True).frame == verdict.frame


def test_raw_pixels_are_judged_too_and_outputs_chosen(
    triton: InferenceServerClient, running: Running, name: str
) -> None:
    png = picture("PNG", (96, 80))
    raw = np.asarray(Image.open(BytesIO(png)))[None]
    wanted = [InferRequestedOutput("probability", binary_data=False)]
    (bare,) = running.service.models.get().score([png])
    expected = [[finding.probability for finding in bare.findings]]
    for binary in (True, False):
        result = triton.infer(name, [pixels(raw, binary=binary)], outputs=wanted)
        np.testing.assert_allclose(result.as_numpy("probability"), expected, atol=1e-6)
        assert result.as_numpy("verdict") is None


def test_plain_json_takes_base64(client: httpx.Client, name: str, jpeg: bytes) -> None:
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1],
        "data": [base64.b64encode(jpeg).decode()],
    }
    answer = client.post(f"/v2/models/{name}/infer", json={"inputs": [tensor]})
    assert answer.status_code == 200, answer.text
    (verdict,) = [output for output in answer.json()["outputs"] if output["name"] == "verdict"]
    alone = client.post("/v1/frames", content=jpeg).json()
    assert json.loads(verdict["data"][0])["findings"] == alone["findings"]


def test_what_cannot_be_judged_says_why_in_the_protocols_way(
    triton: InferenceServerClient, name: str, jpeg: bytes
) -> None:
    small = np.zeros((1, 8, 8, 3), np.uint8)
    for model, tensor, said in (
        (name, images(b"DOE"), "image"),
        (name, images(jpeg, b""), "no bytes"),
        (name, pixels(small), "shorter side"),
        (name, pixels(np.zeros((1, 64, 64, 4), np.uint8)), "UINT8 [N, H, W, 3]"),
        ("palantir", images(jpeg), "models served here"),
    ):
        with pytest.raises(InferenceServerException) as refused:
            triton.infer(model, [tensor])
        assert said in refused.value.message()
        assert "DOE" not in refused.value.message()
    with pytest.raises(InferenceServerException, match="504"):
        triton.infer(name, [images(jpeg)], timeout=1)
    with pytest.raises(InferenceServerException, match="known are"):
        triton.infer(name, [images(jpeg)], outputs=[InferRequestedOutput("diagnosis")])
