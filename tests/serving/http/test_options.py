from datetime import UTC, datetime, timedelta

import pytest

from endolink.model.errors import RequestInvalid
from endolink.serving.http.options import FrameOptions


def test_an_empty_query_asks_for_nothing() -> None:
    assert FrameOptions.read({}) == FrameOptions(
        explain="none", model=None, captured_at=None, sequence=None
    )


def test_a_query_is_read() -> None:
    options = FrameOptions.read(
        {
            "explain": "box",
            "model": "capsule",
            "captured_at": "2026-01-02T11:04:05+08:00",
            "sequence": "7",
        }
    )
    assert (options.explain, options.model, options.sequence) == ("box", "capsule", 7)
    assert options.captured_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert options.captured_at.utcoffset() == timedelta(hours=8)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"explain": "DOE"}, "query.explain"),
        ({"captured_at": "DOE"}, "query.captured_at"),
        ({"captured_at": "2026-01-02T03:04:05"}, "query.captured_at"),
        ({"sequence": "DOE"}, "query.sequence"),
        ({"sequence": "-1"}, "query.sequence"),
        ({"sequence": str(2**63)}, "query.sequence"),
        ({"deadline_ms": "DOE"}, "query.deadline_ms"),
        ({"deadline_ms": "inf"}, "query.deadline_ms"),
        ({"priority": "DOE"}, "query.priority"),
        ({"DOE": "1"}, "explain, model, version, deadline_ms, priority, captured_at, sequence"),
    ],
)
def test_a_fault_names_the_option_and_never_what_was_sent(
    query: dict[str, str], named: str
) -> None:
    with pytest.raises(RequestInvalid) as refused:
        FrameOptions.read(query)
    assert named in refused.value.detail
    assert "DOE" not in refused.value.detail


def test_a_deadline_is_counted_from_the_arrival_in_seconds() -> None:
    assert FrameOptions.read({"deadline_ms": "250"}).deadline(10.0) == 10.25
    assert FrameOptions.read({}).deadline(10.0) is None
