from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from endolink.model.errors import RequestInvalid
from endolink.serving import app as app_module
from endolink.serving.app import RESOURCES
from endolink.serving.http import examples
from endolink.serving.http.deprecation import Deprecation
from endolink.serving.http.models import ModelList
from endolink.serving.http.resource import Resource, answer_json
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import serve

OLD = Deprecation(date(2027, 1, 15), date(2028, 1, 15), "/v1/models")
SOONER = Deprecation(date(2026, 6, 1), date(2027, 6, 1), "deadline_ms")


async def list_old(request: Request) -> Response:
    """Say which models answer, as it was said in the old days."""
    if request.query_params:
        raise RequestInvalid("There are no options.")
    return answer_json(ModelList(models=[]))


@pytest.fixture
def client(
    settings: Settings, models: Models, monkeypatch: pytest.MonkeyPatch
) -> Iterator[httpx.Client]:
    """Serve with a resource and an option that are deprecated: today's interface has none."""
    frames = replace(RESOURCES[0], deprecated_options={"sequence": SOONER})
    gone = Resource("GET", "/v1/old", "List", list_old, ModelList, examples.MODELS, deprecated=OLD)
    monkeypatch.setattr(app_module, "RESOURCES", (frames, gone, *RESOURCES[1:]))
    with serve(settings, models) as running, httpx.Client(base_url=running.url) as client:
        yield client


@pytest.mark.parametrize("path", ["/v1/old", "/v1/old?what=ever"])
def test_every_answer_of_a_deprecated_resource_says_so(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == (422 if "?" in path else 200)
    # RFC 9745: a structured field's date; RFC 8594: an HTTP date.
    since = datetime.fromtimestamp(int(answer.headers["deprecation"].removeprefix("@")), UTC)
    assert since.date() == OLD.since
    assert parsedate_to_datetime(answer.headers["sunset"]).date() == OLD.sunset
    assert '</v1/models>; rel="successor-version"' in answer.headers["link"]
    text = client.get("/metrics").text
    assert 'endolink_deprecated_requests_total{resource="list_old"}' in text


def test_a_deprecated_option_says_so_where_it_is_used(client: httpx.Client, jpeg: bytes) -> None:
    used = client.post("/v1/frames?sequence=3", content=jpeg)
    assert used.json()["frame"]["sequence"] == 3
    assert parsedate_to_datetime(used.headers["sunset"]).date() == SOONER.sunset
    assert "successor-version" not in used.headers["link"]
    plain = client.post("/v1/frames", content=jpeg)
    assert plain.status_code == 200
    assert not {"deprecation", "sunset", "link"} & set(plain.headers)


def test_it_is_described_to_people_and_programs(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    old = paths["/v1/old"]["get"]
    assert old["deprecated"]
    assert "2028-01-15" in old["description"]
    (option,) = [
        parameter
        for parameter in paths["/v1/frames"]["post"]["parameters"]
        if parameter.get("deprecated")
    ]
    assert option["name"] == "sequence"
    assert "`deadline_ms`" in option["description"]
    assert "Deprecated since 2027-01-15" in client.get("/docs").text


def test_nobody_gets_less_than_a_years_notice() -> None:
    with pytest.raises(ValueError, match="less than a year"):
        Deprecation(date(2027, 1, 15), date(2028, 1, 14), "/v1/models")
