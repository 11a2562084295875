import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from endolink.model.errors import (
    AuditUnavailable,
    RetainedUnknown,
    RetentionKeyUnusable,
    RetentionUnavailable,
)
from endolink.serving.retention.key_file import KeyFile
from endolink.serving.retention.record import KeptFrame, Signer
from endolink.serving.retention.vault import FRAMES, INDEX, Vault
from tests.serving.retention.conftest import offer, quietly


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_what_is_kept_is_read_again_and_lies_there_encrypted(vault: Vault) -> None:
    frame, data = vault.read("F2")
    assert (frame.who, data) == ("key:0:room-2", b"pixels 2")
    assert [each.id for each in vault.frames()] == ["F0", "F1", "F2", "F3"]
    assert b"pixels" not in everything(vault.folder)
    for path in (vault.folder / FRAMES).iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_changed_byte_is_not_read(vault: Vault) -> None:
    path = vault.folder / FRAMES / "F1.frame"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(RetentionUnavailable, match="F1"):
        vault.read("F1")


def test_one_frames_file_is_not_read_as_anothers(vault: Vault) -> None:
    shutil.copy(vault.folder / FRAMES / "F1.frame", vault.folder / FRAMES / "F2.frame")
    with pytest.raises(RetentionUnavailable):
        vault.read("F2")


def test_a_deleted_frame_opens_with_nothing_that_is_left(
    vault: Vault, key_path: Path, signer: Signer, tmp_path: Path
) -> None:
    shutil.copytree(vault.folder, tmp_path / "backup")
    old = KeyFile(key_path).read()
    (record,) = vault.delete(["F1"], signer, "asked")
    assert record.fields["id"] == "F1"
    assert [frame.id for frame in vault.frames()] == ["F0", "F2", "F3"]
    assert vault.read("F2")[1] == b"pixels 2"
    with pytest.raises(RetainedUnknown):
        vault.read("F1")
    # The backup has the file and the wrapped key; the key that wrapped it is nowhere any more.
    backup = Vault(tmp_path / "backup", KeyFile(key_path))
    assert not backup.readable("F1")
    with pytest.raises(RetentionKeyUnusable, match="older copy"):
        backup.read("F1")
    assert old.secret.hex() not in everything(tmp_path).hex()


def test_a_backup_with_its_key_would_open_it(
    vault: Vault, key_path: Path, signer: Signer, tmp_path: Path
) -> None:
    # Which shows that the proof above can fail, and why the page says to keep no old key.
    shutil.copytree(vault.folder, tmp_path / "backup")
    shutil.copy(key_path, tmp_path / "old.key")
    vault.delete(["F1"], signer, "asked")
    assert Vault(tmp_path / "backup", KeyFile(tmp_path / "old.key")).readable("F1")


def test_who_is_not_kept_is_not_deleted_nor_anybody_with_them(vault: Vault, signer: Signer) -> None:
    with pytest.raises(RetainedUnknown):
        vault.delete(["F1", "F9"], signer, "asked")
    assert len(vault.frames()) == 4
    assert vault.read("F1")[1] == b"pixels 1"


def test_time_deletes_what_is_due(vault: Vault, signer: Signer) -> None:
    vault.keep([offer("F9", b"late", expires=3_000_000)], quietly)
    assert vault.expire(signer, now=1_999_999) == []
    assert [each.fields["reason"] for each in vault.expire(signer, now=2_000_000)] == [
        "expired"
    ] * 4
    assert [frame.id for frame in vault.frames()] == ["F9"]
    assert vault.read("F9")[1] == b"late"
    assert len(vault.deletions()) == 4


def test_what_cannot_be_noted_is_not_kept(vault: Vault) -> None:
    def refuse(_: Sequence[KeptFrame]) -> None:
        raise AuditUnavailable("full")

    with pytest.raises(AuditUnavailable):
        vault.keep([offer("F9", b"unnoted")], refuse)
    assert "F9" not in {frame.id for frame in vault.frames()}
    assert not (vault.folder / FRAMES / "F9.frame").exists()


def test_two_processes_see_each_others_changes(
    vault: Vault, key_path: Path, signer: Signer
) -> None:
    other = Vault.open(vault.folder, key_path)
    other.delete(["F0"], signer, "asked")
    vault.keep([offer("F9", b"after the key has changed")], quietly)
    assert other.read("F9")[1] == b"after the key has changed"
    assert vault.read("F3")[1] == b"pixels 3"


def test_a_kill_at_any_step_of_a_deletion_leaves_a_whole_vault(
    vault: Vault, key_path: Path, signer: Signer, tmp_path: Path
) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from endolink.serving.audit.checkpoint import SigningKey
from endolink.serving.retention.record import Signer
from endolink.serving.retention.vault import Vault
folder, key, audit, step = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
vault = Vault.open(folder, key)
steps = 0
def hook(event, arguments):
    # Every file that is opened, renamed or removed is a step.
    global steps
    if event in {"open", "os.rename", "os.remove", "sqlite3.connect"}:
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)
signer = Signer(SigningKey.read(audit), "a tester")
sys.addaudithook(hook)
vault.delete(["F1"], signer, "asked")
"""
    audit = tmp_path / "audit.key"
    outcomes = set()
    for step in range(1, 40):
        folder, key = tmp_path / f"v{step}", tmp_path / f"k{step}" / "key"
        shutil.copytree(vault.folder, folder)
        key.parent.mkdir()
        shutil.copy(key_path, key)
        done = subprocess.run(
            [sys.executable, "-c", program, str(folder), str(key), str(audit), str(step)],
            check=False,
        )
        again = Vault.open(folder, key)
        left = {frame.id for frame in again.frames()}
        assert left in ({"F0", "F2", "F3"}, {"F0", "F1", "F2", "F3"})
        assert {name: again.read(name)[1] for name in left} == {
            name: b"pixels " + name[1:].encode() for name in left
        }
        assert again.files().keys() == left
        assert len(again.deletions()) == 4 - len(left)
        assert [path.name for path in key.parent.iterdir()] == ["key"]
        outcomes.add(len(left))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    else:
        pytest.fail("it never came to its end")
    assert outcomes == {3, 4}


def test_what_a_killed_service_left_half_written_goes(vault: Vault, key_path: Path) -> None:
    (vault.folder / FRAMES / "F8.frame").write_bytes(os.urandom(100))
    again = Vault.open(vault.folder, key_path)
    assert "F8" not in again.files()


def test_a_folder_without_frames_is_said(tmp_path: Path, key_path: Path) -> None:
    with pytest.raises(RetentionUnavailable, match="no frames are kept"):
        Vault.open(tmp_path / "nothing", key_path)


def test_a_damaged_index_is_said(vault: Vault, key_path: Path) -> None:
    (vault.folder / INDEX).write_bytes(b"not a database at all, but long enough to be looked at")
    with pytest.raises(RetentionUnavailable, match="not a database"):
        Vault.open(vault.folder, key_path)
