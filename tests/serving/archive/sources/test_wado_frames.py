from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endolink.model.errors import DicomCorrupt, EndoLinkError, PacsRefused
from endolink.serving.archive.sources.wado_frames import split

JPEG = "1.2.840.10008.1.2.4.50"


def message(*parts: tuple[str, bytes], end: bytes = b"--") -> bytes:
    written = b"".join(
        b"\r\n--cut\r\nContent-Type: image/jpeg; transfer-syntax=%b\r\n\r\n%b"
        % (syntax.encode(), data)
        for syntax, data in parts
    )
    return (written + b"\r\n--cut" + end).removeprefix(b"\r\n")


@given(st.lists(st.binary(max_size=50).filter(lambda data: b"\r\n--cut" not in data), max_size=5))
def test_parts_come_out_as_they_went_in(frames: list[bytes]) -> None:
    parts = [(JPEG, data) for data in frames]
    for kind in ("multipart/related; boundary=cut", 'multipart/related; boundary="cut"; x=y'):
        assert list(split(message(*parts), kind)) == parts


def test_an_answer_that_ends_early_is_said() -> None:
    whole = message((JPEG, b"first"), (JPEG, b"second"))
    with pytest.raises(DicomCorrupt, match="ends early"):
        list(split(whole[:-10], "multipart/related; boundary=cut"))


def test_something_else_is_refused() -> None:
    for body, kind in ((b"{}", "application/json"), (b"--cut\r\nno head", "x; boundary=cut")):
        with pytest.raises(PacsRefused):
            list(split(body, kind))


@given(st.binary(max_size=200))
def test_whatever_comes_is_parts_or_an_error_of_ours(body: bytes) -> None:
    with suppress(EndoLinkError):
        list(split(body, "multipart/related; boundary=cut"))
