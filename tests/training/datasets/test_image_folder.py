from pathlib import Path

import pytest

from endolink.model.errors import DataLayout
from endolink.training.datasets.image_folder import read


def _touch(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


def test_folders_are_named_after_codes_or_labels_or_none(tmp_path: Path) -> None:
    _touch(tmp_path, "Terminal ileum/a.png", "polyp/b.JPG", "none/c.jpg", "polyp/read.me")
    data = read(tmp_path)
    assert data.findings == ("polyp", "ileum")
    assert {(s.file.split("/", 1)[1], s.label) for s in data.samples} == {
        ("Terminal ileum/a.png", "ileum"),
        ("polyp/b.JPG", "polyp"),
        ("none/c.jpg", "none"),
    }
    assert all(sample.known == {"polyp", "ileum"} for sample in data.samples)


def test_groups_are_read(tmp_path: Path) -> None:
    _touch(tmp_path, "polyp/a.jpg", "polyp/b.jpg", "polyp/c.jpg")
    (tmp_path / "groups.csv").write_text("file,group\npolyp/a.jpg,p1\npolyp/b.jpg,p1\n")
    assert [sample.group for sample in read(tmp_path).samples] == ["p1", "p1", None]


def test_frames_without_a_group_are_not_of_one_and_a_byte_order_mark_is_no_column(
    tmp_path: Path,
) -> None:
    _touch(tmp_path, "polyp/a.jpg", "polyp/b.jpg")
    (tmp_path / "groups.csv").write_bytes(
        b"\xef\xbb\xbffile,group\r\npolyp/a.jpg,\r\npolyp/b.jpg, \r\n"
    )
    assert [sample.group for sample in read(tmp_path).samples] == [None, None]


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "polyp/a.jpg")
    (tmp_path / "groups.csv").write_bytes("file,group\npolyp/a.jpg,Müller\n".encode("latin-1"))
    with pytest.raises(DataLayout, match="UTF-8"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("groups", "reason"),
    [("file,group\npolyp/z.jpg,p1\n", "not there"), ("name,patient\n", "expected the columns")],
)
def test_groups_that_do_not_fit_are_refused(tmp_path: Path, groups: str, reason: str) -> None:
    _touch(tmp_path, "polyp/a.jpg")
    (tmp_path / "groups.csv").write_text(groups)
    with pytest.raises(DataLayout, match=reason):
        read(tmp_path)


def test_what_is_no_labelled_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataLayout, match="found nothing"):
        read(tmp_path / "missing")
    with pytest.raises(DataLayout, match="found 0 sub-folders"):
        read(tmp_path)
    _touch(tmp_path, "unicorn/a.jpg")
    with pytest.raises(DataLayout, match=r"'unicorn' is named after no finding; known are polyp"):
        read(tmp_path)
