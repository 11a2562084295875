import httpx
import pytest

from endolink.serving.app import create_app
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import Running, serve


def test_openapi_describes_every_resource_and_its_problems(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]) == {"/v1/frames", "/v1/models", "/healthz", "/readyz"}
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["description"]
            assert operation["x-codeSamples"]
            assert "422" not in operation["responses"]
            problem = operation["responses"]["default"]["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert set(schema["components"]["schemas"]["Problem"]["required"]) >= {"type", "code"}


def test_every_reference_of_openapi_leads_somewhere(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()

    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            found = {node["$ref"]} if "$ref" in node else set()
            return found.union(*map(references, node.values()))
        if isinstance(node, list):
            return set().union(*map(references, node))
        return set()

    found = references(schema)
    assert found
    for reference in found:
        node = schema
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


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
