"""From one frame's stored bytes in a DICOM file to RGB.

What is decided about each kind of pixel:

- A JPEG codestream of 8 bits is handed on as it is, to be decoded as every other JPEG. Its own
  markers (JFIF, Adobe) say how its colours are stored; where it has neither, the header's
  Photometric Interpretation does.
- RGB, YBR_FULL, YBR_FULL_422, YBR_ICT and YBR_RCT become RGB (PS3.3, C.7.6.3.1.2); a palette is
  looked up; MONOCHROME2 is repeated in three channels, MONOCHROME1 inverted first.
- Of more than 8 bits stored, the high 8 are kept: a linear scaling of the full range, as for
  pictures of 16 bits. Windows and lookup tables for display are left aside.
- Signed pixels, 1 bit, 12-bit JPEG and every other interpretation are refused.

Decoders are chosen by licence (none under the GPL) and for what they do with damage: Pillow for
JPEG, CharLS (pyjpegls) for JPEG-LS, OpenJPEG for JPEG 2000, FFmpeg (PyAV) for lossless JPEG,
pydicom for RLE and what is not compressed. CharLS has a process of its own, see `jpeg_ls`. GDCM is
not among them: lossless JPEG that is damaged ends its process.
"""

import hashlib
import struct
from dataclasses import dataclass, replace
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, uid
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import convert_color_space

from endolink.model.errors import DicomCorrupt, DicomUnsupported
from endolink.model.frame import Frame
from endolink.model.header import Kind, read_header
from endolink.serving.archive.sources.jpeg_ls import JPEG_LS

NATIVE: Final = frozenset(
    {
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
        uid.DeflatedExplicitVRLittleEndian,
    }
)
_JPEG: Final = frozenset({uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit})
_PLUGINS: Final = {
    uid.RLELossless: "pydicom",
    uid.JPEG2000Lossless: "pylibjpeg",
    uid.JPEG2000: "pylibjpeg",
}
_LOSSLESS_JPEG: Final = frozenset({uid.JPEGLossless, uid.JPEGLosslessSV1})
_JPEG_LS: Final = frozenset({uid.JPEGLSLossless, uid.JPEGLSNearLossless})
_CODESTREAMS: Final = _LOSSLESS_JPEG | _JPEG_LS | frozenset(_PLUGINS) - {uid.RLELossless}
ENCAPSULATED: Final = _JPEG | _LOSSLESS_JPEG | _JPEG_LS | frozenset(_PLUGINS)

_GREY: Final = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})
_COLOUR: Final = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})


