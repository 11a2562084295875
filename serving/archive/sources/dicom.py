"""DICOM files and DICOMDIR, as sources of pictures. Needs the `archive` extra to read them."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

from endolink.model.errors import ExtraMissing
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.sources.files import file_digest

_PREAMBLE: Final = 128


def is_dicom(head: bytes) -> bool:
    """Tell by a file's first bytes whether it is DICOM (PS3.10, 7.1)."""
    return head[_PREAMBLE : _PREAMBLE + 4] == b"DICM"


def import_dicom_file() -> ModuleType:
    """Import what reads DICOM; raises ExtraMissing without the `archive` extra."""
    try:
        from endolink.serving.archive.sources import dicom_file  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing(
            "DICOM needs the archive extra; pip install 'endolink[archive]' brings it."
        ) from error
    return dicom_file


class DicomSource:
    """DICOM files, as a source of pictures."""

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - others go by name
        return is_dicom(head)

    def digest(self, place: str) -> str:
        """Digest the whole file."""
        return file_digest(Path(place))

    def pictures(
        self,
        place: str,
        digest: str | None,  # noqa: ARG002 - each frame's content has its own
        reading: Reading,
    ) -> Iterator[Picture | Unread]:
        dicom_file = import_dicom_file()
        only = reading.numbers()
        with dicom_file.DicomFile.open(Path(place), limits=reading.limits) as file:
            yield from dicom_file.read_pictures(file, Locator(place), reading.every_s, only)
