from pathlib import Path

import pytest
from pydantic import ValidationError

from endolink.model.errors import EgressRefused
from endolink.serving.archive.egress import EgressRule, EgressSettings, may_leave, require

PACS = "https://pacs.example.org/dicom-web"


def rules(monkeypatch: pytest.MonkeyPatch, text: str) -> EgressSettings:
    monkeypatch.setenv("ENDOLINK_EGRESS", text)
    return EgressSettings()


def test_by_default_everything_stays_here(tmp_path: Path) -> None:
    default = EgressSettings()
    for kind in ("pixels", "verdicts", "identifiers", "aggregates"):
        assert may_leave(kind, tmp_path, default).allowed
        assert not may_leave(kind, PACS, default).allowed
    assert not may_leave("model-updates", tmp_path, default).allowed


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
    require(frozenset({"pixels"}), tmp_path, EgressSettings())
    with pytest.raises(EgressRefused, match="model-updates"):
        require(frozenset({"pixels", "model-updates"}), tmp_path, EgressSettings())


@pytest.mark.parametrize("text", ["pixels", "everything=local", "pixels=there", "=local"])
def test_rules_that_are_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(ValidationError):
        rules(monkeypatch, text)


def test_a_rule_reads_as_it_is_written() -> None:
    assert EgressRule.parse("pixels,verdicts=local") == EgressRule(
        frozenset({"pixels", "verdicts"}), "local"
    )
