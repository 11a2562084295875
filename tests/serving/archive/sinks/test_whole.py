from pathlib import Path

import pytest

from endolink.serving.archive.sinks import whole


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("old")
    with whole(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    with pytest.raises(UnicodeEncodeError), whole(path) as partial:
        partial.write_text("a half that cannot be written: \ud800", encoding="utf-8")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_run_left_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "report"
    with whole(path) as name:
        name.write_text("old")
    name.write_text("left by a killed run")
    with whole(path) as partial:
        assert partial == name
        partial.write_text("new")
    assert list(tmp_path.iterdir()) == [path]