@dataclass(frozen=True)
class PixelFormat:
    """How the header says that the frames are stored; one that exists is of a kind that is read."""

    syntax: uid.UID
    rows: int
    columns: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    planar: int
    palette: NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, header: Dataset, syntax: uid.UID) -> "PixelFormat":
        """Read it from a header; raises DicomCorrupt or DicomUnsupported."""
        try:
            samples = int(header.get("SamplesPerPixel", 1))
            allocated, rows, columns = (
                int(header[keyword].value) for keyword in ("BitsAllocated", "Rows", "Columns")
            )
            stored = int(header.get("BitsStored", allocated))
            high = int(header.get("HighBit", stored - 1))
            signed = int(header.get("PixelRepresentation", 0)) != 0
            planar = int(header.get("PlanarConfiguration", 0) or 0)
            photometric = str(header.get("PhotometricInterpretation", "")).strip()
            palette = _palette(header) if photometric == "PALETTE COLOR" else None
        except (KeyError, TypeError, ValueError, IndexError, struct.error) as error:
            raise DicomCorrupt("The header does not describe its pixels.") from error
        if photometric not in (_GREY if samples == 1 else _COLOUR) or samples not in {1, 3}:
            raise DicomUnsupported(
                "The photometric interpretation is not read, or not with so many samples; RGB, "
                "YBR, MONOCHROME and PALETTE COLOR are."
            )
        if allocated not in {8, 16} or not 8 <= stored <= allocated or high != stored - 1 or signed:
            raise DicomUnsupported(
                f"Pixels of {stored} bits in {allocated} are not read, nor signed ones; unsigned "
                "ones of 8 to 16 bits are."
            )
        if rows < 1 or columns < 1 or planar not in {0, 1}:
            raise DicomCorrupt("The header gives frames without size.")
        return cls(syntax, rows, columns, samples, photometric, allocated, stored, planar, palette)

    @property
    def is_jpeg(self) -> bool:
        """Whether frames are handed on as JPEG codestreams."""
        return self.syntax in _JPEG

    def digest(self, data: bytes) -> str:
        """Digest what makes a frame's pixels: its stored bytes, and how they are to be read."""
        digest = hashlib.sha256(data)
        palette = b"" if self.palette is None else self.palette.tobytes()
        digest.update(repr(replace(self, palette=None)).encode() + palette)
        return digest.hexdigest()

    @property
    def frame_bytes(self) -> int:
        """Bytes of one uncompressed frame; two pixels share their colour in YBR_FULL_422."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * samples * self.bits_allocated // 8


def decode_pixels(data: bytes, pixel_format: PixelFormat, index: int) -> bytes | Frame:
    """Turn one frame's stored bytes into a frame, or into a JPEG that `model.frame.decode` reads.

    `index` becomes the frame's `sequence`. Raises DicomCorrupt, DicomUnsupported or a FrameError.
    """
    if pixel_format.syntax in _JPEG:
        return _jpeg(data, pixel_format)
    if pixel_format.syntax in _CODESTREAMS:
        _check_codestream(data, pixel_format)
    pixels = np.ascontiguousarray(_rgb(_samples(data, pixel_format), pixel_format))
    pixels.setflags(write=False)
    digest = hashlib.sha256(pixels.data).hexdigest()
    return Frame(pixels, pixel_format.columns, pixel_format.rows, digest, sequence=index)


def _samples(data: bytes, pixel_format: PixelFormat) -> NDArray[np.uint8 | np.uint16]:
    """Decode to samples as the photometric interpretation says, except that YBR has become RGB."""
    syntax = pixel_format.syntax
    if syntax in _LOSSLESS_JPEG:
        return _lossless_jpeg(data, pixel_format)
    options: dict[str, Any] = {
        "rows": pixel_format.rows,
        "columns": pixel_format.columns,
        "number_of_frames": 1,
        "samples_per_pixel": pixel_format.samples,
        "bits_allocated": pixel_format.bits_allocated,
        "bits_stored": pixel_format.bits_stored,
        "photometric_interpretation": pixel_format.photometric,
        "pixel_representation": 0,
        "planar_configuration": pixel_format.planar,
        "pixel_keyword": "PixelData",
    }
    if syntax in _JPEG_LS:
        return JPEG_LS.decode(data, syntax, options)
    native = syntax in NATIVE
    try:
        samples: NDArray[np.uint8 | np.uint16]
        samples, _ = get_decoder(syntax).as_array(
            data if native else encapsulate([data], has_bot=False),
            index=0,
            validate=False,
            decoding_plugin=_PLUGINS.get(syntax, ""),
            **options,
        )
    # The decoders let out whatever the bytes provoke.
    except Exception as error:
        raise DicomCorrupt("The frame's pixel data cannot be decoded.") from error
    return samples


def _lossless_jpeg(data: bytes, pixel_format: PixelFormat) -> NDArray[np.uint8 | np.uint16]:
    """Decode the lossless process of JPEG (T.81, annex H); its components come as they are."""
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.options = {"max_pixels": str(pixel_format.rows * pixel_format.columns + 2**16)}
    try:
        pictures = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except av.FFmpegError as error:
        raise DicomCorrupt("The frame's lossless JPEG cannot be decoded.") from error
    if len(pictures) != 1 or pictures[0].is_corrupt:
        raise DicomCorrupt("The frame's lossless JPEG is damaged.")
    (picture,) = pictures
    if picture.format.name not in {"gray", "gray16le", "bgr24"}:
        raise DicomUnsupported(
            "Lossless JPEG is read of grey, and of colours of 8 bits that are not subsampled."
        )
    samples: NDArray[Any] = picture.to_ndarray()
    if samples.shape[:2] != (pixel_format.rows, pixel_format.columns):
        raise DicomCorrupt("The frame's lossless JPEG is damaged.")
    if samples.ndim == 2:
        return samples
    # FFmpeg takes three components for red, green and blue, and gives them in reverse.
    components = samples[..., ::-1]
    if pixel_format.photometric == "RGB":
        return components
    rgb: NDArray[np.uint8] = convert_color_space(components, "YBR_FULL", "RGB")
    return rgb


def _rgb(samples: NDArray[np.uint8 | np.uint16], pixel_format: PixelFormat) -> NDArray[np.uint8]:
    if pixel_format.palette is not None:
        last = len(pixel_format.palette) - 1
        return pixel_format.palette[np.minimum(samples, last)]
    excess = pixel_format.bits_stored - 8
    eight = (samples >> excess).astype(np.uint8) if excess else samples.astype(np.uint8)
    if pixel_format.samples == 3:
        return eight
    if pixel_format.photometric == "MONOCHROME1":
        eight = 255 - eight
    return np.repeat(eight[..., None], 3, axis=2)


def _palette(header: Dataset) -> NDArray[np.uint8]:
    """Read the palette, uint8 N×3, for stored values from 0 (PS3.3, C.7.6.3.1.5 and 6)."""
    tables: list[NDArray[np.uint8]] = []
    for colour in ("Red", "Green", "Blue"):
        entries, first, bits = (
            int(value) for value in header[f"{colour}PaletteColorLookupTableDescriptor"].value
        )
        if first != 0 or bits not in {8, 16}:
            raise DicomUnsupported("A palette that does not begin with 0 is not read.")
        data = header[f"{colour}PaletteColorLookupTableData"].value
        # 0 stands for 65,536; entries of 8 bits may fill 16 each.
        entries = entries or 2**16
        wide = len(data) >= 2 * entries
        table = np.frombuffer(data, "<u2" if wide else "u1")[:entries]
        if len(table) < entries:
            raise ValueError("the palette is too short")
        tables.append((table >> 8 if wide and bits == 16 else table).astype(np.uint8))
    if len({len(table) for table in tables}) != 1:
        raise ValueError("the palette's tables differ in length")
    return np.stack(tables, axis=1)


def _jpeg(data: bytes, pixel_format: PixelFormat) -> bytes:
    """Check a JPEG against the header, and have it say how its colours are stored.

    Its metadata is dropped: an Exif orientation means nothing inside of DICOM.
    """
    header = read_header(data)
    if header.kind is not Kind.JPEG:
        raise DicomCorrupt("The frame is not the JPEG that the transfer syntax says.")
    _check_size(header.width, header.height, pixel_format)
    if pixel_format.samples == 1 or _declares_colour(header.picture):
        return header.picture
    # Adobe's segment: version, two words of flags, and 0 for RGB or 1 for YCbCr (T.872, 6.5.3).
    transform = 0 if pixel_format.photometric == "RGB" else 1
    adobe = struct.pack(">HH5sHHHB", 0xFFEE, 14, b"Adobe", 100, 0, 0, transform)
    return header.picture[:2] + adobe + header.picture[2:]


def _declares_colour(jpeg: bytes) -> bool:
    return any(
        marker in {0xE0, 0xEE} and jpeg[body : body + 5] in {b"JFIF\0", b"Adobe"}
        for marker, body in _segments(jpeg)
    )


_SCAN: Final = 0xDA
# Start of frame: lossless (T.81) and JPEG-LS (T.87).
_LOSSLESS: Final = frozenset({0xC3, 0xF7})


def _segments(jpeg: bytes) -> list[tuple[int, int]]:
    """List each segment's marker and where its body begins, up to the first scan."""
    found: list[tuple[int, int]] = []
    position, marker = 2, 0
    while marker != _SCAN and position + 4 <= len(jpeg) and jpeg[position] == 0xFF:
        marker = jpeg[position + 1]
        if marker == 0xFF:  # fill
            position += 1
            continue
        found.append((marker, position + 4))
        position += 2 + max(2, int.from_bytes(jpeg[position + 2 : position + 4]))
    return found


