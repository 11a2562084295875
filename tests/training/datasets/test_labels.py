from pathlib import Path

import pytest

from endolink.model.errors import DataLayout
from endolink.training.datasets.labels import read
from tests.training.datasets.layout import touch


def _table(root: Path, *lines: str) -> Path:
    touch(root, "frames/1.jpg", "frames/2.jpg")
    table = root / "labels.csv"
    table.write_text("\n".join(["file,finding,present,group", *lines, ""]))
    return table


def test_a_frame_has_a_line_for_each_finding_that_is_decided(tmp_path: Path) -> None:
    table = _table(
        tmp_path,
        "frames/1.jpg,polyp,1,exam 7",
        "frames/1.jpg,cecum,0,exam 7",
        "frames/2.jpg,Polyp,false,",
    )
    data = read(table)
    assert data == read(tmp_path)
    assert data.findings == ("polyp", "cecum")
    one, other = data.samples
    assert (one.present, one.known, one.group) == ({"polyp"}, {"polyp", "cecum"}, "exam 7")
    assert (other.present, other.known, other.group) == (set(), {"polyp"}, None)


def test_a_table_from_a_spreadsheet_may_begin_with_a_mark(tmp_path: Path) -> None:
    table = _table(tmp_path, "frames/1.jpg,polyp,1,")
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert read(table).counts() == {"polyp": 1}


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    table = _table(tmp_path)
    table.write_bytes("file,finding,present,group\nframes/1.jpg,polyp,1,Müller\n".encode("latin-1"))
    with pytest.raises(DataLayout, match="UTF-8"):
        read(table)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("frames/1.jpg,unicorn,1,", "line 3: no finding has that code"),
        ("frames/1.jpg,cecum,maybe,", "line 3: `present` is 1 or 0"),
        ("frames/1.jpg,polyp,0,", "line 3: 'polyp' was decided otherwise"),
        ("frames/1.jpg,cecum,1,exam 8", "line 3: the file was of another group"),
        ("frames/3.jpg,polyp,1,", r"1 files are not there, as 'frames/3\.jpg'"),
        ("../1.jpg,polyp,1,", "line 3: `file` is a path within the table's folder"),
        ("/etc/passwd,polyp,1,", "line 3: `file` is a path within"),
        (r"C:\frames\1.jpg,polyp,1,", "line 3: `file` is a path within"),
        (",polyp,1,", "line 3: `file` is a path within"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_with_its_number(
    tmp_path: Path, line: str, reason: str
) -> None:
    with pytest.raises(DataLayout, match=reason):
        read(_table(tmp_path, "frames/1.jpg,polyp,1,exam 7", line))


def test_another_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataLayout, match=r"expected a table labels\.csv"):
        read(tmp_path)
    (tmp_path / "labels.csv").write_text("name,label\n")
    with pytest.raises(DataLayout, match="expected the columns file,finding,present,group"):
        read(tmp_path)
