import httpx
import pytest

from endolink.serving.app import RESOURCES
from endolink.serving.http.resource import Resource


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.path)
def test_a_resource_describes_itself(resource: Resource) -> None:
    assert resource.description.endswith(".")
    assert "\n    " not in resource.description
    assert resource.summary
    assert all(resource.path in command for command in resource.commands)
    assert resource.route.path == resource.path
    assert resource.route.methods is not None
    assert resource.method in resource.route.methods


@pytest.mark.parametrize(
    "path", [resource.path for resource in RESOURCES if resource.method == "GET"]
)
def test_what_is_answered_holds_for_now_only(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
