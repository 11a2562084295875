import pytest

from endolink.model.errors import (
    EndoLinkError,
    FrameEmpty,
    ModelUnknown,
    Overloaded,
    RateLimited,
    ServiceUnreachable,
    SessionUnknown,
)
from endolink.serving.client.problem import as_error
from endolink.serving.http.problems import catalogue


@pytest.mark.parametrize("kind", [FrameEmpty, ModelUnknown, SessionUnknown])
def test_a_code_becomes_the_error_that_it_names(kind: type[EndoLinkError]) -> None:
    error = as_error({"code": kind.code, "detail": "Because."})
    assert type(error) is kind
    assert error.detail == "Because."


@pytest.mark.parametrize("kind", [Overloaded, RateLimited])
def test_who_is_busy_says_when_to_return(kind: type[Overloaded | RateLimited]) -> None:
    error = as_error({"code": kind.code, "detail": "Busy.", "retry_after": 2.5})
    assert isinstance(error, kind)
    assert error.retry_after == 2.5
    assert isinstance(as_error({"code": kind.code}), kind)


@pytest.mark.parametrize("code", [code for code, *_ in catalogue()])
def test_every_problem_of_the_service_has_an_error(code: str) -> None:
    assert isinstance(as_error({"code": code, "detail": "Because."}), EndoLinkError)


def test_what_this_version_does_not_know_is_still_an_error_of_ours() -> None:
    error = as_error({"code": "brand-new", "detail": "Because."})
    assert isinstance(error, ServiceUnreachable)
    assert "brand-new" in error.detail
    assert isinstance(as_error({}), ServiceUnreachable)
