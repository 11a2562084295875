import os
from pathlib import Path

import pytest

from endolink.serving.disk import sync_folder


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
