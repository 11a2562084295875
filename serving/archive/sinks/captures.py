"""Secondary Captures of a study's key frames, with what was found marked in them."""

from pathlib import Path

import numpy as np
from highdicom.sc import SCImage
from pydicom import Dataset, uid

from endolink.model.classifier import Classifier
from endolink.serving.archive.picture import Reading
from endolink.serving.archive.sinks.dicom_objects import (
    MANUFACTURER,
    SERIES,
    DicomStore,
    headers_of,
    make_uid,
)
from endolink.serving.archive.sinks.pictures import KeyPicture, key_pictures
from endolink.serving.archive.sinks.structured_report import say_who
from endolink.serving.archive.study import StudyResult


class CapturesSink:
    """Writes `capture-001.dcm` and so on, in a series of their own of the same study.

    They name the patient anyway, so that nothing is blanked in them.
    """

    def __init__(self, store: DicomStore, classifier: Classifier, reading: Reading) -> None:
        self._store = store
        self._classifier = classifier
        self._reading = reading

    def write(self, result: StudyResult, destination: Path) -> None:
        """Write the captures; raises EgressRefused, SinkUnsuited, PacsError."""
        self._store.ask(destination, pixels=True)
        headers = headers_of(result, [key.frame for key in result.key_frames])
        pictures = key_pictures(result, self._classifier, self._reading, identifiers=True)
        for number, picture in enumerate(pictures, 1):
            header = headers[picture.key.frame.locator.file]
            capture = _capture(result, number, picture, header)
            self._store.put(capture, destination / f"capture-{number:03}.dcm")


def _capture(result: StudyResult, number: int, picture: KeyPicture, header: Dataset) -> Dataset:
    capture = SCImage.from_ref_dataset(
        header,
        np.ascontiguousarray(picture.marked),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        series_instance_uid=make_uid(result, "captures-series"),
        series_number=SERIES["captures"],
        sop_instance_uid=make_uid(result, f"capture {number}"),
        instance_number=number,
        manufacturer=MANUFACTURER,
        patient_orientation=("A", "F"),
        transfer_syntax_uid=uid.ExplicitVRLittleEndian,
    )
    # An endoscope's picture has no orientation in the patient.
    capture.PatientOrientation = []
    capture.Laterality = ""
    capture.Modality = "ES"
    capture.BurnedInAnnotation = "YES"
    capture.ImageType = ["DERIVED", "SECONDARY"]
    finding = picture.key.finding
    said = "for orientation" if finding is None else f"{finding.label} {finding.probability:.2f}"
    capture.ImageComments = f"{said}. {result.notice}"
    capture.DerivationDescription = "A key frame, with a mark where the model looked"
    reference = Dataset()
    reference.ReferencedSOPClassUID = header.SOPClassUID
    reference.ReferencedSOPInstanceUID = header.SOPInstanceUID
    if picture.key.frame.locator.number is not None:
        reference.ReferencedFrameNumber = picture.key.frame.locator.number + 1
    capture.SourceImageSequence = [reference]
    say_who(capture, result)
    return capture
