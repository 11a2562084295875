"""Encapsulated pixel data (PS3.5, annex A.4): where each frame's bytes lie."""

import io
import struct
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO

from endolink.model.errors import DicomCorrupt, DicomTooLarge

_ITEM, _END = 0xFFFEE000, 0xFFFEE0DD
# A capsule study of 100,000 frames stays far below; a table of more would only eat memory.
MOST_FRAGMENTS = 1_000_000


@dataclass(frozen=True)
class Fragment:
    """One item's value: `length` bytes from `start` in the file."""

    start: int
    length: int


Fragments = tuple[Fragment, ...]


@dataclass(frozen=True)
class Encapsulated:
    """The items of one pixel data element: the basic offset table's offsets, and the fragments.

    `whole` is False where the file ends, or its structure does, before the sequence's end was read.
    """

    offsets: tuple[int, ...]
    fragments: Fragments
    whole: bool


def read_items(file: BinaryIO, size: int) -> Encapsulated:
    """List the items from the file's position on; only their headers are read.

    `size` is the file's, in bytes: an item that would end beyond it is left out. Raises
    DicomCorrupt where there is no item at all, DicomTooLarge beyond MOST_FRAGMENTS.
    """
    offsets: tuple[int, ...] | None = None
    fragments: list[Fragment] = []
    whole = False
    while len(header := file.read(8)) == 8:
        group, element, length = struct.unpack("<HHI", header)
        tag = group << 16 | element
        if tag == _END:
            whole = True
            break
        start = file.tell()
        if tag != _ITEM or start + length > size:
            break
        if offsets is None:
            table = file.read(length - length % 4)
            offsets = struct.unpack(f"<{len(table) // 4}I", table)
        else:
            fragments.append(Fragment(start, length))
        if len(fragments) > MOST_FRAGMENTS:
            raise DicomTooLarge(
                f"The pixel data has more than the {MOST_FRAGMENTS:,} fragments that are read."
            )
        file.seek(start + length)
    if not fragments:
        raise DicomCorrupt("The encapsulated pixel data holds no whole fragment.")
    return Encapsulated(offsets or (), tuple(fragments), whole)


def group_frames(
    items: Encapsulated, count: int, extended: Sequence[int], file: BinaryIO
) -> list[Fragments]:
    """Say which fragments make up each of `count` frames.

    The extended offset table decides, or else the basic one; without either a fragment is a frame
    where their numbers agree, and otherwise a frame ends with the fragment that holds the end of a
    JPEG or JPEG 2000 codestream (FF D9). A table that names places where no fragment begins counts
    for nothing. Fewer frames than `count` come back where fewer are there.
    """
    fragments = items.fragments
    if count == 1:
        return [fragments]
    begins = {fragment.start - 8: index for index, fragment in enumerate(fragments)}
    first = fragments[0].start - 8
    for table in (extended, items.offsets):
        starts = [begins.get(first + offset, -1) for offset in table]
        if len(starts) == count and starts == sorted(set(starts)) and starts[0] == 0:
            ends = [*starts[1:], len(fragments)]
            return [fragments[a:b] for a, b in zip(starts, ends, strict=True)]
    if len(fragments) <= count:
        return [(fragment,) for fragment in fragments]
    frames: list[Fragments] = []
    begin = 0
    for index, fragment in enumerate(fragments):
        file.seek(fragment.start + max(0, fragment.length - 10))
        if b"\xff\xd9" in file.read(min(10, fragment.length)):
            frames.append(fragments[begin : index + 1])
            begin = index + 1
    return frames[:count]


def read_fragments(file: BinaryIO, fragments: Fragments) -> bytes:
    """Read the bytes of one frame."""
    pieces: list[bytes] = []
    for fragment in fragments:
        file.seek(fragment.start)
        pieces.append(file.read(fragment.length))
    return b"".join(pieces)


class FragmentStream(io.RawIOBase):
    """All fragments as one stream that can be sought in: what a video's demuxer reads."""

    def __init__(self, file: BinaryIO, fragments: Fragments) -> None:
        super().__init__()
        self._file = file
        self._fragments = fragments
        self._ends = list(accumulate(fragment.length for fragment in fragments))
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._ends[-1]}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Read up to the end of a fragment, no further: at most `size` bytes, none at the end."""
        index = bisect_right(self._ends, self._position)
        if index == len(self._ends):
            return b""
        fragment = self._fragments[index]
        left = self._ends[index] - self._position
        self._file.seek(fragment.start + fragment.length - left)
        data = self._file.read(left if size < 0 else min(size, left))
        self._position += len(data)
        return data
