"""What a service answers with, and what it refuses to."""

import logging
import shutil
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from endolink.model.bundle import BUNDLED, SIGNATURE, Bundle
from endolink.model.errors import (
    BundleSignatureInvalid,
    BundleSignerUnknown,
    BundleUnsigned,
    SigningKeyUnusable,
)
from endolink.model.signature import sign
from endolink.model.signer import SigningKey, public_path
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.bundles import tiny_bundle
from tests.serving.service import serve


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.create(tmp_path / "release.key")


@pytest.fixture
def signer(key: SigningKey, tmp_path: Path) -> Path:
    return public_path(tmp_path / "release.key")


def signed(folder: Path, key: SigningKey, **parts: str | int) -> Path:
    tiny_bundle(folder, **parts)  # type: ignore[arg-type]
    sign(Bundle.open(folder), key)
    return folder


def test_the_network_is_answered_with_nothing_unsigned(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    assert Settings().policy == "warn"
    assert Settings(signatures="off").policy == "off"
    assert Settings(signatures="require").policy == "require"
    assert Settings(host="0.0.0.0", keys=keys).policy == "require"
    for policy in ("warn", "off"):
        with pytest.raises(ValidationError, match="endolink bundle sign"):
            Settings(host="0.0.0.0", keys=keys, signatures=policy)


def test_signers_are_separated_as_in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDOLINK_SIGNERS", "/a.pub:/b c.pem")
    monkeypatch.setenv("ENDOLINK_SIGNATURES", "require")
    settings = Settings()
    assert settings.signers == (Path("/a.pub"), Path("/b c.pem"))
    assert settings.policy == "require"


def test_what_is_required_is_checked_before_anything_is_loaded(
    tmp_path: Path, key: SigningKey, signer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Anything that loads a network is an error here.
    monkeypatch.delattr(Bundle, "session")
    stranger = SigningKey.create(tmp_path / "stranger")
    changed = signed(tmp_path / "changed", key)
    shutil.copy(changed / SIGNATURE, tmp_path / "old.sig")
    shutil.rmtree(changed)
    shutil.copy(tmp_path / "old.sig", tiny_bundle(changed, seed=1) / SIGNATURE)
    for folder, error in (
        (tiny_bundle(tmp_path / "unsigned"), BundleUnsigned),
        (signed(tmp_path / "strange", stranger), BundleSignerUnknown),
        (changed, BundleSignatureInvalid),
    ):
        settings = Settings(
            bundles=(folder,), signers=(signer,), signatures="require", provider="cpu"
        )
        with pytest.raises(error):
            Models.open(settings)


def test_what_comes_with_it_needs_no_signature_wherever_it_lies(tmp_path: Path) -> None:
    elsewhere = Path(shutil.copytree(BUNDLED, tmp_path / "elsewhere"))
    for bundles in ((), (elsewhere,)):
        models = Models.open(Settings(bundles=bundles, signatures="require", provider="cpu"))
        assert models.get().identity.name == "colonoscopy"


def test_a_warning_is_logged_and_it_goes_on(
    tmp_path: Path, key: SigningKey, signer: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = signed(tmp_path / "good", key, name="good")
    bad = tiny_bundle(tmp_path / "bad", name="bad")
    caplog.set_level(logging.INFO)
    Models.open(Settings(bundles=(good, bad), signers=(signer,), provider="cpu"))
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    ((_, vouched),) = [each for each in said if each[0] == "INFO" and "good" in each[1]]
    ((_, warned),) = [each for each in said if each[0] == "WARNING"]
    assert key.public.id[:16] in vouched
    assert "model=bad" in warned
    assert "code=bundle-unsigned" in warned
    assert str(tmp_path) not in warned


def test_off_does_not_look(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tiny_bundle(tmp_path / "bad")
    missing = tmp_path / "missing.pub"
    Models.open(Settings(bundles=(folder,), signers=(missing,), signatures="off", provider="cpu"))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_signers_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyUnusable, match=r"missing\.pub"):
        Models.open(Settings(signers=(tmp_path / "missing.pub",)))


def test_a_reload_takes_over_nothing_unsigned(
    tmp_path: Path, key: SigningKey, signer: Path
) -> None:
    folder = signed(tmp_path / "tiny", key, version="1.0.0")
    settings = Settings(
        port=0, bundles=(folder,), signers=(signer,), signatures="require", provider="cpu"
    )
    with (
        serve(settings, Models.open(settings)) as running,
        httpx.Client(base_url=running.url) as client,
    ):

        def versions() -> list[str]:
            return [model["version"] for model in client.get("/v1/models").json()["models"]]

        shutil.rmtree(folder)
        tiny_bundle(folder, version="1.1.0", seed=1)
        refused = client.post("/v1/models:reload")
        assert refused.status_code == 409
        assert refused.json()["code"] == "model-change-refused"
        assert refused.json()["detail"].startswith("bundle-unsigned: ")
        assert "endolink bundle sign" in refused.json()["detail"]
        assert versions() == ["1.0.0"]
        assert client.get("/readyz").json()["reasons"] == ["model-change-failed"]
        sign(Bundle.open(folder), key)
        assert client.post("/v1/models:reload").status_code == 200
        assert versions() == ["1.1.0", "1.0.0"]


def test_who_is_trusted_changes_without_a_restart(
    tmp_path: Path, key: SigningKey, signer: Path
) -> None:
    folder = signed(tmp_path / "tiny", key, version="1.0.0")
    settings = Settings(bundles=(folder,), signers=(signer,), signatures="require", provider="cpu")
    models = Models.open(settings)
    new = SigningKey.create(tmp_path / "new.key")
    signer.write_bytes(key.public.to_pem() + new.public.to_pem())
    shutil.rmtree(folder)
    signed(folder, new, version="1.1.0")
    models.reload()
    assert models.get().identity.version == "1.1.0"
    signer.write_bytes(key.public.to_pem())
    with pytest.raises(BundleSignerUnknown):
        models.reload()
    assert models.failure == "bundle-signer-unknown"
