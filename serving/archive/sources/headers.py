"""The header of a DICOM object that a picture came from, wherever it is stored."""

from pathlib import Path

from pydicom import Dataset

from endolink.serving.archive.sources.dicom_file import DicomFile
from endolink.serving.archive.sources.dicomweb import DicomWebSource, is_address


def read_header(place: str) -> Dataset:
    """Read it from a file or a PACS; raises DicomError, SourceError or PacsError."""
    if is_address(place):
        return DicomWebSource().header(place)
    with DicomFile.open(Path(place)) as file:
        return file.header
