"""De-identify DICOM files: read, clean, write, report; and a human's word on it afterwards."""

import hashlib
import io
import json
import struct
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread, uid
from pydicom.dataset import FileMetaDataset

from endolink import __version__
from endolink.model.errors import DicomCorrupt, EndoLinkError, ReviewMissing
from endolink.model.frame import Frame, decode
from endolink.serving.archive.clean_pixels import CleanFrame, TextRecall, clean, text_recall
from endolink.serving.archive.deidentify import (
    BASIC_PROFILE,
    CLEAN_PIXELS,
    MODIFIED_DATES,
    Pseudonyms,
    clean_header,
    say_methods,
)
from endolink.serving.archive.sinks import whole
from endolink.serving.archive.sources.dicom_file import DicomFile, DicomFrame

REPORT: Final = "deidentification.json"
REVIEW: Final = "review"
# Text is planted into this many frames of a run, evenly over its files' first ones.
_RECALL_FRAMES: Final = 8
_QUALITY: Final = 95
# For a human's look: one frame in so many of a film, and how large.
_LOOK_AT: Final = 25
_LOOK_SIDE: Final = 640


@dataclass(frozen=True)
class Kept:
    """A frame that was written: its time, and its size in pixels."""

    time_s: float | None
    width: int
    height: int


@dataclass
class Deidentification:
    """One run, as it goes on: `report` says what has been done so far, and names nobody."""

    out: Path
    pseudonyms: Pseudonyms
    attributes: Counter[str] = field(default_factory=Counter)
    frames: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    recall: TextRecall = field(default_factory=TextRecall)
    written: dict[str, dict[str, Any]] = field(default_factory=dict)
    _tried: int = 0

    def take(self, path: Path) -> Path | None:
        """De-identify one file; nothing is written where no frame of it may be given away.

        Raises an EndoLinkError where it cannot be read, which is counted as well.
        """
        try:
            with DicomFile.open(path, whole=True) as file:
                written = self._write(file)
        except EndoLinkError as error:
            self.refused[error.code] += 1
            raise
        if written is None:
            self.refused["no frame left"] += 1
        return written

    def report(self) -> dict[str, Any]:
        """Give what was done, fit for JSON."""
        return {
            "endolink": __version__,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "profile": [BASIC_PROFILE.meaning, MODIFIED_DATES.meaning],
            "attributes": dict(self.attributes),
            "frames": dict(self.frames),
            "text_recall": {
                "planted": self.recall.planted,
                "blanked": self.recall.blanked,
                "share": self.recall.share,
            },
            "files_refused": dict(self.refused),
            "files": self.written,
            "reviewed_by": None,
            "note": "Text that was not found may still be in the pixels: a human has to look at "
            f"{REVIEW}/ and then say `endolink reviewed`.",
        }

    def finish(self) -> Path:
        """Write the report; return its path."""
        return _write_report(self.out, self.report())

    def _write(self, file: DicomFile) -> Path | None:
        cleaned = clean_header(file.header, self.pseudonyms)
        header = cleaned.header
        folder = Path(str(header.PatientID), str(header.StudyInstanceUID))
        name = folder / f"{header.SOPInstanceUID}.dcm"
        with tempfile.TemporaryFile() as pixels:
            kept = self._clean_frames(file, name, pixels)
            if not kept:
                return None
            self.attributes.update(cleaned.done)
            self._describe(header, file, kept)
            path = self.out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _save(path, header, pixels)
        self.written[str(name)] = {"sha256": _digest(path), "frames": len(kept)}
        return path

    def _clean_frames(self, file: DicomFile, name: Path, pixels: IO[bytes]) -> list[Kept]:
        """Append each frame that may be given away to `pixels`; return those, in order."""
        kept: list[Kept] = []
        pixels.write(struct.pack("<HHI", 0xFFFE, 0xE000, 0))
        for stored in file.frames():
            frame = _decoded(stored)
            if self._tried < _RECALL_FRAMES and not kept:
                self.recall += text_recall(frame, seed=self._tried)
                self._tried += 1
            result = clean(frame)
            self._count(result)
            if result.pixels is None:
                continue
            data = _jpeg(result.pixels)
            pixels.write(struct.pack("<HHI", 0xFFFE, 0xE000, len(data)) + data)
            if len(kept) % _LOOK_AT == 0:
                self._show(result.pixels, name, len(kept))
            kept.append(Kept(stored.time_s, frame.width, frame.height))
        return kept

    def _count(self, result: CleanFrame) -> None:
        self.frames["read"] += 1
        self.frames[result.withheld or "written"] += 1
        self.frames["texts blanked"] += result.texts
        self.frames["insets blanked"] += result.insets

    def _show(self, pixels: NDArray[np.uint8], name: Path, number: int) -> None:
        look = Image.fromarray(pixels)
        look.thumbnail((_LOOK_SIDE, _LOOK_SIDE))
        path = self.out / REVIEW / f"{name.stem}-{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        look.save(path, quality=85)

    def _describe(self, header: Dataset, file: DicomFile, kept: list[Kept]) -> None:
        """Describe pixels that are now JPEG: a film becomes a multi-frame Secondary Capture."""
        frame = kept[0]
        if len({(one.width, one.height) for one in kept}) > 1:
            raise DicomCorrupt("The frames of the file differ in size.")
        header.Rows, header.Columns = frame.height, frame.width
        header.SamplesPerPixel, header.PhotometricInterpretation = 3, "YBR_FULL_422"
        header.PlanarConfiguration = header.PixelRepresentation = 0
        header.BitsAllocated = header.BitsStored = 8
        header.HighBit = 7
        header.ImageType = ["DERIVED", "PRIMARY"]
        header.LossyImageCompression = "01"
        header.LossyImageCompressionMethod = "ISO_10918_1"
        header.PatientOrientation = header.Laterality = ""
        if file.is_video or file.frame_count > 1:
            header.SOPClassUID = uid.MultiFrameTrueColorSecondaryCaptureImageStorage
            header.NumberOfFrames = len(kept)
            times = [one.time_s or 0.0 for one in kept]
            steps = [0.0, *(1e3 * (b - a) for a, b in pairwise(times))]
            header.FrameTimeVector = [f"{step:.3f}" for step in steps]
            header.FrameIncrementPointer = 0x00181065
        if header.SOPClassUID == uid.VLEndoscopicImageStorage:
            header.AcquisitionContextSequence = []
        else:
            header.ConversionType = "WSD"


