from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import picture

WHOLE: dict[str, Any] = {
    "audit": "audit.sqlite",
    "audit_key": Path("audit.key"),
    "retain": Path("retained"),
    "retain_key": Path("retained.key"),
    "retain_purpose": "review",
    "retain_days": 30,
    "retain_when": "present, unfamiliar",
    "retain_clients": "key:*:room-2, key:*:room-3",
}


def test_by_default_nothing_is_kept() -> None:
    assert Settings().retain is None


@pytest.mark.parametrize("missing", ["key", "purpose", "days", "when", "clients"])
def test_all_of_it_has_to_be_said(missing: str) -> None:
    given = {name: value for name, value in WHOLE.items() if name != f"retain_{missing}"}
    with pytest.raises(ValidationError, match=f"retain_{missing}"):
        Settings.model_validate(given)


def test_what_is_kept_an_audit_log_shows() -> None:
    given = {name: value for name, value in WHOLE.items() if not name.startswith("audit")}
    with pytest.raises(ValidationError, match="needs audit"):
        Settings.model_validate(given)


def test_the_environment_lists_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WHOLE.items():
        monkeypatch.setenv(f"ENDOLINK_{name.upper()}", str(value))
    assert Settings().retain_when == ("present", "unfamiliar")
    monkeypatch.setenv("ENDOLINK_RETAIN_WHEN", "always")
    with pytest.raises(ValidationError):
        Settings()


def test_the_rule_covers_named_clients_and_named_reasons(models: Models) -> None:
    (verdict,) = models.get().score([picture()])
    everything = Settings.model_validate(WHOLE | {"retain_when": "all"})
    assert everything.why("key:17:room-2", verdict) == ("all",)
    assert everything.why("key:17:room-21", verdict) == ()
    reasons = Settings.model_validate(WHOLE | {"retain_when": "present,unfamiliar,unusable"})
    expected = {
        "present": any(finding.present for finding in verdict.findings),
        "unfamiliar": not verdict.familiar,
        "unusable": not verdict.usable,
    }
    assert reasons.why("key:17:room-2", verdict) == tuple(
        why for why, holds in expected.items() if holds
    )
