import asyncio
import shutil
from pathlib import Path

import httpx
import pytest

from endolink.serving.http.models import ModelList
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.bundles import tiny_bundle
from tests.serving.service import Running, picture, serve


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


def version_of(client: httpx.Client, query: str = "") -> str:
    answer = client.post(f"/v1/frames{query}", content=picture("PNG", (64, 64)))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["model"]["version"])


def test_a_new_version_takes_over_and_the_one_before_can_be_brought_back(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "tiny", version="1.0.0")
    settings = Settings(port=0, bundles=(folder,), provider="cpu")
    with (
        serve(settings, Models.open(settings)) as running,
        httpx.Client(base_url=running.url) as client,
    ):
        assert version_of(client) == "1.0.0"
        shutil.rmtree(folder)
        tiny_bundle(folder, version="1.1.0", seed=1)
        listed = client.post("/v1/models:reload").json()["models"]
        assert [(model["version"], model["active"], model["default"]) for model in listed] == [
            ("1.1.0", True, True),
            ("1.0.0", False, False),
        ]
        assert version_of(client) == "1.1.0"
        assert version_of(client, "?model=tiny&version=1.0.0") == "1.0.0"
        activate = client.post("/v1/models:activate?model=tiny&version=1.0.0")
        assert activate.status_code == 200
        assert version_of(client) == "1.0.0"
        unknown = client.post("/v1/models:activate?model=tiny&version=7.0.0")
        assert unknown.json()["code"] == "model-unknown"
        assert client.post("/v1/models:activate").json()["code"] == "request-invalid"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "Origin"])
def test_models_are_changed_by_nobody_from_elsewhere(client: httpx.Client, header: str) -> None:
    for path in ("/v1/models:reload", "/v1/models:activate?model=tiny&version=0.1.0"):
        answer = client.post(path, headers={header: "127.0.0.1"})
        assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")


def test_a_switch_under_load_drops_no_request(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "tiny", version="1.0.0")
    settings = Settings(port=0, bundles=(folder,), provider="cpu")
    frame = picture("PNG", (64, 64))
    with serve(settings, Models.open(settings)) as running:

        async def main() -> list[str]:
            seen: list[str] = []
            done = asyncio.Event()

            async def ask(client: httpx.AsyncClient) -> None:
                while not done.is_set():
                    answer = await client.post("/v1/frames", content=frame)
                    assert answer.status_code == 200
                    seen.append(answer.json()["model"]["version"])

            async with (
                httpx.AsyncClient(base_url=running.url, timeout=20) as client,
                asyncio.TaskGroup() as group,
            ):
                for _ in range(4):
                    group.create_task(ask(client))
                for minor in range(1, 4):
                    shutil.rmtree(folder)
                    tiny_bundle(folder, version=f"1.{minor}.0", seed=minor)
                    answer = await client.post("/v1/models:reload")
                    assert answer.status_code == 200
                    while seen[-1:] != [f"1.{minor}.0"]:
                        await asyncio.sleep(0.01)
                done.set()
            return seen

        seen = asyncio.run(main())
    assert {"1.1.0", "1.2.0", "1.3.0"} <= set(seen)
