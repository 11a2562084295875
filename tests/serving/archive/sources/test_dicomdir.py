from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.fileset import FileSet

from endolink.model.errors import DicomUnreadable, SourceMissing
from endolink.serving.archive.picture import Picture, Reading, Unread
from endolink.serving.archive.sources import find
from endolink.serving.archive.sources.dicomdir import referenced
from tests import dicoms

FRAMES = [dicoms.jpeg(dicoms.picture(index)) for index in range(2)]


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    """A medium with two stills, written by pydicom."""
    files = FileSet()
    for index, frame in enumerate(FRAMES):
        files.add(dicoms.jpegs(tmp_path / f"{index}.dcm", [frame]))
    files.write(tmp_path / "medium")
    files._stage["t"].cleanup()
    return tmp_path / "medium"


def read(place: Path) -> list[Picture | Unread]:
    return [one for thing in find([str(place)]) for one in thing.pictures(Reading())]


def test_a_dicomdir_stands_for_its_files(medium: Path) -> None:
    found = read(medium / "DICOMDIR")
    assert [type(one) for one in found] == [Picture, Picture]
    assert all(path.is_file() for path in referenced(medium / "DICOMDIR"))


def test_a_walk_reads_each_file_once(medium: Path) -> None:
    assert [type(one) for one in read(medium)] == [Picture, Picture]


def test_what_is_missing_is_reported(medium: Path) -> None:
    next(referenced(medium / "DICOMDIR")).unlink()
    for place in (medium, medium / "DICOMDIR"):
        found = read(place)
        assert sum(isinstance(one, Picture) for one in found) == 1
        (unread,) = (one for one in found if isinstance(one, Unread))
        assert isinstance(unread.error, SourceMissing)


def test_names_that_climb_out_of_the_medium_are_left_out(medium: Path) -> None:
    directory = dcmread(medium / "DICOMDIR")
    for record in directory.DirectoryRecordSequence:
        if "ReferencedFileID" in record:
            record.ReferencedFileID = ["..", "0.dcm"]
    directory.save_as(medium / "DICOMDIR")
    assert list(referenced(medium / "DICOMDIR")) == []


def test_damage(medium: Path) -> None:
    path = medium / "DICOMDIR"
    path.write_bytes(path.read_bytes()[:420])
    with pytest.raises(DicomUnreadable):
        list(referenced(path))
    assert isinstance(read(path)[0], Unread)
