"""DICOMDIR: the directory of a DICOM medium (PS3.3, annex F)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from endolink.model.errors import DicomUnreadable, ExtraMissing, SourceMissing
from endolink.serving.archive.picture import Locator, Reading, Unread
from endolink.serving.archive.sources.dicom import is_dicom

_DIRECTORY_CLASS: Final = b"1.2.840.10008.1.3.10"
# A file's name on a medium has eight parts of eight such characters (PS3.10, 8.2); writers do not
# keep to that, but none may climb out of the medium.
_PART: Final = re.compile(r"(?!\.{1,2}$)[^/\\\0]{1,64}")
_MOST_BYTES: Final = 64 * 2**20


def is_dicomdir(head: bytes) -> bool:
    """Tell by a file's first kilobyte whether it is a DICOMDIR."""
    return is_dicom(head) and _DIRECTORY_CLASS in head


class DicomDirectory:
    """A DICOMDIR gives no pictures of its own, but says which files of its medium are missing.

    The files are found where they lie, by the walk through the medium's folder.
    """

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """Go by the storage class in the file's meta information."""
        return is_dicomdir(head)

    def digest(self, place: str) -> str | None:  # noqa: ARG002
        """Give none: which files are missing may change."""
        return None

    def pictures(
        self,
        place: str,
        digest: str | None,  # noqa: ARG002
        reading: Reading,  # noqa: ARG002
    ) -> Iterator[Unread]:
        for path in referenced(Path(place)):
            if not path.is_file():
                error = SourceMissing("The DICOMDIR names this file, and there is none.")
                yield Unread(Locator(str(path)), place, error)


def referenced(path: Path) -> Iterator[Path]:
    """Give the files that a DICOMDIR names, in its order; names that lead elsewhere are left out.

    Raises ExtraMissing, and DicomUnreadable where the file is damaged or too large to be one.
    """
    try:
        from pydicom import dcmread  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing(
            "DICOM needs the archive extra; pip install 'endolink[archive]' brings it."
        ) from error
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DicomUnreadable(f"A DICOMDIR of more than {_MOST_BYTES:,} bytes is not read.")
        records = dcmread(path).DirectoryRecordSequence
        names = [record.get("ReferencedFileID") for record in records]
    except DicomUnreadable:
        raise
    # pydicom's parser lets out whatever the bytes provoke.
    except Exception as error:
        raise DicomUnreadable("The DICOMDIR is damaged.") from error
    if not any(names):
        raise DicomUnreadable("The DICOMDIR names no files; it may have been cut short.")
    for name in names:
        if name is None or name == "":
            continue
        parts = [name] if isinstance(name, str) else [str(part) for part in name]
        if all(_PART.fullmatch(part) for part in parts):
            yield path.parent.joinpath(*parts)
