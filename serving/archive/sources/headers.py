"""The header of a DICOM object that a picture came from, wherever it is stored."""

from pathlib import Path

from pydicom import Dataset

from endolink.serving.archive.picture import Locator
from endolink.serving.archive.sources.containers import open_member
from endolink.serving.archive.sources.dicom_file import DicomFile
from endolink.serving.archive.sources.dicomweb import DicomWebSource, is_address


def read_header(locator: Locator) -> Dataset:
    """Read it from a file, a container or a PACS; raises DicomError, SourceError or PacsError."""
    if is_address(locator.place):
        return DicomWebSource().header(locator.place)
    if locator.member is not None:
        with open_member(locator) as spool, DicomFile(spool) as file:
            return file.header
    with DicomFile.open(Path(locator.place)) as file:
        return file.header
