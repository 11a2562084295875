from pathlib import Path

import httpx

from endolink.serving.audit.checkpoint import SigningKey
from endolink.serving.models import Models
from endolink.serving.retention.key_file import KeyFile
from endolink.serving.settings import Settings
from tests.serving.service import serve


def test_nobody_is_asked_on_this_machine(client: httpx.Client) -> None:
    said = client.get("/v1/access").json()
    assert said == {"required": False, "methods": [], "sign_in": None, "keeps": None}


def test_a_page_learns_where_people_sign_in(
    classifier_bundle: Path, models: Models, tmp_path: Path
) -> None:
    settings = Settings(
        port=0,
        bundles=(classifier_bundle,),
        keys=tmp_path / "keys.json",
        oidc_issuer="https://login.hospital.example",
        oidc_client="viewer",
    )
    with serve(settings, models) as running:
        said = httpx.get(f"{running.url}/v1/access").json()
    assert said["methods"] == ["key", "oidc"]
    assert said["sign_in"] == {
        "issuer": "https://login.hospital.example",
        "client_id": "viewer",
        "audience": "endolink",
    }


def test_a_page_learns_what_is_kept(
    classifier_bundle: Path, models: Models, tmp_path: Path
) -> None:
    SigningKey.create(tmp_path / "audit.key")
    KeyFile(tmp_path / "retained.key").create()
    settings = Settings(
        port=0,
        bundles=(classifier_bundle,),
        audit=str(tmp_path / "audit.sqlite"),
        audit_key=tmp_path / "audit.key",
        retain=tmp_path / "retained",
        retain_key=tmp_path / "retained.key",
        retain_purpose="review",
        retain_days=30,
        retain_when=("present",),
        retain_clients=("*",),
    )
    with serve(settings, models) as running:
        said = httpx.get(f"{running.url}/v1/access").json()
    assert said["keeps"] == {"purpose": "review", "days": 30}
