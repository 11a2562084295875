import os
from pathlib import Path

import pytest

from endolink.model.errors import FrameTooLarge, SourceMissing, SourceUnreadable
from endolink.serving.archive.sources.files import find_files, read_file


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def found(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in find_files([folder])]


def test_folders_are_walked_in_natural_order(tmp_path: Path) -> None:
    make(tmp_path, "frame10.jpg", "frame2.jpg", "Frame1.jpg", "b/7.png", "a10/x", "a9/x", "9", "10")
    assert found(tmp_path) == [
        "9",
        "10",
        "a9/x",
        "a10/x",
        "b/7.png",
        "Frame1.jpg",
        "frame2.jpg",
        "frame10.jpg",
    ]


def test_hidden_files_are_skipped_unless_named(tmp_path: Path) -> None:
    make(tmp_path, ".DS_Store", ".git/config", "seen.jpg")
    assert found(tmp_path) == ["seen.jpg"]
    hidden = tmp_path / ".DS_Store"
    assert list(find_files([hidden])) == [hidden]
    assert list(find_files([tmp_path / ".git"])) == [tmp_path / ".git/config"]


def test_paths_keep_the_order_in_which_they_were_given(tmp_path: Path) -> None:
    make(tmp_path, "b", "a")
    paths = [tmp_path / "b", tmp_path / "nothing", tmp_path / "a"]
    assert list(find_files(paths)) == paths


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    make(tmp_path, "in/a.jpg")
    (tmp_path / "in/again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "in/z.jpg").symlink_to(tmp_path / "in/a.jpg")
    (tmp_path / "in/zz.jpg").symlink_to("nowhere")
    assert found(tmp_path) == ["in/a.jpg", "in/z.jpg", "in/zz.jpg"]


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 10)
    assert read_file(path, 10) == b"x" * 10


def test_no_more_is_read_than_allowed(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(FrameTooLarge):
        read_file(path, 1000)


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing):
        read_file(tmp_path / "nothing", 10)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceUnreadable):
        read_file(tmp_path / "pipe", 10)


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable):
        read_file(tmp_path, 10)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "locked"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(SourceUnreadable):
        read_file(path, 10)
