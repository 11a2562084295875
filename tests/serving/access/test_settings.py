from pathlib import Path

import pytest
from pydantic import ValidationError

from endolink.serving.access.settings import is_loopback
from endolink.serving.settings import Settings


def test_the_network_is_not_served_unguarded(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="endolink key create"):
        Settings(host="0.0.0.0")
    assert Settings(host="0.0.0.0", keys=tmp_path / "keys.json").guarded
    assert Settings(host="0.0.0.0", oidc_issuer="https://login.hospital.example").guarded


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.3.2.1"])
def test_this_machine_is_served_to_itself(host: str) -> None:
    assert is_loopback(host)
    assert not Settings(host=host).guarded


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "nobody.invalid"])
def test_the_rest_is_the_network(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("oidc_issuer", "http://login.hospital.example"),
        ("origins", "viewer.hospital.example"),
        ("origins", "https://viewer.hospital.example/path"),
        ("trusted_proxies", "proxy.hospital.example"),
        ("tls_certificate", "only.pem"),
    ],
)
def test_what_cannot_hold_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({name: value})


def test_lists_are_separated_by_commas() -> None:
    settings = Settings.model_validate({"origins": "https://a.example, http://b.example:81"})
    assert settings.origins == ("https://a.example", "http://b.example:81")
