"""`endolink retained`, as somebody who answers for the frames uses it."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from endolink.model.errors import EgressRefused, RetainedUnknown
from endolink.serving.audit.checkpoint import public_path
from endolink.serving.audit.store import Store
from endolink.serving.retention.cli import retained
from endolink.serving.retention.record import Signer
from endolink.serving.retention.vault import Vault


def run(*words: object, status: int = 0) -> str:
    done = CliRunner().invoke(retained, [str(word) for word in words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == status, done.output
    return done.output


@pytest.fixture
def folder(
    vault: Vault, key_path: Path, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A vault whose commands find their keys and their log in the environment."""
    monkeypatch.setenv("ENDOLINK_RETAIN_KEY", str(key_path))
    monkeypatch.setenv("ENDOLINK_AUDIT_KEY", str(tmp_path / "audit.key"))
    monkeypatch.setenv("ENDOLINK_AUDIT", str(tmp_path / "audit.sqlite"))
    return vault.folder


def noted(tmp_path: Path) -> list[tuple[str, dict[str, object]]]:
    store = Store.open(str(tmp_path / "audit.sqlite"), create=False)
    found = [(entry.kind, json.loads(entry.body)) for entry in store.entries("main-commands")]
    store.close()
    return found


def test_a_key_is_made_once(tmp_path: Path) -> None:
    assert "retained.key" in run("key", tmp_path / "retained.key")
    assert "endolink-retention-1" in (tmp_path / "retained.key").read_text()


def test_what_is_kept_is_listed_and_shown_without_its_picture(folder: Path) -> None:
    listed = run("list", folder)
    assert all(name in listed for name in ("F0", "F1", "F2", "F3"))
    shown = run("show", folder, "F1")
    assert "key:0:room-2" in shown
    assert "review" in shown
    assert "pixels" not in listed + shown


def test_an_export_is_noted_and_obeys_the_rules(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "Phantom^Paula.jpg"
    run("export", folder, "F1", out)
    assert out.read_bytes() == b"pixels 1"
    assert out.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("ENDOLINK_EGRESS", "pixels=/elsewhere;verdicts=local")
    with pytest.raises(EgressRefused):
        run("export", folder, "F2", tmp_path / "another.jpg")
    assert not (tmp_path / "another.jpg").exists()
    asked = {"by": "retained export", "kinds": ["pixels"], "to": "local"}
    assert noted(tmp_path) == [
        ("egress", asked | {"allowed": True}),
        ("exported", {"request": "F1", "frame": "f" * 64, "purpose": "review"}),
        ("egress", asked | {"allowed": False}),
    ]


def test_a_deletion_is_proven(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "backup")
    said = run("delete", folder, "F1", "--by", "A. Officer")
    assert "F1 is gone" in said
    public = public_path(tmp_path / "audit.key")
    copy = ("--copy", tmp_path / "backup")
    proof = run("verify", folder, "--public-key", public, *copy)
    assert "3 frames are kept and can be read; 1 were deleted." in proof
    assert "Of 4 frames in the copy, 0 can be opened." in proof
    assert "Nothing that was deleted can be read." in proof
    ((kind, body),) = noted(tmp_path)
    assert (kind, body["id"], body["by"]) == ("deleted", "F1", "A. Officer")
    shutil.copy(tmp_path / "backup/frames/F1.frame", folder / "frames/F1.frame")
    assert "WRONG: F1" in run("verify", folder, "--public-key", public, status=1)


def test_what_is_over_is_deleted_by_the_command_too(folder: Path) -> None:
    assert "4 frames deleted" in run("delete", folder, "--expired", "--by", "cron")
    assert "0 frames deleted" in run("delete", folder, "--expired", "--by", "cron")


def test_names_or_time_but_not_both(folder: Path) -> None:
    run("delete", folder, "--by", "me", status=2)
    run("delete", folder, "F1", "--expired", "--by", "me", status=2)
    with pytest.raises(RetainedUnknown):
        run("delete", folder, "F9", "--by", "me")
