import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, uid

from endolink.model.errors import DicomUnsupported, EndoLinkError, ReviewMissing
from endolink.model.frame import decode
from endolink.serving.archive import deidentify_files
from endolink.serving.archive.deidentify import Pseudonyms
from endolink.serving.archive.deidentify_files import REPORT, REVIEW, confirm, deidentify
from endolink.serving.archive.sources.dicom_file import DicomFile
from tests import dicoms
from tests.studies import phantom, still_with_text

KEY = b"0123456789abcdef"


def run(source: list[Path], out: Path, key: bytes = KEY) -> list[Path | EndoLinkError | None]:
    return [outcome for _, outcome in deidentify(source, out, Pseudonyms(key))]


@pytest.fixture(autouse=True)
def _plant_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deidentify_files, "_RECALL_FRAMES", 0)


def film(tmp_path: Path) -> Path:
    body, out = phantom("polyp-sessile", 480), phantom("out-of-body", 480)
    height, width = body.shape[:2]
    image = Image.fromarray(out).resize((width, height))
    frames = [body, body, np.asarray(image), body]
    return dicoms.jpegs(
        tmp_path / "film.dcm",
        [dicoms.jpeg(frame) for frame in frames],
        size=(width, height),
        header=dicoms.describe(sop_class=uid.MultiFrameTrueColorSecondaryCaptureImageStorage),
    )


def test_a_film_loses_what_was_outside_of_the_body_and_keeps_its_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deidentify_files, "_RECALL_FRAMES", 1)
    (path,) = run([film(tmp_path)], tmp_path / "out")
    assert isinstance(path, Path)
    with DicomFile.open(path) as file:
        assert [frame.time_s for frame in file.frames()] == pytest.approx([0, 0.1, 0.3])
    report = json.loads((tmp_path / "out" / REPORT).read_text())
    assert report["frames"]["read"] == 4
    assert report["frames"]["out-of-body"] == 1
    assert report["frames"]["written"] == 3
    assert report["text_recall"]["planted"] == 4
    assert report["reviewed_by"] is None


def test_a_still_keeps_its_class_and_loses_its_text(tmp_path: Path) -> None:
    (path,) = run([still_with_text(tmp_path)], tmp_path / "out")
    assert isinstance(path, Path)
    written = dcmread(path)
    assert written.SOPClassUID == uid.VLEndoscopicImageStorage
    assert b"Paula" not in path.read_bytes()
    with DicomFile.open(path) as file:
        image = next(file.frames()).load()
    assert isinstance(image, bytes)
    assert decode(image).pixels[200:222, 200:360].max() < 40
    assert list((tmp_path / "out" / REVIEW).glob("*.jpg"))


def test_what_cannot_be_read_is_reported_and_passed_over(tmp_path: Path) -> None:
    ct = dicoms.native(
        tmp_path / "ct.dcm",
        [dicoms.picture()],
        header=dicoms.describe(sop_class=uid.CTImageStorage),
    )
    outcomes = run([ct, still_with_text(tmp_path)], tmp_path / "out")
    assert isinstance(outcomes[0], DicomUnsupported)
    assert isinstance(outcomes[1], Path)
    report = json.loads((tmp_path / "out" / REPORT).read_text())
    assert report["files_refused"] == {"dicom-unsupported": 1}


# A human's look


def test_only_a_human_marks_files_free_of_text(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (path,) = run([still_with_text(tmp_path)], out)
    assert isinstance(path, Path)
    assert dcmread(path).BurnedInAnnotation == "YES"
    assert confirm(out, "A. Reader") == 1
    marked = dcmread(path)
    assert marked.BurnedInAnnotation == "NO"
    assert "113101" in {item.CodeValue for item in marked.DeidentificationMethodCodeSequence}
    assert json.loads((out / REPORT).read_text())["reviewed_by"] == "A. Reader"
    with pytest.raises(ReviewMissing, match="before"):
        confirm(out, "A. Reader")


def test_a_file_that_was_changed_since_is_not_marked(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (path,) = run([still_with_text(tmp_path)], out)
    assert isinstance(path, Path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ReviewMissing, match="not the file"):
        confirm(out, "A. Reader")
    with pytest.raises(ReviewMissing):
        confirm(tmp_path, "A. Reader")
