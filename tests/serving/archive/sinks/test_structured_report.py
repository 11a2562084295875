from pathlib import Path

import highdicom
import pytest

from endolink.serving.archive.sinks.dicom_objects import code_of
from endolink.serving.archive.sinks.structured_report import PROBABILITY
from endolink.serving.archive.study import StudyResult


def test_the_report_holds_each_key_frame(result: StudyResult, written: Path) -> None:
    report = highdicom.sr.srread(written / "report.dcm")
    assert report.StudyInstanceUID == result.study_uid
    assert report.VerificationFlag == "UNVERIFIED"
    groups = report.content.get_image_measurement_groups()  # type: ignore[attr-defined]
    assert len(groups) == len(result.key_frames)
    for group, key in zip(groups, result.key_frames, strict=True):
        assert key.finding is not None
        assert group.finding_type == code_of(key.finding.code)
        (probability,) = group.get_measurements(name=PROBABILITY)
        assert probability.value == pytest.approx(key.finding.probability, abs=1e-6)
        (source,) = group.source_images
        number = key.frame.locator.number
        frames = source.referenced_frame_numbers
        assert frames == (None if number is None else [number + 1])
