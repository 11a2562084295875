from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from endolink.model.errors import DataError
from endolink.training.contact_sheet import SIDE, write_sheet
from endolink.training.datasets import DataSet, open_data
from tests.training.pictures import fill_folder


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return open_data(f"folder:{fill_folder(tmp_path_factory.mktemp('data') / 'clinic', 6)}")


def _colour(sheet: Image.Image, row: int, column: int) -> object:
    """Give the middle pixel of a picture: margin, title, then caption and picture of each row."""
    x = 20 + SIDE // 2 + column * (SIDE + 6)
    return sheet.getpixel((x, 20 + 34 + 34 + SIDE // 2 + row * (SIDE + 40)))


def test_a_row_a_finding_and_a_picture_a_group(clinic: DataSet, tmp_path: Path) -> None:
    samples = clinic.samples
    # Of the polyps' frames all but one are of one group.
    groups = [f"g{max(index - 4, 0)}" for index in range(len(samples))]
    path = tmp_path / "sheet.png"
    shown = write_sheet(path, samples, groups, clinic.findings, columns=2, title="clinic")
    assert shown == 6
    with Image.open(path) as sheet:
        assert sheet.width == 2 * 20 + 2 * SIDE + 6
        assert len({_colour(sheet, row, 0) for row in range(3)}) == 3
        assert _colour(sheet, 0, 0) != _colour(sheet, 0, 1)


def test_frames_of_no_finding_are_the_last_row(clinic: DataSet, tmp_path: Path) -> None:
    samples = [replace(sample, present=frozenset()) for sample in clinic.samples[:2]]
    groups = ["a", "b"]
    assert write_sheet(tmp_path / "sheet.jpg", samples, groups, clinic.findings) == 2


def test_a_place_that_cannot_be_written_is_told(clinic: DataSet, tmp_path: Path) -> None:
    groups = [sample.file for sample in clinic.samples]
    for path in (tmp_path / "none" / "x.png", tmp_path / "sheet.txt"):
        with pytest.raises(DataError, match="cannot be written there"):
            write_sheet(path, clinic.samples, groups, clinic.findings, columns=1)
