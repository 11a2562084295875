import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from endolink.serving.settings import Settings


def test_defaults_listen_to_this_machine_only() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.bundles) == ("127.0.0.1", 8000, ())


def test_environment_sets_and_an_argument_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDOLINK_PORT", "9000")
    monkeypatch.setenv("ENDOLINK_QUEUE", "3")
    monkeypatch.setenv("ENDOLINK_BUNDLES", os.pathsep.join(("/a", "/b b")))
    settings = Settings(port=9001)
    assert settings.port == 9001
    assert settings.queue == 3
    assert settings.bundles == (Path("/a"), Path("/b b"))


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PROVIDER", "tpu"),
        ("THREADS", "0"),
        ("BATCHING", "maybe"),
        ("BATCHING_MOST", "0"),
        ("MAX_PIXELS", "999999999999"),
    ],
)
def test_a_bad_value_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"ENDOLINK_{name}", value)
    with pytest.raises(ValidationError, match=f"(?i){name}"):
        Settings()


def test_limits_are_those_of_the_settings() -> None:
    limits = Settings(max_bytes=5000, max_pixels=6000, min_side=7).limits
    assert (limits.max_bytes, limits.max_pixels, limits.min_side) == (5000, 6000, 7)
