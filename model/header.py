"""What the bytes of an image say of themselves, read before anything is decoded.

A header is believed before a pixel is allocated, so it is read here, by a few bounded loops over
the bytes, and not by the decoder that it protects. Sources: JPEG, ITU-T T.81 annex B, its Exif
segment CIPA DC-008; PNG, third edition, sections 5 and 11; WebP, RFC 9649; TIFF 6.0, sections 2
and 8; BMP, Microsoft's BITMAPINFOHEADER.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from endolink.model.errors import (
    FrameAnimated,
    FrameCorrupt,
    FrameNotAnImage,
    FrameTruncated,
    FrameUnsupported,
)


class Kind(StrEnum):
    """The formats that are read, by the names that Pillow knows them by."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"
    BMP = "BMP"
    TIFF = "TIFF"


@dataclass(frozen=True)
class Header:
    """The header of one picture.

    `width` and `height` are as stored, in pixels, before `orientation` (Exif's, 1 to 8) is applied.
    `pixels` is the most that decoding allocates at once; a tiled TIFF may need more than its size.
    `picture` is the file for the decoder: of a JPEG, PNG or TIFF only what the picture needs, since
    metadata is where decoders warn, unpack text and follow offsets. WebP and BMP go as they are.
    """

    kind: Kind
    width: int
    height: int
    pixels: int
    orientation: int
    picture: bytes


def read_header(data: bytes) -> Header:
    """Read the header of the one picture in `data`.

    Raises FrameNotAnImage or FrameUnsupported by the first bytes, FrameAnimated where there are
    more pictures than one, FrameTruncated where the file ends before its own structure does, and
    FrameCorrupt where the structure contradicts itself.
    """
    kind = read_kind(data)
    try:
        header = _READERS[kind](data)
    except (struct.error, IndexError) as error:
        raise _truncated(kind) from error
    if header.width == 0 or header.height == 0:
        raise FrameCorrupt(f"The {kind} header gives a picture without width or height.")
    return header


def read_kind(data: bytes) -> Kind:
    """Tell the format by the file's first bytes, whatever its name says."""
    if data.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Kind.WEBP
    if data.startswith((b"II*\0", b"MM\0*")):
        return Kind.TIFF
    # Two letters are little to go by: a text may begin with them, a DIB header's size follows only
    # in a bitmap.
    if data.startswith(b"BM") and data[14:18] in _DIB_HEADERS:
        return Kind.BMP
    for name, offset, magic in _UNSUPPORTED:
        if data.startswith(magic, offset):
            raise FrameUnsupported(f"{name} is not read; send JPEG, PNG, WebP, BMP or TIFF.")
    raise FrameNotAnImage("The bytes are not an image; send JPEG, PNG, WebP, BMP or TIFF.")


_DIB_HEADERS = frozenset(struct.pack("<I", size) for size in (12, 16, 40, 52, 56, 64, 108, 124))

# Pictures and videos that people send, known by their magic numbers so that they are told apart
# from what is no picture at all.
_UNSUPPORTED = (
    ("GIF", 0, b"GIF8"),
    ("A video, HEIC or AVIF file", 4, b"ftyp"),
    ("DICOM", 128, b"DICM"),
    ("JPEG 2000", 0, b"\0\0\0\x0cjP  \r\n\x87\n"),
    ("JPEG 2000", 0, b"\xff\x4f\xff\x51"),
    ("JPEG XL", 0, b"\xff\x0a"),
    ("JPEG XL", 0, b"\0\0\0\x0cJXL \r\n\x87\n"),
    ("BigTIFF", 0, b"II+\0"),
    ("BigTIFF", 0, b"MM\0+"),
    ("A Photoshop document", 0, b"8BPS"),
    ("An icon", 0, b"\0\0\1\0"),
    ("SVG", 0, b"<svg"),
    ("Matroska or WebM video", 0, b"\x1a\x45\xdf\xa3"),
    ("AVI video", 8, b"AVI "),
)