def _check_codestream(data: bytes, pixel_format: PixelFormat) -> None:
    """Hold what the codestream promises to what the header does, before a decoder believes it."""
    if pixel_format.syntax in uid.JPEG2000TransferSyntaxes:
        if data[:4] != b"\xff\x4f\xff\x51" or len(data) < 48:
            raise DicomCorrupt("The frame is not the JPEG 2000 that the transfer syntax says.")
        # Image and tile size and offset on the reference grid (T.800, A.5.1).
        x1, y1, x0, y0, tile_x, tile_y = struct.unpack_from(">6I", data, 8)
        components = int.from_bytes(data[40:42])
        if not tile_x or not tile_y:
            raise DicomCorrupt("The JPEG 2000 codestream has tiles without size.")
        _check_size(x1 - x0, y1 - y0, pixel_format, components)
        return
    for marker, body in _segments(data) if data[:2] == b"\xff\xd8" else []:
        if marker in _LOSSLESS and body + 6 <= len(data):
            _, height, width, components = struct.unpack_from(">BHHB", data, body)
            _check_size(width, height, pixel_format, components)
            return
    raise DicomCorrupt("The frame is not the lossless JPEG that the transfer syntax says.")


def _check_size(
    width: int, height: int, pixel_format: PixelFormat, components: int | None = None
) -> None:
    promised = pixel_format.columns, pixel_format.rows
    if (width, height) != promised or components not in {None, pixel_format.samples}:
        raise DicomCorrupt(
            f"The frame is {width} × {height} pixels where the header says "
            f"{promised[0]} × {promised[1]}."
        )
