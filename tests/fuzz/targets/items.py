"""The items of encapsulated pixel data, and the frames that they make up."""

import io
import struct

from endolink.model.errors import DicomError
from endolink.serving.archive.sources.encapsulated import (
    FragmentStream,
    group_frames,
    read_fragments,
    read_items,
)

LONGEST = 4096
_HEAD = 10


def check(data: bytes) -> None:
    """Take two bytes as the number of frames, eight as an offset, and the rest as items."""
    head, rest = data[:_HEAD].ljust(_HEAD, b"\0"), data[_HEAD:]
    count, offset = struct.unpack("<HQ", head)
    file = io.BytesIO(rest)
    try:
        items = read_items(file, len(rest))
    except DicomError as error:
        assert error.detail
        return
    frames = group_frames(items, max(1, count), (0, offset), file)
    assert len(frames) <= max(1, count)
    for frame in frames:
        assert len(read_fragments(file, frame)) == sum(fragment.length for fragment in frame)
    stream = FragmentStream(file, items.fragments)
    whole = b"".join(iter(lambda: stream.read(7), b""))
    assert len(whole) == sum(fragment.length for fragment in items.fragments)


def seeds() -> dict[str, bytes]:
    """Sequences with tables, without them, cut short, and of items that end nowhere."""
    head = struct.pack("<HQ", 2, 12)
    one, two = _item(b"\xff\xd8\xff\xd9"), _item(b"\xff\xd8\xff\xd9")
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return {
        "table": head + _item(struct.pack("<II", 0, len(one))) + one + two + end,
        "bare": head + _item(b"") + one + two + end,
        "fragments": head + _item(b"") + _item(b"\xff\xd8") + _item(b"\xff\xd9") + two + end,
        "cut": head + _item(b"") + one + two[:-2],
        "endless": head + _item(b"") + struct.pack("<HHI", 0xFFFE, 0xE000, 2**32 - 1),
        "empty": head + _item(b"") + _item(b"") + _item(b"") + end,
    }


def _item(value: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(value)) + value
