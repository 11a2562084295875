import re

import numpy as np
import pytest
from pydicom import Dataset, uid

from endolink.serving.archive.deidentify import Pseudonyms, clean_header
from tests import dicoms

KEY = b"0123456789abcdef"


def test_nothing_that_names_somebody_is_left() -> None:
    header = dicoms.describe()
    header.OtherPatientIDs = "4711"
    header.PatientComments = "knows Paula"
    header.RequestAttributesSequence = [Dataset()]
    header.RequestAttributesSequence[0].ScheduledProcedureStepDescription = "Paula"
    block = header.private_block(0x0011, "MAKER", create=True)
    block.add_new(1, "LO", "Paula")
    clean = clean_header(header, Pseudonyms(KEY))
    # New UIDs are random digits, in which any short number may turn up.
    text = re.sub(r"\b2\.25\.\d+", "UID", str(clean.header))
    for value in ("Paula", "Phantom", "PH-0042", "1961", "20240301", "Rita", "ACC-1", "4711"):
        assert value not in text
    assert str(header.StudyInstanceUID) not in text
    assert not any(element.tag.is_private for element in clean.header)
    assert clean.done["private removed"] == 2
    assert clean.header.PatientIdentityRemoved == "YES"
    assert clean.header.BurnedInAnnotation == "YES"
    assert [i.CodeValue for i in clean.header.DeidentificationMethodCodeSequence] == [
        "113100",
        "113107",
    ]


def test_the_same_key_gives_the_same_names_and_another_others() -> None:
    one, same, other = (Pseudonyms(key) for key in (KEY, KEY, KEY[::-1]))
    assert one.uid("1.2.3") == same.uid("1.2.3") != other.uid("1.2.3")
    assert one.uid("1.2.3") != one.uid("1.2.4")
    assert uid.UID(one.uid("1.2.3")).is_valid
    assert one.patient("a") == same.patient("a") != other.patient("a")
    assert one.shift("a") == same.shift("a") != one.shift("b")
    assert Pseudonyms().patient("a") != Pseudonyms().patient("a")
    with pytest.raises(ValueError, match="16 bytes"):
        Pseudonyms(b"short")


def test_intervals_within_a_patient_are_kept() -> None:
    first, second = dicoms.describe(), dicoms.describe()
    second.StudyDate = "20240315"
    second.AcquisitionDateTime = "20240315101500.5+0100"
    one, other = (clean_header(h, Pseudonyms(KEY)).header for h in (first, second))
    days = np.datetime64(_iso(other.StudyDate)) - np.datetime64(_iso(one.StudyDate))
    assert days == np.timedelta64(14, "D")
    assert str(other.AcquisitionDateTime) == f"{other.StudyDate}101500.5+0100"
    assert other.StudyDate < "20240315"


def _iso(value: str) -> str:
    return f"{value[:4]}-{value[4:6]}-{value[6:8]}"
