from pathlib import Path

import pytest

from endolink.model.errors import PacsUnreachable, SourceMissing
from endolink.serving.archive.sources.headers import read_header
from tests import dicoms


def test_of_a_file(tmp_path: Path) -> None:
    path = dicoms.native(tmp_path / "a.dcm", [dicoms.picture()])
    assert read_header(str(path)).PatientID == "PH-0042"
    with pytest.raises(SourceMissing):
        read_header(str(tmp_path / "b.dcm"))


def test_of_what_a_pacs_holds() -> None:
    # test_dicomweb.py asks one that answers.
    with pytest.raises(PacsUnreachable):
        read_header("http://127.0.0.1:9/dicom-web/studies/1.2/series/1.2/instances/1.2")
