from pathlib import Path

import pytest

from endolink.model.errors import DataLayout
from endolink.training.datasets.edd2020 import read

HEADER = "file,BE,suspicious,HGD,cancer,polyp\n"


def _lay_out(root: Path, table: str, *names: str) -> None:
    (root / "images").mkdir()
    for name in names:
        (root / "images" / name).touch()
    (root / "labels.csv").write_text(table)


def test_several_findings_are_in_one_frame_and_all_are_decided(tmp_path: Path) -> None:
    _lay_out(tmp_path, f"{HEADER}EDD2020_B0001.jpg,1,0,1,0,0\n", "EDD2020_B0001.jpg")
    (sample,) = read(tmp_path).samples
    assert sample.present == {"barretts", "hgd"}
    assert sample.known == {"barretts", "suspicious", "hgd", "cancer", "polyp"}


def test_a_block_is_one_letter_code_without_a_large_gap(tmp_path: Path) -> None:
    numbers = ["AJ0001", "AJ0011", "AJ0022", "B0023", "B0012"]
    names = [f"EDD2020_{number}.jpg" for number in numbers]
    _lay_out(tmp_path, HEADER + "".join(f"{name},0,0,0,0,1\n" for name in names), *names)
    groups = {sample.path.stem[8:]: sample.group for sample in read(tmp_path).samples}
    assert groups == {
        "AJ0001": "block AJ0001",
        "AJ0011": "block AJ0001",
        "AJ0022": "block AJ0022",
        "B0012": "block B0012",
        "B0023": "block B0023",
    }


def test_the_release_is_read_as_downloaded_with_its_outlines(tmp_path: Path) -> None:
    root = tmp_path / "EDD2020_release-I_2020-01-15"
    for folder in ("originalImages", "masks", "bbox"):
        (root / folder).mkdir(parents=True)
    for number in (1, 2):
        (root / "originalImages" / f"EDD2020_B000{number}.jpg").touch()
    for mask in ("B0001_BE", "B0001_HGD_1", "B0001_HGD_2"):
        (root / "masks" / f"EDD2020_{mask}.tif").touch()
    (root / "bbox" / "EDD2020_B0002.txt").write_text("1 2 3 4 polyp\n5 6 7 8 cancer\n")
    one, other = read(tmp_path).samples
    assert (one.present, other.present) == ({"barretts", "hgd"}, {"polyp", "cancer"})
    assert one.outlines == {"barretts": root / "masks" / "EDD2020_B0001_BE.tif"}
    assert one.group == other.group == "block B0001"
    (root / "masks" / "EDD2020_B0001_unicorn.tif").touch()
    with pytest.raises(DataLayout, match="expected one of the classes BE, "):
        read(tmp_path)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (HEADER, "lists 0 frames and images holds 1"),
        (f"{HEADER}EDD2020_B0001.jpg,2,0,0,0,0\n", "line 2 is not so"),
        ("name,BE\nEDD2020_B0001.jpg,1\n", "expected the columns file,BE"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path: Path, table: str, reason: str) -> None:
    _lay_out(tmp_path, table, "EDD2020_B0001.jpg")
    with pytest.raises(DataLayout, match=reason):
        read(tmp_path)


def test_a_frame_named_otherwise_is_refused(tmp_path: Path) -> None:
    _lay_out(tmp_path, f"{HEADER}mine.jpg,0,0,0,0,1\n", "mine.jpg")
    with pytest.raises(DataLayout, match=r"mine\.jpg is not named as"):
        read(tmp_path)


def test_without_a_table_its_columns_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataLayout, match=r"expected labels\.csv with the columns file,BE"):
        read(tmp_path)


@pytest.mark.shared
def test_the_shared_frames_have_the_right_counts_and_blocks(shared: Path) -> None:
    data = read(shared / "data" / "edd2020")
    assert data.counts() == {
        "barretts": 117,
        "suspicious": 56,
        "hgd": 64,
        "cancer": 47,
        "polyp": 66,
    }
    assert len({sample.group for sample in data.samples}) == 10
