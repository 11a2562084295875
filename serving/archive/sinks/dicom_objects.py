"""What every DICOM object that EndoLink writes has in common, and how it is stored."""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydicom import Dataset
from pydicom.sr.coding import Code

from endolink import __version__
from endolink.model.egress import DataKind, EgressSettings, require
from endolink.model.errors import SinkUnsuited
from endolink.model.findings import finding
from endolink.serving.archive.picture import Locator
from endolink.serving.archive.sinks import whole
from endolink.serving.archive.sources.dicom_file import OURS
from endolink.serving.archive.sources.dicomweb import Pacs
from endolink.serving.archive.sources.headers import read_header
from endolink.serving.archive.study import FrameResult, StudyResult

MANUFACTURER: Final = OURS
SCHEME: Final = "99ENDOLINK"
# Away from what scanners and processors number their series with.
SERIES: Final = {"report": 9101, "key-objects": 9102, "captures": 9103}

# What a source may lack and highdicom copies into every object (type 2: there, maybe empty).
_TYPE_2: Final = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
    *("StudyID", "AccessionNumber", "ReferringPhysicianName"),
)


def code_of(finding_code: str) -> Code:
    """Give a finding's SNOMED CT code, or a private one where none is certain."""
    known = finding(finding_code)
    if known.snomed is not None:
        return Code(known.snomed, "SCT", known.label)
    return Code(known.code[:16], SCHEME, known.label)


def make_uid(result: StudyResult, what: str) -> str:
    """Give the UID of `what` this model says of this study: the same whenever it is said again."""
    name = f"{result.key}\0{result.model.digest}\0{__version__}\0{what}"
    return f"2.25.{int.from_bytes(hashlib.sha256(name.encode()).digest()[:16])}"


def headers_of(result: StudyResult, frames: Iterable[FrameResult]) -> dict[Locator, Dataset]:
    """Read the header of every object that `frames` are in, by its file.

    Raises SinkUnsuited where the study is not DICOM, and what `read_header` does.
    """
    if result.study_uid is None:
        raise SinkUnsuited(
            "Only what is said of a DICOM study can be written as DICOM; write HTML or Parquet."
        )
    headers: dict[Locator, Dataset] = {}
    for frame in frames:
        file = frame.locator.file
        if file not in headers:
            header = read_header(file)
            for keyword in _TYPE_2:
                if keyword not in header:
                    setattr(header, keyword, "")
            headers[file] = header
    return headers


class DicomStore:
    """Where DICOM objects go: beside the other results, and back to the PACS where one is given.

    They name the patient: `identifiers` have to be allowed for both.
    """

    def __init__(self, rules: EgressSettings, pacs: Pacs | None = None) -> None:
        self._rules = rules
        self._pacs = pacs

    def ask(self, destination: Path, *, pixels: bool) -> None:
        """Raise EgressRefused unless such objects may go to the destination and the PACS."""
        kinds: set[DataKind] = {"verdicts", "identifiers"}
        if pixels:
            kinds.add("pixels")
        require(frozenset(kinds), destination, self._rules)
        if self._pacs is not None:
            require(frozenset(kinds), self._pacs.url, self._rules)

    def put(self, dataset: Dataset, path: Path) -> None:
        """Write one object to `path`, and store it in the PACS; raises PacsError."""
        with whole(path) as partial:
            dataset.save_as(partial, enforce_file_format=True)
        if self._pacs is not None:
            self._pacs.store(io.BytesIO(path.read_bytes()))


def frame_number(frame: FrameResult) -> int | None:
    """Give a frame's number as DICOM counts, from 1; None for an object of one frame."""
    return None if frame.locator.number is None else frame.locator.number + 1


ENDOSCOPY: Final = Code("423827005", "SCT", "Endoscopy")
