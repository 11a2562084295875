"""The header of a DICOM file: read within bounds, whatever its lengths say."""

import logging
import struct
import zlib
from collections.abc import Callable
from math import isfinite
from typing import Any, BinaryIO, Final, cast

import pydicom.config
from pydicom import Dataset, uid
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from endolink.model.errors import DicomTooLarge, DicomUnreadable

# A value that breaks its representation's rules is nothing to stop at, and pydicom's warning would
# quote it: names and dates of patients have no place on standard error.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

# A header of the kinds read here has some kilobytes. Its elements take far more memory than bytes,
# so that the bound is on what is read before the pixel data, values that are passed over aside.
_MOST_HEADER: Final = 2 * 2**20
# A deflated file is unpacked to a temporary file up to this many bytes.
_MOST_INFLATED: Final = 2 * 2**30
IN_MEMORY: Final = 32 * 2**20
_PREAMBLE: Final = 128

# What is kept of a header: what scoring and what is written beside the images need.
KEPT: Final[list[BaseTag | int]] = [
    Tag(keyword)
    for keyword in (
        # which patient, study, series and object
        *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
        *("PatientAge", "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime"),
        *("StudyDescription", "AccessionNumber", "ReferringPhysicianName", "SeriesInstanceUID"),
        *("SeriesNumber", "SeriesDate", "SeriesTime", "Modality", "SOPClassUID", "SOPInstanceUID"),
        *("InstanceNumber", "ContentDate", "ContentTime", "AcquisitionDateTime"),
        *("AcquisitionDate", "AcquisitionTime", "TimezoneOffsetFromUTC", "ImageType"),
        *("BurnedInAnnotation", "FrameOfReferenceUID", "Manufacturer", "InstitutionName"),
        *("SpecificCharacterSet", "LossyImageCompression"),
        # time
        *("NumberOfFrames", "FrameTime", "FrameTimeVector", "CineRate", "FrameIncrementPointer"),
        *("RecommendedDisplayFrameRate",),
        # pixels
        *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "Rows"),
        *("Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
        *("RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor"),
        *("BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData"),
        *("GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData"),
        *("ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
    )
]


class _Bounded:
    """What pydicom reads a header from: it ends with the file, and after _MOST_HEADER bytes."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._left = _MOST_HEADER
        self.seek, self.tell = file.seek, file.tell

    @property
    def is_spent(self) -> bool:
        return self._left <= 0

    def read(self, size: int = -1) -> bytes:
        there = max(0, min(self._size - self._file.tell(), self._left))
        data = self._file.read(there if size < 0 else min(size, there))
        self._left -= len(data)
        return data


def parse(
    file: BinaryIO,
    size: int,
    syntax: uid.UID,
    stop_when: Callable[[BaseTag, str | None, int], bool],
    tags: list[BaseTag | int] | None = None,
) -> Dataset:
    """Read elements from the file's position on until `stop_when` says so."""
    bounded = _Bounded(file, size)
    try:
        dataset = read_dataset(
            cast("BinaryIO", bounded),
            syntax.is_implicit_VR,
            syntax.is_little_endian,
            stop_when=stop_when,
            specific_tags=tags,
        )
    # pydicom's parser lets out whatever the bytes provoke.
    except Exception as error:
        if not bounded.is_spent:
            raise DicomUnreadable("The header of the DICOM file is damaged.") from error
    if bounded.is_spent:
        raise DicomTooLarge(f"The header has more than the {_MOST_HEADER:,} bytes that are read.")
    for tag in list(dataset.keys()):
        # Values are parsed when they are asked for; one that is none counts as absent.
        try:
            _ = dataset[tag]
        except Exception:  # noqa: BLE001
            del dataset[tag]
    return dataset


def read_meta(file: BinaryIO, size: int) -> tuple[uid.UID, int]:
    """Read the meta information; return the transfer syntax and where the data set begins."""
    file.seek(_PREAMBLE)
    if file.read(4) != b"DICM":
        raise DicomUnreadable("The file is not DICOM: DICM does not follow its preamble.")
    meta = parse(file, size, uid.ExplicitVRLittleEndian, lambda tag, _vr, _length: tag.group != 2)
    syntax = meta.get("TransferSyntaxUID")
    if not isinstance(syntax, uid.UID) or not syntax:
        raise DicomUnreadable("The DICOM file does not say its transfer syntax.")
    return uid.UID(syntax), file.tell()


def inflate(file: BinaryIO, start: int, unpacked: BinaryIO) -> int:
    """Unpack a deflated data set (PS3.5, A.5) into a temporary file; return its size."""
    file.seek(start)
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    while not stream.eof and (packed := stream.unconsumed_tail or file.read(2**16)):
        try:
            piece = stream.decompress(packed, 2**20)
        except zlib.error as error:
            raise DicomUnreadable("The deflated DICOM file is damaged.") from error
        size += len(piece)
        if size > _MOST_INFLATED:
            raise DicomTooLarge(f"The file unpacks to more than {_MOST_INFLATED:,} bytes.")
        unpacked.write(piece)
    return size


def extended_offsets(header: Dataset) -> tuple[int, ...]:
    table = header.get("ExtendedOffsetTable") or b""
    return struct.unpack(f"<{len(table) // 8}Q", table[: len(table) // 8 * 8])


def integer_of(header: Dataset, keyword: str, default: int) -> int:
    value = number_of(header, keyword)
    return default if value is None else int(value)


def number_of(header: Dataset, keyword: str) -> float | None:
    """Read a number; nothing where there is none or it is not one."""
    try:
        value = float(values_of(header.get(keyword))[0])
    except (ValueError, TypeError, IndexError):
        return None
    return value if isfinite(value) else None


def values_of(value: object) -> list[Any]:
    """Give an element's values as a list, however many it has."""
    if value is None:
        return []
    return list(value) if isinstance(value, MultiValue) else [value]
