import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from endolink.model import errors
from endolink.serving.app import create_app
from endolink.serving.http import problems
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import serve


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/frames", 404, "not-found"),
        ("GET", "/v1/frames", 405, "method-not-allowed"),
        ("DELETE", "/v1/models", 405, "method-not-allowed"),
        ("POST", "/v1/frames?explain=maybe", 422, "request-invalid"),
    ],
)
def test_the_framework_answers_with_problems_too(
    client: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    problem = problems.Problem.model_validate_json(answer.content, strict=True)
    assert (problem.status, problem.code) == (status, code)


def test_a_method_that_is_not_served_says_which_is(client: httpx.Client) -> None:
    assert client.get("/v1/frames").headers["allow"] == "POST"


def test_an_invalid_query_names_the_parameter(client: httpx.Client) -> None:
    assert "query.sequence" in client.post("/v1/frames?sequence=first").json()["detail"]


def test_a_fault_of_ours_tells_nothing_and_is_logged_without_its_text(
    settings: Settings, models: Models, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings, models)

    async def fail(_request: Request) -> Response:
        raise RuntimeError("DOE^JANE")

    app.add_route("/break", fail)
    with serve(settings, models, app) as running:
        answer = httpx.get(f"{running.url}/break")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert answer.json()["instance"].removeprefix("urn:ulid:") in logged
    assert "RuntimeError" in logged
    assert "in test_a_fault" in logged
    for text in (answer.text, logged, caplog.text):
        assert "DOE" not in text


def test_what_is_not_the_callers_doing_is_500() -> None:
    assert problems.status_of(errors.BundleTampered) == 500
    assert problems.status_of(errors.EndoLinkError) == 500


@pytest.mark.parametrize("family", [errors.FrameError, errors.RequestError])
def test_every_error_that_a_caller_can_cause_has_a_status(
    family: type[errors.EndoLinkError],
) -> None:
    for error in family.__subclasses__():
        assert 400 <= problems.status_of(error) < 600
        assert problems.status_of(error) != 500


def test_the_docs_describe_every_problem_where_its_type_leads(client: httpx.Client) -> None:
    page = client.get("/docs").text
    codes = [code for code, _, _ in problems.catalogue()]
    assert len(set(codes)) == len(codes)
    for code in codes:
        assert f'id="{code}"' in page
