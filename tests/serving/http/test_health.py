import asyncio
import shutil
import threading
import time
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image

from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.bundles import tiny_bundle
from tests.serving.service import Running, serve


def test_a_running_service_is_alive_and_ready(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] in {"ready", "degraded"}
    assert ready.json()["models"]


def test_a_service_that_drains_is_alive_and_not_ready(
    settings: Settings, models: Models, jpeg: bytes
) -> None:
    with serve(settings, models) as running:
        running.call(running.service.scheduler.drain()).result(5)
        assert httpx.get(f"{running.url}/healthz").status_code == 200
        for answer in (
            httpx.get(f"{running.url}/readyz"),
            httpx.post(f"{running.url}/v1/frames", content=jpeg),
        ):
            assert answer.status_code == 503
            assert answer.json()["code"] == "shutting-down"


def reasons(running: Running) -> set[str]:
    answer = httpx.get(f"{running.url}/readyz")
    assert answer.status_code == 200
    ready = answer.json()
    assert ready["status"] == ("degraded" if ready["reasons"] else "ready")
    return set(ready["reasons"])


def test_a_service_that_falls_behind_is_degraded(settings: Settings, models: Models) -> None:
    with serve(settings.model_copy(update={"queue": 1}), models) as running:
        scheduler = running.service.scheduler
        assert not reasons(running)
        gate = threading.Event()
        jobs = [
            running.call(scheduler.run(lambda _: gate.wait(60))) for _ in range(scheduler.capacity)
        ]
        until = time.monotonic() + 5
        while scheduler.admitted < scheduler.capacity and time.monotonic() < until:
            time.sleep(0.01)
        # A busy machine may have let the first of them grow old already.
        assert reasons(running) - {"queue-age"} == {"queue-full"}
        time.sleep(1.1)
        assert reasons(running) == {"queue-full", "queue-age"}
        answer = httpx.post(f"{running.url}/v1/frames", content=b"x")
        assert answer.json()["code"] == "overloaded"
        assert reasons(running) == {"queue-full", "queue-age", "refusing"}
        gate.set()
        assert all(job.result(5) for job in jobs)
        assert reasons(running) == {"refusing"}


def test_drift_and_a_change_that_failed_degrade(tmp_path: Path) -> None:
    dark = BytesIO()
    Image.new("RGB", (64, 64), (12, 4, 4)).save(dark, "PNG")
    night = dark.getvalue()
    folder = tiny_bundle(tmp_path / "tiny")
    settings = Settings(port=0, bundles=(folder,), provider="cpu")
    with serve(settings, Models.open(settings)) as running:
        assert not reasons(running)
        shutil.rmtree(folder)
        with httpx.Client(base_url=running.url) as client:
            refused = client.post("/v1/models:reload")
            assert refused.status_code == 409
            assert refused.json()["code"] == "model-change-refused"
            assert "bundle-missing" in refused.json()["detail"]
            assert reasons(running) == {"model-change-failed"}

            async def many() -> None:
                async with httpx.AsyncClient(base_url=running.url, timeout=30) as several:
                    for _ in range(20):
                        await asyncio.gather(
                            *(several.post("/v1/frames", content=night) for _ in range(10))
                        )

            asyncio.run(many())
            assert reasons(running) == {"model-change-failed", "drift"}
            tiny_bundle(folder)
            assert client.post("/v1/models:reload").status_code == 200
            assert reasons(running) == {"drift"}
