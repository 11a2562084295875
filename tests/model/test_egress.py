from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from endolink.model.egress import (
    DataKind,
    EgressRule,
    EgressSettings,
    Passage,
    host_of,
    may_leave,
    require,
)
from endolink.model.errors import EgressRefused

PACS = "https://pacs.example.org/dicom-web"


def rules(monkeypatch: pytest.MonkeyPatch, text: str) -> EgressSettings:
    monkeypatch.setenv("ENDOLINK_EGRESS", text)
    return EgressSettings()


def test_by_default_everything_stays_here(tmp_path: Path) -> None:
    default = EgressSettings()
    for kind in get_args(DataKind):
        assert may_leave(kind, tmp_path, default).allowed
        assert not may_leave(kind, PACS, default).allowed
        assert not may_leave(kind, "http://127.0.0.1:4318/v1/traces", default).allowed


def test_a_rule_says_how_it_would_be_written(tmp_path: Path) -> None:
    assert f"identifiers={PACS}" in may_leave("identifiers", PACS, EgressSettings()).reason


@pytest.mark.parametrize(
    ("destination", "allowed"),
    [
        (PACS, True),
        (f"{PACS}/studies", True),
        ("https://pacs.example.org:443/dicom-web/studies", True),
        ("http://pacs.example.org/dicom-web", False),
        ("https://pacs.example.org/dicom-webs", False),
        ("https://pacs.example.org/", False),
        ("https://pacs.example.org/dicom-web/../else", False),
        ("https://pacs.example.org.evil.net/dicom-web", False),
        ("https://pacs.example.org@evil.net/dicom-web", False),
        ("https://pacs.example.org:8443/dicom-web", False),
        ("/dicom-web", False),
    ],
)
def test_an_address_holds_what_is_below_it(
    monkeypatch: pytest.MonkeyPatch, destination: str, allowed: bool
) -> None:
    there = rules(monkeypatch, f"verdicts={PACS}")
    assert may_leave("verdicts", destination, there).allowed is allowed
    assert not may_leave("pixels", destination, there).allowed


def test_a_folder_holds_what_is_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = rules(monkeypatch, f"verdicts, pixels={tmp_path}; aggregates=local")
    assert may_leave("pixels", tmp_path / "study", inside).allowed
    assert not may_leave("pixels", tmp_path / ".." / "else", inside).allowed
    assert not may_leave("pixels", tmp_path.parent, inside).allowed
    assert may_leave("aggregates", tmp_path.parent, inside).allowed


def test_require_names_what_is_refused(tmp_path: Path) -> None:
    require(frozenset({"pixels"}), tmp_path)
    with pytest.raises(EgressRefused, match="model-updates"):
        require(frozenset({"pixels", "model-updates"}), PACS, EgressSettings())


@pytest.mark.parametrize("text", ["pixels", "everything=local", "pixels=there", "=local"])
def test_rules_that_are_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(ValidationError):
        rules(monkeypatch, text)


def test_a_rule_reads_as_it_is_written() -> None:
    assert EgressRule.parse("pixels,verdicts=local") == EgressRule(
        frozenset({"pixels", "verdicts"}), "local"
    )


def test_a_database_is_an_address_and_its_socket_is_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = rules(monkeypatch, "verdicts=postgresql://db.example.org/audit")
    assert may_leave("verdicts", "postgresql://me:secret@db.example.org:5432/audit", there).allowed
    assert not may_leave("verdicts", "postgresql://db.example.org/other", there).allowed
    assert not may_leave("verdicts", "postgresql:///audit", there).allowed
    assert may_leave(
        "verdicts", "postgresql:///audit", rules(monkeypatch, "verdicts=local")
    ).allowed


def test_a_refusal_quotes_no_password() -> None:
    with pytest.raises(EgressRefused) as refused:
        require(frozenset({"verdicts"}), "postgresql://me:secret@db.example.org/audit")
    assert "secret" not in refused.value.detail
    assert "verdicts=postgresql://db.example.org/audit" in refused.value.detail


def test_every_answer_is_told_once_and_names_no_path(tmp_path: Path) -> None:
    told: list[Passage] = []
    default = EgressSettings().told_to(told.append)
    for _ in range(2):
        require(frozenset({"verdicts", "pixels"}), tmp_path / "Phantom^Paula", default)
        with pytest.raises(EgressRefused):
            require(frozenset({"pixels"}), f"{PACS}/Phantom^Paula", default)
    assert told == [
        Passage(("pixels", "verdicts"), "local", allowed=True),
        Passage(("pixels",), "https://pacs.example.org:443", allowed=False),
    ]


def test_what_cannot_be_told_does_not_leave(tmp_path: Path) -> None:
    def fail(_: Passage) -> None:
        raise OSError

    full = EgressSettings().told_to(fail)
    for _ in range(2):
        with pytest.raises(OSError):  # noqa: PT011 - our own
            require(frozenset({"pixels"}), tmp_path, full)


@pytest.mark.parametrize(
    ("destination", "host"),
    [
        ("/data/Phantom^Paula", "local"),
        ("https://me:secret@pacs.example.org/a/b?c=d", "https://pacs.example.org:443"),
        ("postgresql:///audit", "local"),
        ("ray://head.example.org:10001", "ray://head.example.org:10001"),
    ],
)
def test_a_host_is_scheme_name_and_port(destination: str, host: str) -> None:
    assert host_of(destination) == host
