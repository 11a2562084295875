import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread, uid

from endolink.model.classifier import Classifier
from endolink.model.egress import EgressSettings
from endolink.model.errors import EgressRefused, SinkUnsuited
from endolink.serving.archive.sinks.dicom_objects import code_of
from endolink.serving.archive.study import StudyResult
from tests.studies import dicom_sinks


def test_every_object_says_which_model_and_is_the_same_again(
    result: StudyResult, classifier: Classifier, everything: EgressSettings, written: Path
) -> None:
    before = {path.name: dcmread(path).SOPInstanceUID for path in written.glob("*.dcm")}
    assert len(set(before.values())) == len(result.key_frames) + 2
    for path in written.glob("*.dcm"):
        dataset = dcmread(path)
        assert result.model.name in dataset.ManufacturerModelName
        assert dataset.DeviceSerialNumber == result.model.digest.removeprefix("sha256:")
        assert "no diagnosis" in dataset.SeriesDescription
        assert dataset.PatientID == "PH-0042"
    for sink in dicom_sinks(everything, classifier):
        sink.write(result, written)
    assert before == {path.name: dcmread(path).SOPInstanceUID for path in written.glob("*.dcm")}


@pytest.mark.program("dciodvfy")
def test_they_conform(written: Path) -> None:
    for path in written.glob("*.dcm"):
        checked = subprocess.run(
            [shutil.which("dciodvfy") or "", str(path)], capture_output=True, text=True, check=False
        )
        errors = [line for line in checked.stderr.splitlines() if line.startswith("Error")]
        assert not errors, (path.name, errors)


def test_identifiers_have_to_be_allowed(
    result: StudyResult, classifier: Classifier, tmp_path: Path, unnamed: EgressSettings
) -> None:
    for sink in dicom_sinks(unnamed, classifier):
        with pytest.raises(EgressRefused, match="identifiers"):
            sink.write(result, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_no_dicom_study_is_not_written_as_one(
    result: StudyResult, classifier: Classifier, everything: EgressSettings, tmp_path: Path
) -> None:
    other = replace(result, key="folder/of/pictures")
    for sink in dicom_sinks(everything, classifier):
        with pytest.raises(SinkUnsuited, match="DICOM"):
            sink.write(other, tmp_path)


def test_findings_have_codes() -> None:
    assert code_of("polyp").value == "68496003"
    assert code_of("bbps-2-3").scheme_designator == "99ENDOLINK"
    assert uid.UID(uid.EnhancedSRStorage).is_valid
