import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from endolink.model.errors import AuditUnavailable
from endolink.serving.audit.checkpoint import SigningKey, public_path
from endolink.serving.audit.cli import audit
from endolink.serving.audit.log import AuditLog


def run(*words: object, status: int = 0) -> str:
    done = CliRunner().invoke(audit, [str(word) for word in words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == status, done.output
    return done.output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run("key", tmp_path / "audit.key")
    key = SigningKey.read(tmp_path / "audit.key")
    log = AuditLog.open(str(tmp_path / "audit.sqlite"), "main", key)
    for number in range(30):
        log.append("frame", {"n": number}).result()
    log.close()
    return tmp_path


def test_an_untouched_log_verifies(folder: Path) -> None:
    public = public_path(folder / "audit.key")
    said = run("verify", folder / "audit.sqlite", "--public-key", public)
    assert "signed up to 30" in said
    assert "Nothing was removed" in said


def test_a_removed_entry_is_named_and_the_status_tells(folder: Path) -> None:
    connection = sqlite3.connect(folder / "audit.sqlite")
    connection.execute("DROP TRIGGER audit_no_delete")
    connection.execute("DELETE FROM audit_entries WHERE sequence = 7")
    connection.commit()
    connection.close()
    public = public_path(folder / "audit.key")
    said = run("verify", folder / "audit.sqlite", "--public-key", public, status=1)
    assert "entry 7 is missing" in said


def test_an_export_verifies_too(folder: Path) -> None:
    run("export", folder / "audit.sqlite", "--out", folder / "a.jsonl")
    public = public_path(folder / "audit.key")
    assert "Nothing was removed" in run("verify", folder / "a.jsonl", "--public-key", public)
    assert run("export", folder / "audit.sqlite", "--format", "csv").count("\n") == 31


def test_the_last_entries_are_shown(folder: Path) -> None:
    said = run("show", folder / "audit.sqlite", "--last", 2)
    assert '{"n":29}' in said
    assert '{"n":27}' not in said


def test_what_is_young_is_not_pruned(folder: Path) -> None:
    said = run("prune", folder / "audit.sqlite", "--key", folder / "audit.key")
    assert said.startswith("0 entries")


def test_a_log_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(AuditUnavailable, match="no audit log"):
        run("show", tmp_path / "none")
