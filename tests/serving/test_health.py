import asyncio
from pathlib import Path

import httpx
import onnxruntime as ort
import pytest

from endolink.model import runtime
from endolink.model.errors import ProviderUnavailable
from endolink.serving import health
from endolink.serving.health import REASONS
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.bundles import tiny_bundle
from tests.serving.service import Running, serve
from tests.serving.talk import greeted, talk


def reasons(running: Running) -> set[str]:
    """Give the reasons of /readyz, which /metrics has to agree with."""
    ready = httpx.get(f"{running.url}/readyz").json()
    text = httpx.get(f"{running.url}/metrics").text
    for reason in REASONS:
        told = reason in ready["reasons"]
        assert f'endolink_degraded{{reason="{reason}"}} {float(told)}' in text
    assert "endolink_ready 1.0" in text
    return set(ready["reasons"])


def test_every_reason_is_explained_where_it_is_read(running: Running) -> None:
    paths = httpx.get(f"{running.url}/openapi.json").json()["paths"]
    for reason in REASONS:
        assert f"`{reason}`" in paths["/readyz"]["get"]["description"]


@pytest.mark.parametrize("failure", [ort.capi.onnxruntime_pybind11_state.Fail, ProviderUnavailable])
def test_a_provider_that_is_installed_and_fails_degrades(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: type[Exception]
) -> None:
    def fail(*_: object) -> ort.InferenceSession:
        raise failure("the driver is too old")

    monkeypatch.setitem(runtime._MAKERS, "openvino", fail)
    folder = tiny_bundle(tmp_path / "tiny")
    settings = Settings(port=0, bundles=(folder,), provider="auto")
    with serve(settings, Models.open(settings)) as running:
        assert reasons(running) == {"provider-fallback"}
        text = httpx.get(f"{running.url}/metrics").text
        assert 'provider="cpu",version="0.1.0"} 1.0' in text
    # Who asks for it by name has what was wanted.
    settings = Settings(port=0, bundles=(folder,), provider="cpu")
    with serve(settings, Models.open(settings)) as running:
        assert reasons(running) == set()


def test_streams_that_are_all_taken_degrade(settings: Settings, models: Models) -> None:
    async def main(running: Running) -> set[str]:
        async with talk(running.url) as it:
            await greeted(it)
            return await asyncio.to_thread(reasons, running)

    with serve(settings.model_copy(update={"streams": 1}), models) as running:
        assert asyncio.run(main(running)) == {"streams-full"}


def test_a_fault_of_the_service_is_told_for_a_while(
    settings: Settings, models: Models, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(settings, models) as running:
        classifier = models.get()
        with monkeypatch.context() as broken:
            broken.setattr(classifier, "judge", None)
            assert httpx.post(f"{running.url}/v1/frames", content=jpeg).status_code == 500
        assert reasons(running) == {"failing"}
        monkeypatch.setattr(health, "LINGER_S", 0.0)
        assert reasons(running) == set()


def test_a_service_that_drains_is_not_ready(settings: Settings, models: Models) -> None:
    with serve(settings, models) as running:
        running.call(running.service.scheduler.drain()).result(5)
        assert not running.service.health.ready
        assert "endolink_ready 0.0" in httpx.get(f"{running.url}/metrics").text
