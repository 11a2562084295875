import httpx

from endolink.serving.http.models import ModelList
from tests.serving.service import Running


def test_models_are_described_as_their_manifest_says(
    running: Running, client: httpx.Client
) -> None:
    described = ModelList.model_validate_json(client.get("/v1/models").content, strict=True)
    (model,) = described.models
    classifier = running.service.models.get(None)
    manifest = classifier.bundle.manifest
    assert (model.name, model.version) == (manifest.name, manifest.version)
    assert model.digest == classifier.bundle.digest
    assert model.default
    assert model.input_size == manifest.preprocess.size
    assert model.licence == manifest.licence
    assert model.validated_input == manifest.validated_input
    assert tuple(finding.code for finding in model.findings) == manifest.findings
    for finding in model.findings:
        assert finding.labels.en
        assert finding.labels.zh
        assert 0 <= finding.threshold <= 1


def test_a_verdict_names_a_model_that_is_listed(client: httpx.Client, jpeg: bytes) -> None:
    (model,) = client.get("/v1/models").json()["models"]
    verdict = client.post("/v1/frames", content=jpeg).json()
    assert verdict["model"].items() <= model.items()
