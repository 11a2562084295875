"""A table that says everything: what it does not name is closed."""

import pytest

from endolink.serving.access.rules import needed
from endolink.serving.app import RESOURCES
from endolink.serving.http import open_inference

PUBLIC = {"/healthz", "/readyz", "/v1/access", "/v2/health/live", "/v2/health/ready"}


def test_every_resource_of_the_interface_is_named() -> None:
    scopes = {(each.method, each.path): needed(each.method, each.path) for each in RESOURCES}
    assert {path for (_, path), scope in scopes.items() if scope is None} == PUBLIC
    assert {path for (_, path), scope in scopes.items() if scope == "admin"} == {
        "/v1/models:reload",
        "/v1/models:activate",
    }
    assert scopes["GET", "/metrics"] == "metrics"


def test_models_are_scored_by_either_protocol() -> None:
    for each in open_inference.RESOURCES:
        path = each.path.replace("{model}", "m").replace("{version}", "1")
        assert needed(each.method, path) == (None if "/v2/health/" in path else "score")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/new"),
        ("POST", "/"),
        ("POST", "/healthz"),
        ("GET", "/v1/frames/../../etc"),
        ("GET", "/healthz/"),
        ("DELETE", "/v1/models"),
        ("GET", "//"),
        ("GET", "/docs\n"),
    ],
)
def test_what_is_not_named_is_closed(method: str, path: str) -> None:
    assert needed(method, path) == "admin"


def test_a_head_is_as_a_get() -> None:
    assert needed("HEAD", "/healthz") is None
    assert needed("HEAD", "/metrics") == "metrics"
