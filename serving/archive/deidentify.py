"""De-identification of DICOM pictures: attributes, pixels, and a report of what was done.

The Basic Application Level Confidentiality Profile of PS3.15, annex E, is kept by an allow-list:
what is not on it is removed, so that every attribute of table E.1-1 gets its action or a stronger
one, and so does what no table knows, private attributes among it. With it go two of the profile's
options: Clean Pixel Data, and Retain Longitudinal Temporal Information with Modified Dates.
"""

import hashlib
import hmac
import secrets
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.tag import Tag

# Attributes that describe nobody, kept as they are; those of the pixels are written anew.
_KEPT: Final = frozenset(
    Tag(keyword)
    for keyword in (
        *("SOPClassUID", "Modality", "SeriesNumber", "InstanceNumber", "StudyTime", "SeriesTime"),
        *("ContentTime", "AcquisitionTime"),
    )
)
_UIDS: Final = frozenset(
    Tag(keyword)
    for keyword in (
        *("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"),
    )
)
_DATES: Final = frozenset(
    Tag(keyword)
    for keyword in (
        *("StudyDate", "SeriesDate", "ContentDate", "AcquisitionDate", "AcquisitionDateTime"),
    )
)
_PSEUDONYMS: Final = frozenset({Tag("PatientID"), Tag("PatientName")})
# Attributes that have to be there and may be empty (type 2).
_EMPTIED: Final = frozenset(
    Tag(keyword)
    for keyword in (
        *("PatientBirthDate", "PatientSex", "StudyID", "AccessionNumber", "Manufacturer"),
        *("ReferringPhysicianName",),
    )
)

BASIC_PROFILE: Final = codes.DCM.BasicApplicationConfidentialityProfile
MODIFIED_DATES: Final = Code(
    "113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option"
)
CLEAN_PIXELS: Final = codes.DCM.CleanPixelDataOption

# Ten years hide when, and leave the season of nothing.
_MOST_DAYS: Final = 3650
_KEY_BYTES: Final = 32


@dataclass(frozen=True)
class Pseudonyms:
    """New names from old ones: the same for the same key, and no way back without it.

    `key` is secret, at least 16 bytes; a fresh one is made where none is given, and then nothing
    outside of this run can be joined to it. Raises ValueError for a shorter one.
    """

    key: bytes = field(default_factory=lambda: secrets.token_bytes(_KEY_BYTES), repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < 16:
            raise ValueError("the key must have at least 16 bytes")

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.digest(self.key, f"{kind}\0{value}".encode(), hashlib.sha256)

    def uid(self, value: str) -> str:
        """Give another UID for one, under 2.25 (PS3.5, B.2)."""
        return f"2.25.{int.from_bytes(self._digest('uid', value)[:16])}"

    def patient(self, patient_id: str) -> str:
        """Give a patient's name and number: `P-` and 16 hex digits."""
        return f"P-{self._digest('patient', patient_id)[:8].hex()}"

    def shift(self, patient_id: str) -> timedelta:
        """Give what all of a patient's dates are moved by, 1 to 3,650 days into the past."""
        number = int.from_bytes(self._digest("dates", patient_id)[:8])
        return timedelta(days=-(1 + number % _MOST_DAYS))


@dataclass(frozen=True)
class Cleaned:
    """A header without identity, and how many attributes met with which fate."""

    header: Dataset
    done: Counter[str]


def clean_header(header: Dataset, pseudonyms: Pseudonyms) -> Cleaned:
    """Take the identity out of a header; the pixels are looked after by `clean_pixels.clean`.

    A date that is none is emptied. What was done is counted under `kept`, `removed`, `emptied`,
    `uids mapped`, `dates shifted`, `pseudonyms` and `private removed`.
    """
    patient_id = str(header.get("PatientID") or header.get("PatientName") or "")
    clean = Dataset()
    done: Counter[str] = Counter()
    shift = pseudonyms.shift(patient_id)
    for element in header:
        tag = element.tag
        if tag in _KEPT:
            clean.add(element)
            done["kept"] += 1
        elif tag in _UIDS:
            setattr(clean, element.keyword, pseudonyms.uid(str(element.value)))
            done["uids mapped"] += 1
        elif tag in _DATES:
            setattr(clean, element.keyword, _shifted(str(element.value or ""), shift))
            done["dates shifted"] += 1
        elif tag in _PSEUDONYMS:
            done["pseudonyms"] += 1
        elif tag in _EMPTIED:
            done["emptied"] += 1
        else:
            done["private removed" if tag.is_private else "removed"] += 1
    for tag in _EMPTIED:
        clean.add_new(tag, _VR[tag], "")
    clean.PatientID = clean.PatientName = pseudonyms.patient(patient_id)
    clean.PatientIdentityRemoved = "YES"
    clean.LongitudinalTemporalInformationModified = "MODIFIED"
    # Whether the pixels are clean is for a human to say.
    clean.BurnedInAnnotation = "YES"
    say_methods(clean, (BASIC_PROFILE, MODIFIED_DATES))
    return Cleaned(clean, done)


_VR: Final = {
    Tag("PatientBirthDate"): "DA",
    Tag("PatientSex"): "CS",
    Tag("StudyID"): "SH",
    Tag("AccessionNumber"): "SH",
    Tag("Manufacturer"): "LO",
    Tag("ReferringPhysicianName"): "PN",
}


def say_methods(header: Dataset, methods: tuple[Code, ...]) -> None:
    """Write into `header` which profile and options it was de-identified by (PS3.3, C.7.1.1)."""
    header.DeidentificationMethod = [method.meaning[:64] for method in methods]
    items = []
    for method in methods:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator = method.value, method.scheme_designator
        item.CodeMeaning = method.meaning[:64]
        items.append(item)
    header.DeidentificationMethodCodeSequence = items


def _shifted(value: str, shift: timedelta) -> str:
    """Move the date that a DA or DT value begins with; nothing comes of what is none."""
    try:
        moved = date(int(value[:4]), int(value[4:6]), int(value[6:8])) + shift
    except (ValueError, OverflowError):
        return ""
    return moved.strftime("%Y%m%d") + value[8:]
