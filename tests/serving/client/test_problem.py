import pytest

from endolink.model.errors import (
    EndoLinkError,
    FrameEmpty,
    ModelUnknown,
    Overloaded,
    ServiceUnreachable,
    SessionUnknown,
)
from endolink.serving.client.problem import as_error


@pytest.mark.parametrize("kind", [FrameEmpty, ModelUnknown, SessionUnknown])
def test_a_code_becomes_the_error_that_it_names(kind: type[EndoLinkError]) -> None:
    error = as_error({"code": kind.code, "detail": "Because."})
    assert type(error) is kind
    assert error.detail == "Because."


def test_overload_says_when_to_return() -> None:
    error = as_error({"code": "overloaded", "detail": "Busy.", "retry_after": 2.5})
    assert isinstance(error, Overloaded)
    assert error.retry_after == 2.5
    assert isinstance(as_error({"code": "overloaded"}), Overloaded)


def test_what_this_version_does_not_know_is_still_an_error_of_ours() -> None:
    error = as_error({"code": "brand-new", "detail": "Because."})
    assert isinstance(error, ServiceUnreachable)
    assert "brand-new" in error.detail
    assert isinstance(as_error({}), ServiceUnreachable)
