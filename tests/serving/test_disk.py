import os
from pathlib import Path

import pytest

from endolink.serving.disk import is_private, sync_folder


def test_a_folder_is_brought_to_the_disk_and_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: dict[int, int] = {}
    monkeypatch.setattr(os, "fsync", lambda fd: synced.update({fd: os.fstat(fd).st_ino}))
    sync_folder(tmp_path)
    ((descriptor, inode),) = synced.items()
    assert inode == tmp_path.stat().st_ino
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "none")


@pytest.mark.parametrize(
    ("mode", "own", "handed"),
    [
        (0o600, True, True),
        (0o400, True, True),
        # As Kubernetes gives a secret's file to the group of a pod that is not root.
        (0o440, False, True),
        (0o460, False, False),
        (0o444, False, False),
        (0o604, False, False),
    ],
)
def test_a_secret_is_its_owners_or_was_handed_to_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, own: bool, handed: bool
) -> None:
    path = tmp_path / "key"
    path.touch()
    path.chmod(mode)
    assert is_private(path) is own
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert is_private(path) is handed
