import time
from typing import Any

import pytest

from deploy import vulnerabilities
from deploy.vulnerabilities import LOCK, ask, judge


def entry(name: str, *vulns: dict[str, Any]) -> dict[str, Any]:
    """As pip-audit's documentation has it, `--format json`."""
    return {"name": name, "version": "1.0", "vulns": list(vulns)}


BAD = {"id": "PYSEC-2026-1", "fix_versions": ["1.1"], "aliases": [], "description": "Bad."}
SKIPPED = {"name": "c", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def test_a_known_vulnerability_fails_and_says_what_mends_it() -> None:
    status, said = judge({"dependencies": [entry("a"), entry("b", BAD), SKIPPED]})
    assert status == 1
    assert "b 1.0: PYSEC-2026-1, mended in 1.1" in said
    assert "make lock" in said


def test_what_is_not_known_is_not_called_sound() -> None:
    assert judge({"dependencies": [entry("a"), SKIPPED]}) == (
        0,
        "Vulnerabilities: none known of 1 distributions; of 1 nothing could be learned.",
    )
    for report in (None, {"dependencies": [SKIPPED]}):
        status, said = judge(report)
        assert status == 0
        assert "nothing was checked" in said
        assert "none known" not in said


def test_without_a_network_it_says_so_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Port 9, discard: nobody listens.
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    begun = time.monotonic()
    assert vulnerabilities.main() == 0
    assert time.monotonic() - begun < vulnerabilities._WHOLE_S + 5
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_network_that_swallows_everything_is_waited_for_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vulnerabilities, "_WHOLE_S", 0.01)
    assert ask(LOCK) is None
