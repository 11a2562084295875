import httpx
import pytest

from endolink.serving.app import create_app
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import Running, serve


@pytest.mark.parametrize("path", ["/redoc", "/v1/frames/", "/nothing"])
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_stopping_drains_the_scheduler(settings: Settings, models: Models) -> None:
    with serve(settings, models) as running:
        scheduler = running.service.scheduler
        assert not scheduler.draining
    assert scheduler.draining


def test_two_services_share_no_state(running: Running, settings: Settings, models: Models) -> None:
    with serve(settings, models, create_app(settings, models)) as other:
        assert other.service.scheduler is not running.service.scheduler
        assert httpx.get(f"{other.url}/readyz").status_code == 200
    assert httpx.get(f"{running.url}/readyz").status_code == 200
