import httpx

from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import serve


def test_a_running_service_is_alive_and_ready(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
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
