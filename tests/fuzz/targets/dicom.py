"""A DICOM file: its header, its items, and the pixels of every kind that is read."""

import io
import tempfile
from pathlib import Path

import numpy as np
from pydicom import uid

from endolink.model.errors import EndoLinkError
from endolink.serving.archive.picture import Locator
from endolink.serving.archive.sources.dicom_file import DicomFile, read_pictures
from tests.fuzz.reading import read

LONGEST = 16_384


def check(data: bytes) -> None:
    """Open the file and decode its frames."""
    try:
        file = DicomFile(io.BytesIO(data))
    except EndoLinkError as error:
        assert error.detail
        return
    with file:
        read(read_pictures(file, Locator("file"), None, None))


def seeds() -> dict[str, bytes]:
    """A file of every transfer syntax, small."""
    from tests import dicoms  # noqa: PLC0415 - what writes them is not needed to read them

    frames = [dicoms.picture(index, 40, 36) for index in range(2)]
    grey = [frame[..., 0] for frame in frames]
    wide = [(frame.astype(np.uint16) << 4).astype(np.uint16) for frame in grey]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        dicoms.native(folder / "native", frames)
        dicoms.native(
            folder / "implicit", grey, syntax=uid.ImplicitVRLittleEndian, photometric="MONOCHROME1"
        )
        dicoms.native(
            folder / "big",
            wide,
            syntax=uid.ExplicitVRBigEndian,
            photometric="MONOCHROME2",
            stored=12,
        )
        dicoms.native(folder / "deflated", frames, syntax=uid.DeflatedExplicitVRLittleEndian)
        jpegs = [dicoms.jpeg(frame) for frame in frames]
        dicoms.jpegs(folder / "jpeg", jpegs, size=(40, 36), fragments=2)
        dicoms.jpegs(folder / "jpeg-no-table", jpegs, size=(40, 36), offsets=False)
        for name, syntax in (
            ("rle", uid.RLELossless),
            ("jpeg-ls", uid.JPEGLSLossless),
            ("jpeg-2000", uid.JPEG2000Lossless),
            ("lossless", uid.JPEGLosslessSV1),
        ):
            dicoms.compressed(folder / name, frames if name != "jpeg-ls" else grey, syntax)
        dicoms.video(folder / "video", frames * 2)
        return {path.name: path.read_bytes() for path in folder.iterdir()}
