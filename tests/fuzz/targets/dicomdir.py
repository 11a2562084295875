"""A DICOMDIR: the directory of a medium that somebody brought."""

import io

from pydicom import Dataset, uid
from pydicom.dataset import FileMetaDataset

from endolink.model.errors import DicomUnreadable
from endolink.serving.archive.sources.dicomdir import referenced
from tests.fuzz import scratch

LONGEST = 8192


def check(data: bytes) -> None:
    """List what it names; nothing of that may lie outside the medium."""
    path = scratch.file("dicomdir", "DICOMDIR", data)
    try:
        for named in referenced(path):
            assert named.is_relative_to(path.parent)
            assert ".." not in named.parts
    except DicomUnreadable as error:
        assert error.detail


def seeds() -> dict[str, bytes]:
    """A directory of sound names and of names that lead away."""
    return {
        "sound": _directory(["IMAGES", "IM1"], "IM2"),
        "away": _directory(["..", "..", "etc"], "/etc/passwd"),
        "none": _directory(None),
    }


def _directory(*names: list[str] | str | None) -> bytes:
    directory = Dataset()
    directory.file_meta = FileMetaDataset()
    directory.file_meta.MediaStorageSOPClassUID = uid.MediaStorageDirectoryStorage
    directory.file_meta.MediaStorageSOPInstanceUID = uid.UID("1.2.3")
    directory.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    directory.SOPClassUID = uid.MediaStorageDirectoryStorage
    directory.SOPInstanceUID = uid.UID("1.2.3")
    directory.DirectoryRecordSequence = []
    for name in names:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        if name is not None:
            record.ReferencedFileID = name
        directory.DirectoryRecordSequence.append(record)
    out = io.BytesIO()
    directory.save_as(out, enforce_file_format=True)
    return out.getvalue()
