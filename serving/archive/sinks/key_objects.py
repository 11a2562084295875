"""A Key Object Selection: which objects of the study are worth opening."""

from pathlib import Path

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom.sr.codedict import codes

from endolink.model.errors import SinkUnsuited
from endolink.serving.archive.sinks.dicom_objects import (
    MANUFACTURER,
    SERIES,
    DicomStore,
    frame_number,
    headers_of,
    make_uid,
)
from endolink.serving.archive.sinks.structured_report import observer, say_who
from endolink.serving.archive.study import KeyFrame, StudyResult


class KeyObjectsSink:
    """Writes `key-objects.dcm`.

    It refers to whole objects; which frames of a multi-frame one are meant, its description says.
    """

    def __init__(self, store: DicomStore) -> None:
        self._store = store

    def write(self, result: StudyResult, destination: Path) -> None:
        """Write the selection; raises EgressRefused, SinkUnsuited, PacsError."""
        self._store.ask(destination, pixels=False)
        if not result.key_frames:
            raise SinkUnsuited("The study has no key frames to select.")
        headers = headers_of(result, [key.frame for key in result.key_frames])
        objects = list(headers.values())
        content = KeyObjectSelection(
            document_title=codes.DCM.OfInterest,
            referenced_objects=objects,
            observer_device_context=observer(result),
            description="\n".join([result.notice, *map(_line, result.key_frames)]),
        )
        document = KeyObjectSelectionDocument(
            evidence=objects,
            content=content,
            series_instance_uid=make_uid(result, "key-objects-series"),
            series_number=SERIES["key-objects"],
            sop_instance_uid=make_uid(result, "key-objects"),
            instance_number=1,
            manufacturer=MANUFACTURER,
        )
        say_who(document, result)
        self._store.put(document, destination / "key-objects.dcm")


def _line(key: KeyFrame) -> str:
    number = frame_number(key.frame)
    where = f"Picture {key.frame.number + 1}" + ("" if number is None else f", frame {number}")
    if key.finding is None:
        return f"{where}: for orientation"
    return f"{where}: {key.finding.label} {key.finding.probability:.2f}"
