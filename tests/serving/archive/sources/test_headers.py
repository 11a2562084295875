import tarfile
import zipfile
from pathlib import Path

import pytest

from endolink.model.errors import PacsUnreachable, SourceMissing
from endolink.serving.archive.picture import Locator
from endolink.serving.archive.sources.headers import read_header
from tests import dicoms


def test_of_a_file(tmp_path: Path) -> None:
    path = dicoms.native(tmp_path / "a.dcm", [dicoms.picture()])
    assert read_header(Locator(str(path))).PatientID == "PH-0042"
    with pytest.raises(SourceMissing):
        read_header(Locator(str(tmp_path / "b.dcm")))


def test_of_what_a_container_holds(tmp_path: Path) -> None:
    path = dicoms.native(tmp_path / "a.dcm", [dicoms.picture()])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.write(path, "deep/a.dcm")
    with tarfile.open(tmp_path / "a.tar.xz", "w:xz") as tarred:
        tarred.add(path, "deep/a.dcm")
    for name in ("a.zip", "a.tar.xz"):
        place = str(tmp_path / name)
        assert read_header(Locator(place, "deep/a.dcm")).PatientID == "PH-0042"
        for gone in (Locator(place, "b.dcm"), Locator(place + "x", "deep/a.dcm")):
            with pytest.raises(SourceMissing):
                read_header(gone)


def test_of_what_a_pacs_holds() -> None:
    # test_dicomweb.py asks one that answers.
    with pytest.raises(PacsUnreachable):
        read_header(Locator("http://127.0.0.1:9/dicom-web/studies/1/series/2/instances/3"))
