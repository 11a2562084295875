"""DICOM files for tests, written with pydicom, PyAV, Pillow and GDCM; no patient is in them."""

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import av
import gdcm
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread, uid
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate

from endolink.model.frame import Frame, decode
from endolink.serving.archive.sources.dicom_file import DicomFile

PATIENT = {"PatientName": "Phantom^Paula", "PatientID": "PH-0042", "PatientBirthDate": "19610203"}
VIDEO_CODECS = {
    **dict.fromkeys(
        (uid.MPEG2MPML, uid.MPEG2MPMLF, uid.MPEG2MPHL, uid.MPEG2MPHLF), ("mpeg2video", "yuv420p")
    ),
    **dict.fromkeys(
        (
            *(uid.MPEG4HP41, uid.MPEG4HP41F, uid.MPEG4HP41BD, uid.MPEG4HP41BDF),
            *(uid.MPEG4HP422D, uid.MPEG4HP422DF, uid.MPEG4HP423D, uid.MPEG4HP423DF),
            *(uid.MPEG4HP42STEREO, uid.MPEG4HP42STEREOF),
        ),
        ("libx264", "yuv420p"),
    ),
    uid.HEVCMP51: ("libx265", "yuv420p"),
    uid.HEVCM10P51: ("libx265", "yuv420p10le"),
}


