from pathlib import Path

import pytest
from pydantic import ValidationError

from endolink.serving.settings import Settings


def test_a_log_is_signed(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="endolink audit key"):
        Settings.model_validate({"audit": "audit.sqlite"})
    Settings.model_validate({"audit": "audit.sqlite", "audit_key": tmp_path / "key"})


def test_a_password_is_not_shown() -> None:
    settings = Settings.model_validate(
        {"audit": "postgresql://me:secret@db/audit", "audit_key": "audit.key"}
    )
    assert "secret" not in repr(settings)
