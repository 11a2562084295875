from pathlib import Path

import pytest

from endolink.model.errors import RetentionKeyUnusable
from endolink.serving.retention.key_file import KeyFile, WrappingKey


def test_a_key_is_for_its_owners_eyes_and_is_not_replaced(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "key")
    made = file.create()
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.read() == file.read(made.id) == made
    with pytest.raises(RetentionKeyUnusable, match="already"):
        file.create()
    file.path.chmod(0o640)
    with pytest.raises(RetentionKeyUnusable, match="others may read"):
        file.read()


def test_only_the_key_that_wrapped_unwraps() -> None:
    one, other = WrappingKey.generate(), WrappingKey.generate()
    wrapped = one.wrap(b"k" * 32)
    assert one.unwrap(wrapped) == b"k" * 32
    assert other.unwrap(wrapped) is None
    assert one.unwrap(b"short") is None


def test_nothing_prints_a_key() -> None:
    key = WrappingKey.generate()
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)


@pytest.mark.parametrize("holds", ["old", "new"])
def test_a_change_that_was_cut_short_is_finished_either_way(tmp_path: Path, holds: str) -> None:
    file = KeyFile(tmp_path / "key")
    old = file.create()
    new = file.stage()
    wanted = old if holds == "old" else new
    assert file.read(wanted.id) == wanted
    file.settle(wanted.id)
    assert file.read() == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_kill_while_the_old_key_is_overwritten_loses_nothing(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "key")
    file.create()
    new = file.stage()
    file.path.write_bytes(b"\0" * 40)
    assert file.read(new.id) == new
    file.settle(new.id)
    assert file.read() == new


def test_an_old_copy_of_the_key_says_so(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "key")
    file.create()
    with pytest.raises(RetentionKeyUnusable, match="older copy"):
        file.read("another")


def test_a_key_that_does_not_hold_is_not_destroyed(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "key")
    file.create()
    file.stage()
    with pytest.raises(RetentionKeyUnusable):
        file.settle("another")
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_no_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RetentionKeyUnusable, match="endolink retained key"):
        KeyFile(tmp_path / "none").read()
