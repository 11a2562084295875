"""A DICOM Structured Report of a study: TID 1500, one measurement group for each key frame."""

from itertools import islice
from pathlib import Path

import highdicom
from highdicom import sr
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from endolink import __version__
from endolink.serving.archive.picture import Locator
from endolink.serving.archive.sinks.dicom_objects import (
    ENDOSCOPY,
    MANUFACTURER,
    SCHEME,
    SERIES,
    DicomStore,
    code_of,
    frame_number,
    headers_of,
    make_uid,
)
from endolink.serving.archive.study import KeyFrame, StudyResult

PROBABILITY = Code("probability", SCHEME, "Probability, calibrated; no diagnosis")
THRESHOLD = Code("threshold", SCHEME, "Threshold of the operating point")
_NO_UNITS = codes.UCUM.NoUnits


class StructuredReportSink:
    """Writes `report.dcm`, an Enhanced SR in the study that it is about."""

    def __init__(self, store: DicomStore) -> None:
        self._store = store

    def write(self, result: StudyResult, destination: Path) -> None:
        """Write the report; raises EgressRefused, SinkUnsuited, PacsError."""
        self._store.ask(destination, pixels=False)
        # A report that finds nothing still says about which pictures.
        frames = [key.frame for key in result.key_frames] or list(islice(result.frames, 1))
        headers = headers_of(result, frames)
        self._store.put(_document(result, headers), destination / "report.dcm")


def _document(result: StudyResult, headers: dict[Locator, Dataset]) -> Dataset:
    evidence = list(headers.values())
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer(result)),
        procedure_reported=ENDOSCOPY,
        imaging_measurements=[
            _group(result, number, key, headers[key.frame.locator.file])
            for number, key in enumerate(result.key_frames, 1)
            if key.finding is not None
        ],
        title=codes.DCM.ImagingMeasurementReport,
        referenced_images=evidence,
    )
    document = sr.EnhancedSR(
        evidence=evidence,
        content=report[0],
        series_instance_uid=make_uid(result, "report-series"),
        series_number=SERIES["report"],
        sop_instance_uid=make_uid(result, "report"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
    )
    say_who(document, result)
    return document


def _group(
    result: StudyResult, number: int, key: KeyFrame, header: Dataset
) -> sr.MeasurementsAndQualitativeEvaluations:
    assert key.finding is not None
    frame = frame_number(key.frame)
    algorithm = sr.AlgorithmIdentification(
        name=result.model.name,
        version=result.model.version,
        parameters=[result.model.digest, result.model.precision],
        manufacturer=MANUFACTURER,
    )
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=make_uid(result, f"frame {number}"), identifier=f"Key frame {number}"
        ),
        finding_type=code_of(key.finding.code),
        algorithm_id=algorithm,
        measurements=[
            sr.Measurement(PROBABILITY, key.finding.probability, _NO_UNITS),
            sr.Measurement(THRESHOLD, key.finding.threshold, _NO_UNITS),
        ],
        source_images=[
            sr.SourceImageForMeasurementGroup(
                header.SOPClassUID, header.SOPInstanceUID, None if frame is None else [frame]
            )
        ],
    )


def observer(result: StudyResult) -> sr.ObserverContext:
    """Name the model as the observer: a device, never a person."""
    return sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=make_uid(result, "observer"),
            name=f"EndoLink {result.model.name}",
            manufacturer_name=MANUFACTURER,
            model_name=result.model.version,
            serial_number=result.model.digest,
        ),
    )


def say_who(document: Dataset, result: StudyResult) -> None:
    """Write into the equipment module which model this is from, and what it is not."""
    document.ManufacturerModelName = f"{result.model.name} {result.model.version}"[:64]
    document.DeviceSerialNumber = result.model.digest.removeprefix("sha256:")[:64]
    document.SoftwareVersions = [f"EndoLink {__version__}", f"highdicom {highdicom.__version__}"]
    document.SeriesDescription = "EndoLink points; no diagnosis"
