"""The pieces of a header's reading; test_dicom_file.py reads whole files through them."""

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from endolink.model.errors import DicomUnreadable, EndoLinkError
from endolink.serving.archive.sources.dicom_header import (
    extended_offsets,
    inflate,
    integer_of,
    number_of,
    read_meta,
    values_of,
)


def header(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def test_numbers_are_read_and_nothing_else() -> None:
    assert integer_of(header(NumberOfFrames="12"), "NumberOfFrames", 1) == 12
    assert integer_of(header(), "NumberOfFrames", 1) == 1
    assert number_of(header(CineRate="25"), "CineRate") == 25.0
    assert number_of(header(PatientName="Nobody"), "PatientName") is None


def test_values_are_a_list_however_many() -> None:
    assert values_of(None) == []
    assert values_of("one") == ["one"]
    assert values_of(header(FrameTimeVector=[0, 40]).FrameTimeVector) == [0, 40]


def test_an_offset_table_that_ends_within_a_number_has_the_whole_ones() -> None:
    table = struct.pack("<2Q", 0, 1000) + b"abc"
    assert extended_offsets(header(ExtendedOffsetTable=table)) == (0, 1000)


def test_a_deflated_data_set_is_unpacked() -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed, unpacked = packer.compress(b"data" * 1000) + packer.flush(), io.BytesIO()
    assert inflate(io.BytesIO(b"meta" + packed), 4, unpacked) == 4000
    assert unpacked.getvalue() == b"data" * 1000
    with pytest.raises(DicomUnreadable, match="damaged"):
        inflate(io.BytesIO(b"\xff" * 100), 0, io.BytesIO())


@given(st.binary(max_size=300))
def test_whatever_follows_the_preamble_is_meta_information_or_an_error_of_ours(
    rest: bytes,
) -> None:
    file = bytes(128) + b"DICM" + rest
    with pytest.raises(EndoLinkError):
        read_meta(io.BytesIO(file), len(file))
