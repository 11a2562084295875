"""What the description promises of `/v2` is what is answered."""

import json
from typing import Any

import httpx
import pytest

from endolink.serving.http import open_inference_schema as schema
from tests.serving.service import Running


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v2", schema.InferenceServer),
        ("/v2/health/live", schema.ServerLive),
        ("/v2/health/ready", schema.ServerReady),
        ("/v2/models/{name}", schema.InferenceModel),
        ("/v2/models/{name}/versions/{version}", schema.InferenceModel),
        ("/v2/models/{name}/ready", schema.ModelReady),
    ],
)
def test_every_answer_is_its_schemas(
    running: Running, client: httpx.Client, path: str, answer: Any
) -> None:
    identity = running.service.models.get().identity
    told = client.get(path.format(name=identity.name, version=identity.version))
    assert told.status_code == 200
    answer.model_validate_json(told.content, strict=True)


def test_an_inferences_answer_is_its_schemas(running: Running, client: httpx.Client) -> None:
    name = running.service.models.get().identity.name
    pixels = {"name": "pixels", "datatype": "UINT8", "shape": [1, 64, 64, 3]}
    request = {"id": "7", "inputs": [{**pixels, "data": [90] * (64 * 64 * 3)}]}
    told = client.post(f"/v2/models/{name}/infer", content=json.dumps(request))
    answer = schema.InferAnswer.model_validate_json(told.content, strict=True)
    assert answer.id == "7"
    assert {output.name for output in answer.outputs} >= {"probability", "present", "verdict"}
