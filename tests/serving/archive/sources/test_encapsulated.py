import io
import struct

import pytest

from endolink.model.errors import DicomCorrupt, DicomTooLarge
from endolink.serving.archive.sources import encapsulated
from endolink.serving.archive.sources.encapsulated import (
    Encapsulated,
    FragmentStream,
    group_frames,
    read_fragments,
    read_items,
)


def item(data: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(data)) + data


END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def parse(data: bytes) -> tuple[io.BytesIO, Encapsulated]:
    file = io.BytesIO(data)
    return file, read_items(file, len(data))


def frames(data: bytes, count: int, extended: tuple[int, ...] = ()) -> list[bytes]:
    file, items = parse(data)
    return [read_fragments(file, one) for one in group_frames(items, count, extended, file)]


def test_items_are_listed() -> None:
    _, items = parse(item(struct.pack("<2I", 0, 12)) + item(b"abcd") + item(b"ef") + END)
    assert items.offsets == (0, 12)
    assert [one.length for one in items.fragments] == [4, 2]
    assert items.whole


def test_what_ends_early_gives_what_is_whole() -> None:
    _, items = parse(item(b"") + item(b"abcd") + item(b"efgh")[:-1])
    assert [one.length for one in items.fragments] == [4]
    assert not items.whole
    with pytest.raises(DicomCorrupt):
        parse(item(b"") + END)


def test_too_many_fragments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encapsulated, "MOST_FRAGMENTS", 5)
    with pytest.raises(DicomTooLarge):
        parse(item(b"") * 8)


def test_a_table_says_which_fragments_make_a_frame() -> None:
    data = item(b"ab") + item(b"cd") + item(b"ef")
    assert frames(item(struct.pack("<2I", 0, 20)) + data, 2) == [b"abcd", b"ef"]
    assert frames(item(b"") + data, 2, (0, 10)) == [b"ab", b"cdef"]


def test_a_table_that_lies_counts_for_nothing() -> None:
    data = item(b"ab") + item(b"cd") + item(b"ef")
    for table in ((0, 3, 9), (20, 10, 0), (0, 0, 0), (10, 20, 30)):
        assert frames(item(struct.pack("<3I", *table)) + data, 3) == [b"ab", b"cd", b"ef"]


def test_without_a_table_the_end_of_a_codestream_ends_a_frame() -> None:
    data = item(b"ab") + item(b"c\xff\xd9\0") + item(b"d\xff\xd9\0")
    assert frames(item(b"") + data, 2) == [b"abc\xff\xd9\0", b"d\xff\xd9\0"]
    assert frames(item(b"") + data, 1) == [b"abc\xff\xd9\0d\xff\xd9\0"]


def test_fragments_read_as_one_stream() -> None:
    file, items = parse(item(b"") + item(b"abcd") + item(b"") + item(b"efgh") + END)
    stream = FragmentStream(file, items.fragments)
    assert b"".join(iter(lambda: stream.read(3), b"")) == b"abcdefgh"
    assert stream.seek(-3, io.SEEK_END) == 5
    assert stream.read() == b"fgh"
    assert stream.seek(2) == 2
    assert stream.seek(1, io.SEEK_CUR) == stream.tell() == 3
    assert stream.read(9) == b"d"
    assert stream.seek(99) == 99
    assert stream.read(1) == b""
