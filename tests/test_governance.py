"""What the pages on threats, hazards and governance point at is there."""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from endolink.model.egress import EgressSettings
from endolink.serving.settings import Settings
from tests.conftest import REPOSITORY

PAGES = ("SECURITY.md", "docs/threat-model.md", "docs/governance.md", "docs/hazards.md")
SUFFIXES = ("py", "js", "md", "mjs", "lock", "json")
COMMANDS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["entry-points"][
    "endolink.commands"
]
_FILE = re.compile(rf"`([\w./-]+/(?:[\w.-]+\.(?:{'|'.join(SUFFIXES)}))?)(?:::(\w+))?`")
_LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]+))?\)")
# What no field of the settings is: it is of the tests.
_OF_TESTS = {"ENDOLINK_FUZZ_SECONDS"}


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", PAGES)
def test_every_file_and_test_that_is_named_exists(name: str) -> None:
    named = _FILE.findall(text(REPOSITORY / name))
    assert len(named) >= (1 if name == "SECURITY.md" else 20)
    missing = []
    for file, symbol in named:
        path = REPOSITORY / file
        if not path.exists() or (symbol and f"def {symbol}(" not in text(path)):
            missing.append(f"{file}::{symbol}")
    assert missing == []


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    page = REPOSITORY / name
    for target, anchor in _LINK.findall(text(page)):
        assert "://" not in target
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


@pytest.mark.parametrize("name", PAGES)
def test_every_setting_and_command_that_is_named_exists(name: str) -> None:
    fields = Settings.model_fields | EgressSettings.model_fields
    for setting in set(re.findall(r"ENDOLINK_[A-Z_]+", text(REPOSITORY / name))) - _OF_TESTS:
        assert setting.removeprefix("ENDOLINK_").lower() in fields, setting
    for command in re.findall(r"`endolink ([a-z]+)", text(REPOSITORY / name)):
        assert command in COMMANDS, command


def test_each_hazard_has_a_number_a_control_and_a_verification() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text(REPOSITORY / "docs/hazards.md").splitlines()
        if re.match(r"\| H\d+ ", line)
    ]
    assert [row[0] for row in rows] == [f"H{number}" for number in range(1, len(rows) + 1)]
    assert len(rows) >= 20
    for row in rows:
        assert len(row) == 9, row[0]
        assert re.fullmatch(r"S[1-4]", row[4])
        assert re.fullmatch(r"P[1-4]", row[5])
        assert _FILE.search(row[6]), row[0]
        assert "tests/" in row[7], row[0]
        assert row[8], row[0]


def test_each_target_of_the_fuzzer_is_in_the_threat_model() -> None:
    said = text(REPOSITORY / "docs/threat-model.md")
    for path in (REPOSITORY / "tests/fuzz/targets").glob("*.py"):
        assert f"tests/fuzz/targets/{path.name}" in said


@pytest.mark.parametrize("name", PAGES)
def test_no_page_calls_it_a_medical_device_or_a_diagnosis(name: str) -> None:
    said = re.sub(r"`[^`]*`", "", text(REPOSITORY / name)).lower()
    for lowered in re.split(r"(?<=[.|])\s", said):
        if "medical device" in lowered or "diagnosis" in lowered.replace("delayed diagnosis", ""):
            assert re.search(r"\b(not|no|never|is it)\b", lowered), lowered
