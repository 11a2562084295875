import shutil
import sqlite3
from pathlib import Path

from endolink.serving.audit.checkpoint import SigningKey, keys_of
from endolink.serving.retention.check import check
from endolink.serving.retention.key_file import KeyFile
from endolink.serving.retention.record import Signer
from endolink.serving.retention.vault import FRAMES, INDEX, Vault


def test_a_whole_vault_and_an_old_copy_of_it(
    vault: Vault, key_path: Path, signer: Signer, tmp_path: Path
) -> None:
    shutil.copytree(vault.folder, tmp_path / "copy")
    vault.delete(["F1", "F2"], signer, "asked")
    keys = keys_of(signer.key.public)
    report = check(vault, keys, tmp_path / "copy", KeyFile(key_path))
    assert report.faults == []
    assert (report.kept, report.deleted, report.copied, report.opened) == (2, 2, 4, 0)


def test_each_thing_that_is_wrong_is_found(
    vault: Vault, key_path: Path, signer: Signer, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(vault.folder, copy)
    shutil.copy(key_path, tmp_path / "old.key")
    vault.delete(["F1"], signer, "asked")
    key_file = KeyFile(key_path)
    trusted = keys_of(signer.key.public)

    def said(keys: dict[str, object] | None = None, file: KeyFile = key_file) -> str:
        return "\n".join(check(vault, trusted if keys is None else {}, copy, file).faults)

    assert "no trusted key" in said({})
    # Somebody puts the file back, under whatever name.
    shutil.copy(copy / FRAMES / "F1.frame", vault.folder / FRAMES / "F7.frame")
    assert "F7: a file without a key" in said()
    assert "F1: it was deleted, and its file is still there" in said()
    (vault.folder / FRAMES / "F7.frame").unlink()
    # Somebody has kept the key of before.
    assert "the copy of it can be read" in said(file=KeyFile(tmp_path / "old.key"))
    # Somebody takes the record out and puts the row back.
    with sqlite3.connect(copy / INDEX) as old:
        row = old.execute("SELECT * FROM frames WHERE id = 'F1'").fetchone()
    old.close()
    with sqlite3.connect(vault.folder / INDEX) as index:
        index.execute("INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?)", row)
    index.close()
    assert "F1: it was deleted, and its key is still there" in said()


def test_another_hospitals_key_is_not_trusted(
    vault: Vault, key_path: Path, signer: Signer, tmp_path: Path
) -> None:
    vault.delete(["F1"], signer, "asked")
    stranger = SigningKey.create(tmp_path / "stranger.key")
    report = check(vault, keys_of(stranger.public), None, KeyFile(key_path))
    assert len(report.faults) == 1