def picture(index: int = 0, width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    """A smooth picture, uint8 H×W×3, of which every one differs and no two corners agree."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    red = 40 + 150 * x / width
    green = 40 + 150 * y / height
    blue = np.full_like(x, (20 + 12 * index) % 230)
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def jpeg(pixels: NDArray[np.uint8], **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", **{"quality": 92, "subsampling": 0} | options)
    return out.getvalue()


def describe(
    *,
    sop_class: str = uid.VLEndoscopicImageStorage,
    study: str | None = None,
    series: str | None = None,
    number: int = 1,
) -> Dataset:
    """The header of an endoscopic picture, as yet without pixels."""
    header = Dataset()
    for keyword, value in PATIENT.items():
        setattr(header, keyword, value)
    header.PatientSex = "F"
    header.SOPClassUID = sop_class
    header.SOPInstanceUID = uid.generate_uid()
    header.StudyInstanceUID = study or uid.generate_uid()
    header.SeriesInstanceUID = series or uid.generate_uid()
    header.StudyID = "7"
    header.StudyDate = header.SeriesDate = header.ContentDate = "20240301"
    header.StudyTime = header.SeriesTime = header.ContentTime = "101500"
    header.AccessionNumber = "ACC-1"
    header.ReferringPhysicianName = "Referrer^Rita"
    header.InstitutionName = "Phantom Hospital"
    header.Manufacturer = "Maker"
    header.Modality = "ES"
    header.SeriesNumber = 1
    header.InstanceNumber = number
    header.ImageType = ["ORIGINAL", "PRIMARY"]
    header.AcquisitionContextSequence = []
    header.PatientOrientation = ""
    header.Laterality = ""
    header.LossyImageCompression = "00"
    return header


def shape(
    header: Dataset,
    pixels: NDArray[np.uint8 | np.uint16],
    photometric: str,
    frames: int = 1,
    stored: int | None = None,
) -> None:
    header.Rows, header.Columns = pixels.shape[:2]
    header.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    header.PhotometricInterpretation = photometric
    header.BitsAllocated = 8 * pixels.dtype.itemsize
    header.BitsStored = stored or header.BitsAllocated
    header.HighBit = header.BitsStored - 1
    header.PixelRepresentation = 0
    if header.SamplesPerPixel == 3:
        header.PlanarConfiguration = 0
    if frames > 1:
        header.NumberOfFrames = frames
        header.FrameTime = "100"
        header.FrameIncrementPointer = 0x00181063


def save(path: Path, header: Dataset, data: bytes, syntax: str) -> Path:
    """Write the header and `data` as pixel data, encapsulated as the transfer syntax says."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = header.SOPClassUID
    meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    meta.TransferSyntaxUID = uid.UID(syntax)
    file = Dataset(header)
    file.file_meta = meta
    file.preamble = bytes(128)
    file.PixelData = data
    file["PixelData"].VR = "OW" if header.BitsAllocated > 8 else "OB"
    file["PixelData"].is_undefined_length = uid.UID(syntax).is_encapsulated
    file.save_as(
        path,
        implicit_vr=uid.UID(syntax).is_implicit_VR,
        little_endian=uid.UID(syntax).is_little_endian,
        enforce_file_format=True,
    )
    return path


def native(
    path: Path,
    frames: Sequence[NDArray[np.uint8 | np.uint16]],
    *,
    syntax: str = uid.ExplicitVRLittleEndian,
    photometric: str = "RGB",
    stored: int | None = None,
    header: Dataset | None = None,
) -> Path:
    """Write uncompressed frames of samples as they are."""
    header = header or describe()
    shape(header, frames[0], photometric, len(frames), stored)
    order: Literal[">", "<"] = ">" if syntax == uid.ExplicitVRBigEndian else "<"
    data = b"".join(frame.astype(frame.dtype.newbyteorder(order)).tobytes() for frame in frames)
    return save(path, header, data + bytes(len(data) % 2), syntax)


def compressed(path: Path, frames: Sequence[NDArray[np.uint8]], syntax: str) -> Path:
    """Write frames of RGB or grey losslessly compressed, by whichever library can."""
    photometric = "RGB" if frames[0].ndim == 3 else "MONOCHROME2"
    native(path, frames, photometric=photometric)
    if syntax in {uid.JPEGLossless, uid.JPEGLosslessSV1}:
        return _lossless_jpeg(path, syntax)
    file = dcmread(path)
    options: dict[str, Any] = {}
    if syntax == uid.JPEGLSNearLossless:
        options["jls_error"] = 1
    if syntax == uid.JPEG2000:
        options["j2k_cr"] = [2]
    file.compress(syntax, generate_instance_uid=False, **options)
    file.save_as(path)
    return path


def _lossless_jpeg(path: Path, syntax: str) -> Path:
    """Compress with GDCM, which writes what Pillow cannot."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
    change.SetInput(reader.GetImage())
    assert change.Change()
    fragments = change.GetOutput().GetDataElement().GetSequenceOfFragments()
    streams = [
        fragments.GetFragment(index).GetByteValue().GetBuffer().encode("utf-8", "surrogateescape")
        for index in range(fragments.GetNumberOfFragments())
    ]
    header = dcmread(path)
    del header.PixelData
    return save(path, header, encapsulate(streams), syntax)


def jpegs(
    path: Path,
    codestreams: Sequence[bytes],
    *,
    photometric: str = "YBR_FULL_422",
    size: tuple[int, int] = (96, 64),
    samples: int = 3,
    header: Dataset | None = None,
    fragments: int = 1,
    offsets: bool = True,
    syntax: str = uid.JPEGBaseline8Bit,
) -> Path:
    """Write JPEG codestreams as they are, each a frame in so many fragments."""
    header = header or describe()
    sample = np.zeros((size[1], size[0], 3)[: 2 + (samples == 3)], np.uint8)
    shape(header, sample, photometric, len(codestreams))
    header.LossyImageCompression = "01"
    header.LossyImageCompressionRatio = "10"
    header.LossyImageCompressionMethod = "ISO_10918_1"
    data = encapsulate(list(codestreams), fragments_per_frame=fragments, has_bot=offsets)
    return save(path, header, data, syntax)


def encode(
    frames: Sequence[NDArray[np.uint8]], codec: str, pixel_format: str, container: str | None
) -> bytes:
    """Encode a film of 25 frames a second; the container is FFmpeg's name for it."""
    out = io.BytesIO()
    raw = {"mpeg2video": "mpeg2video", "libx264": "h264", "libx265": "hevc"}[codec]
    with av.open(out, "w", format=container or raw) as film:
        stream: Any = film.add_stream(codec, rate=25)
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=none:pools=1", "preset": "ultrafast"}
        elif codec == "libx264":
            stream.options = {"preset": "ultrafast", "crf": "10"}
        else:
            stream.bit_rate = 4_000_000
        stream.pix_fmt = pixel_format
        stream.height, stream.width = frames[0].shape[:2]
        for pixels in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        film.mux(stream.encode(None))
    return out.getvalue()


def video(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    syntax: str = uid.MPEG4HP41,
    *,
    container: str | None = None,
    fragments: int = 1,
    header: Dataset | None = None,
) -> Path:
    """Write a Video Endoscopic image, its film raw or in a container."""
    header = header or describe(sop_class=uid.VideoEndoscopicImageStorage)
    shape(header, frames[0], "YBR_PARTIAL_420", len(frames))
    header.FrameTime = "40"
    header.LossyImageCompression = "01"
    film = encode(frames, *VIDEO_CODECS[uid.UID(syntax)], container)
    film += bytes(len(film) % 2)
    piece = -(-len(film) // fragments)
    piece += piece % 2
    items = b"".join(
        struct.pack("<HHI", 0xFFFE, 0xE000, len(part)) + part
        for part in (film[at : at + piece] for at in range(0, len(film), piece))
    )
    return save(path, header, struct.pack("<HHI", 0xFFFE, 0xE000, 0) + items, syntax)


def as_frame(image: bytes | Frame) -> Frame:
    return decode(image) if isinstance(image, bytes) else image


def pixels_of(path: Path) -> list[NDArray[np.uint8]]:
    """Decode every frame of a file."""
    with DicomFile.open(path) as file:
        return [as_frame(frame.load()).pixels for frame in file.frames()]


def near(found: list[NDArray[np.uint8]], expected: list[NDArray[np.uint8]], most: float) -> None:
    """Assert that pictures differ by less than `most` grey levels in the mean."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert np.abs(one.astype(int) - other).mean() < most