def confirm(out: Path, reviewer: str) -> int:
    """Take a human's word that no text is left: mark every file so; return how many.

    BurnedInAnnotation becomes NO and the Clean Pixel Data option is claimed; the reviewer's name
    stands in the report alone. Raises ReviewMissing where there is no report, where it was reviewed
    before, or where a file is not the one that was shown.
    """
    try:
        report = json.loads((out / REPORT).read_text(encoding="utf-8"))
        files: dict[str, dict[str, Any]] = report["files"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ReviewMissing(
            f"There is no {REPORT} of a de-identification in this folder."
        ) from None
    if not reviewer.strip():
        raise ReviewMissing("Say who has looked at the frames.")
    if report["reviewed_by"] is not None:
        raise ReviewMissing("These files have been reviewed before.")
    for name, file in files.items():
        if not (out / name).is_file() or _digest(out / name) != file["sha256"]:
            raise ReviewMissing(
                f"{name} is not the file that was written; de-identify and review again."
            )
    for name, file in files.items():
        path = out / name
        dataset = dcmread(path)
        dataset.BurnedInAnnotation = "NO"
        say_methods(dataset, (BASIC_PROFILE, CLEAN_PIXELS, MODIFIED_DATES))
        with whole(path) as partial:
            dataset.save_as(partial)
        file["sha256"] = _digest(path)
    report |= {
        "profile": [BASIC_PROFILE.meaning, CLEAN_PIXELS.meaning, MODIFIED_DATES.meaning],
        "reviewed_by": reviewer,
        "reviewed_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    report.pop("note", None)
    _write_report(out, report)
    return len(files)


def deidentify(
    paths: Iterable[Path], out: Path, pseudonyms: Pseudonyms
) -> Iterable[tuple[Path, Path | EndoLinkError | None]]:
    """De-identify files one after the other into `out`, and write the report at the end.

    Each comes back with where it went, with its error, or with None where nothing of it may be
    given away.
    """
    run = Deidentification(out, pseudonyms)
    out.mkdir(parents=True, exist_ok=True)
    for path in paths:
        try:
            yield path, run.take(path)
        except EndoLinkError as error:
            yield path, error
    run.finish()


def _decoded(stored: DicomFrame) -> Frame:
    image = stored.load()
    return decode(image) if isinstance(image, bytes) else image


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=_QUALITY)
    data = out.getvalue()
    return data + bytes(len(data) % 2)


def _save(path: Path, header: Dataset, pixels: IO[bytes]) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = header.SOPClassUID
    meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    header.file_meta = meta
    header.preamble = bytes(128)
    header.LossyImageCompressionRatio = _ratio(header, pixels.tell())
    pixels.seek(0)
    header.PixelData = pixels
    header["PixelData"].VR = "OB"
    header["PixelData"].is_undefined_length = True
    with whole(path) as partial:
        header.save_as(partial, implicit_vr=False, little_endian=True, enforce_file_format=True)


def _ratio(header: Dataset, size: int) -> str:
    plain = int(header.Rows) * int(header.Columns) * 3 * int(header.get("NumberOfFrames", 1))
    return f"{plain / size:.2f}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_report(out: Path, report: dict[str, Any]) -> Path:
    path = out / REPORT
    with whole(path) as partial:
        partial.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return path
