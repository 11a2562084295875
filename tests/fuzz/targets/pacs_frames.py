"""The parts of a PACS's answer: single frames in a multipart message."""

from endolink.model.errors import EndoLinkError
from endolink.serving.archive.sources.wado_frames import split

LONGEST = 4096


def check(data: bytes) -> None:
    """Take the first line as the content type and the rest as the body."""
    line, _, body = data.partition(b"\n")
    try:
        for syntax, frame in split(body, line.decode("latin-1")):
            assert syntax.replace(".", "").isdecimal() or set(syntax) == {"."}
            assert len(frame) <= len(body)
    except EndoLinkError as error:
        assert error.detail


def seeds() -> dict[str, bytes]:
    """Answers of two frames, of one that is cut short, and of what is no multipart."""
    head = b'multipart/related; type="image/jpeg"; boundary="b"\n'
    part = (
        b"--b\r\nContent-Type: image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50\r\n\r\ndata\r\n"
    )
    return {
        "two": head + part * 2 + b"--b--\r\n",
        "plain": head + b"--b\r\nContent-Type: application/octet-stream\r\n\r\nx\r\n--b--",
        "cut": head + part,
        "none": b"text/html\n<html>",
    }