def _truncated(kind: Kind) -> FrameTruncated:
    return FrameTruncated(f"The {kind} file ends before its picture does; send it again, whole.")


# JPEG's markers (T.81 table B.1), by their second byte.
_SOI, _EOI, _SOS, _APP0, _APP1, _APP14, _APP15, _COM = (
    0xD8,
    0xD9,
    0xDA,
    0xE0,
    0xE1,
    0xEE,
    0xEF,
    0xFE,
)
_START_OF_FRAME = frozenset(
    {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
)  # baseline to progressive, Huffman or not
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_OTHER_PROCESSES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7})
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_MOST_SCANS = 100  # encoders write about ten
# JFIF and Adobe say how the colours are stored; every other application segment is metadata.
_METADATA = frozenset({*range(_APP1, _APP15 + 1), _COM}) - {_APP14}


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield each segment's marker, and where it begins, where its body does and where it ends.

    The last is the start of the scan.
    """
    position = 2
    marker = _SOI
    while marker != _SOS:
        start = position
        if data[position] != 0xFF:
            raise FrameCorrupt("A JPEG segment does not begin with a marker.")
        while data[position] == 0xFF:
            position += 1
        marker = data[position]
        position += 1
        if marker in _WITHOUT_LENGTH:
            continue
        if marker in {0x00, _SOI, _EOI}:
            raise FrameCorrupt("The JPEG file ends its headers without a picture.")
        (length,) = struct.unpack_from(">H", data, position)
        if length < 2:
            raise FrameCorrupt("A JPEG segment is shorter than its own length.")
        yield marker, start, position + 2, position + length
        position += length


def _read_jpeg(data: bytes) -> Header:
    size: tuple[int, int] | None = None
    orientation = 1
    kept: list[bytes] = []
    kept_to = end = components = 0
    progressive = scans = False
    for marker, start, body, end in _jpeg_segments(data):
        if marker in _OTHER_PROCESSES:
            raise FrameUnsupported(
                "Lossless, hierarchical and JPEG-LS processes are not read; send baseline JPEG."
            )
        if marker in _START_OF_FRAME:
            precision, height, width, components = struct.unpack_from(">BHHB", data, body)
            progressive = marker in _PROGRESSIVE
            if precision != 8:
                raise FrameUnsupported(f"JPEG of {precision} bits is not read; send 8 bits.")
            if size is not None:
                raise FrameCorrupt("The JPEG header gives its size twice.")
            size = width, height
        elif marker == _SOS:
            scans = progressive or data[body] < components  # more than one may follow
        elif marker == _APP1 and data.startswith(b"Exif\0\0", body):
            orientation = _read_orientation(data[body + 6 : end])
        if marker in _METADATA:
            kept.append(data[kept_to:start])
            kept_to = end
    if size is None:
        raise FrameCorrupt("The JPEG header gives no size before the picture.")
    # Each scan may take but a few bytes, and passes over the whole picture.
    if scans and data.count(b"\xff\xda", end) >= _MOST_SCANS:
        raise FrameUnsupported(f"A JPEG of more than {_MOST_SCANS} scans is not read.")
    if data.rfind(b"\xff\xd9", end) < 0:
        raise _truncated(Kind.JPEG)
    picture = b"".join((*kept, data[kept_to:])) if kept else data
    return Header(Kind.JPEG, *size, size[0] * size[1], orientation, picture)


_PNG_SIGNATURE = 8
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def _read_png(data: bytes) -> Header:
    length, name, width, height = struct.unpack_from(">I4sII", data, _PNG_SIGNATURE)
    if name != b"IHDR" or length != 13:
        raise FrameCorrupt("The PNG file does not begin with its header.")
    orientation = 1
    kept = [data[:_PNG_SIGNATURE]]
    position = _PNG_SIGNATURE
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise _truncated(Kind.PNG)
        if name == b"IHDR" and position > _PNG_SIGNATURE:
            raise FrameCorrupt("The PNG header is given twice.")
        if name == b"acTL" and struct.unpack_from(">I", data, position + 8) != (1,):
            raise FrameAnimated("An animated PNG is not read; send one picture a file.")
        if name == b"eXIf":
            orientation = _read_orientation(data[position + 8 : end - 4])
        if name in _PNG_KEPT:
            kept.append(data[position:end])
        position = end
    return Header(Kind.PNG, width, height, width * height, orientation, b"".join(kept))


def _read_webp(data: bytes) -> Header:
    (length,) = struct.unpack_from("<I", data, 4)
    if 8 + length > len(data):
        raise _truncated(Kind.WEBP)
    name = data[12:16]
    orientation = 1
    if name == b"VP8 ":
        tag, width, height = struct.unpack_from("<3sHH", data, 23)
        if tag != b"\x9d\x01\x2a":
            raise FrameCorrupt("The WebP picture does not begin with a key frame.")
        width, height = width & 0x3FFF, height & 0x3FFF
    elif name == b"VP8L":
        signature, bits = struct.unpack_from("<BI", data, 20)
        if signature != 0x2F:
            raise FrameCorrupt("The lossless WebP picture has no signature.")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif name == b"VP8X":
        flags, low_width, high_width, low_height, high_height = struct.unpack_from(
            "<BxxxHBHB", data, 20
        )
        if flags & 0x02:
            raise FrameAnimated("An animated WebP is not read; send one picture a file.")
        width, height = (high_width << 16 | low_width) + 1, (high_height << 16 | low_height) + 1
        position = 12
        while position + 8 <= 8 + length:
            name, size = struct.unpack_from("<4sI", data, position)
            if name == b"EXIF":
                exif = data[position + 8 : position + 8 + size]
                orientation = _read_orientation(exif.removeprefix(b"Exif\0\0"))
            position += 8 + size + size % 2
    else:
        raise FrameCorrupt("The WebP file does not begin with a picture.")
    return Header(Kind.WEBP, width, height, width * height, orientation, data)


_BMP_PLAIN, _BMP_BIT_FIELDS = 0, 3


def _read_bmp(data: bytes) -> Header:
    offset, header = struct.unpack_from("<II", data, 10)
    compression = _BMP_PLAIN
    if header == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
        if header >= 40:
            (compression,) = struct.unpack_from("<I", data, 30)
    if width < 0:
        raise FrameCorrupt("The BMP header gives a negative width.")
    height = abs(height)  # negative where the rows run from the top
    if compression not in {_BMP_PLAIN, _BMP_BIT_FIELDS}:
        raise FrameUnsupported("A compressed BMP is not read; send it plain, or as PNG.")
    row = (width * bits + 31) // 32 * 4
    if offset + row * height > len(data):
        raise _truncated(Kind.BMP)
    return Header(Kind.BMP, width, height, width * height, 1, data)


# TIFF's types, by number, and the bytes that one value takes.
_TIFF_TYPES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_SHORT, _LONG = 3, 4
_WIDTH, _HEIGHT, _ORIENTATION, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 274, 322, 323
_JPEG_TABLES = 347
# What describes how the pixels are stored; the tags of one value, and those of several.
_TIFF_SINGLE = frozenset(
    {_WIDTH, _HEIGHT, 259, 262, 266, 277, 278, 284, 317, _TILE_WIDTH, _TILE_HEIGHT, 332}
)
_TIFF_SEVERAL = frozenset({258, 273, 279, 320, 324, 325, 338, 339, _JPEG_TABLES, 530})
# Where the strips and the tiles begin, and how long they are.
_TIFF_PIECES = ((273, 279), (324, 325))
_TIFF_NUMBERS = frozenset({_SHORT, _LONG})


@dataclass(frozen=True)
class _Entry:
    """One entry of a TIFF directory: `raw` is its 12 bytes, `place` where its values are."""

    type: int
    count: int
    raw: bytes
    place: int

    @property
    def end(self) -> int:
        return self.place + self.count * _TIFF_TYPES[self.type]


def _read_directory(tiff: bytes) -> tuple[str, dict[int, _Entry], int]:
    """Return the byte order, the first directory's entries of known type, and the next's offset."""
    order = "<" if tiff.startswith(b"II") else ">"
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, directory)
    entries: dict[int, _Entry] = {}
    for position in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, values, offset = struct.unpack_from(f"{order}HHII", tiff, position)
        if kind in _TIFF_TYPES:
            place = position + 8 if values * _TIFF_TYPES[kind] <= 4 else offset
            entry = _Entry(kind, values, tiff[position : position + 12], place)
            entries.setdefault(tag, entry)
    (following,) = struct.unpack_from(f"{order}I", tiff, directory + 2 + 12 * count)
    return order, entries, following


def _values(tiff: bytes, order: str, entry: _Entry) -> tuple[int, ...]:
    number = "H" if entry.type == _SHORT else "I"
    return struct.unpack_from(f"{order}{entry.count}{number}", tiff, entry.place)


def _read_tiff(data: bytes) -> Header:
    order, entries, following = _read_directory(data)
    if following:
        raise FrameAnimated("A TIFF of several pages is not read; send one picture a file.")
    kept = {tag: entries[tag] for tag in sorted(_TIFF_SINGLE | _TIFF_SEVERAL) if tag in entries}
    for tag, entry in kept.items():
        numbers = entry.type in _TIFF_NUMBERS or tag == _JPEG_TABLES
        if entry.count == 0 or not numbers or (tag in _TIFF_SINGLE and entry.count != 1):
            raise FrameCorrupt(f"The TIFF tag {tag} has not the values that it should have.")
        if entry.end > len(data):
            raise _truncated(Kind.TIFF)
    if _WIDTH not in kept or _HEIGHT not in kept:
        raise FrameCorrupt("The TIFF header gives no size.")
    values = {
        tag: _values(data, order, entry) for tag, entry in kept.items() if tag != _JPEG_TABLES
    }
    (width,), (height,) = values[_WIDTH], values[_HEIGHT]
    (tile_width,), (tile_height,) = (values.get(tag, (0,)) for tag in (_TILE_WIDTH, _TILE_HEIGHT))
    for places, lengths in _TIFF_PIECES:
        if any(
            place + length > len(data)
            for place, length in zip(values.get(places, ()), values.get(lengths, ()), strict=False)
        ):
            raise _truncated(Kind.TIFF)
    # A new directory at the end of the file, of these entries alone, stands for the old one.
    padding = bytes(len(data) % 2)
    directory = struct.pack(f"{order}H", len(kept)) + b"".join(e.raw for e in kept.values())
    picture = b"".join(
        (
            data[:4],
            struct.pack(f"{order}I", len(data) + len(padding)),
            data[8:],
            padding,
            directory,
            bytes(4),
        )
    )
    pixels = max(width * height, tile_width * tile_height)
    return Header(Kind.TIFF, width, height, pixels, _orientation(data, order, entries), picture)


def _read_orientation(exif: bytes) -> int:
    """Return the orientation that Exif gives; 1, upright, where it cannot be made out.

    Damaged Exif is common in frames that passed through other software, and the picture is whole.
    """
    if not exif.startswith((b"II*\0", b"MM\0*")):
        return 1
    try:
        order, entries, _ = _read_directory(exif)
        return _orientation(exif, order, entries)
    except struct.error:
        return 1


def _orientation(tiff: bytes, order: str, entries: dict[int, _Entry]) -> int:
    entry = entries.get(_ORIENTATION)
    if entry is None or entry.count != 1 or entry.type not in _TIFF_NUMBERS:
        return 1
    (value,) = _values(tiff, order, entry)
    return value if 1 <= value <= 8 else 1


_READERS: dict[Kind, Callable[[bytes], Header]] = {
    Kind.JPEG: _read_jpeg,
    Kind.PNG: _read_png,
    Kind.WEBP: _read_webp,
    Kind.BMP: _read_bmp,
    Kind.TIFF: _read_tiff,
}
