"""A request's body: one image, or a form of several."""

from endolink.model.errors import FrameError, RequestError
from endolink.serving.http import body

LONGEST = 8192
_MOST = 4096


def check(data: bytes) -> None:
    """Take the first line as the content type and the rest as the body."""
    line, _, sent = data.partition(b"\n")
    content_type = line.decode("latin-1")
    try:
        upload = body.unpack(sent, content_type, _MOST)
        assert 0 < len(upload.image) <= _MOST
    except (FrameError, RequestError) as error:
        assert error.detail
    try:
        files = body.unpack_all(sent, content_type, 3)
        assert 0 < len(files) <= 3
    except RequestError as error:
        assert error.detail


def seeds() -> dict[str, bytes]:
    """Forms of one file, of several, and of what is none."""
    part = b'--X\r\nContent-Disposition: form-data; name="f"; filename="%b"\r\n%b\r\nbytes\r\n'
    one = part % (b"a.jpg", b"Content-Type: image/jpeg\r\n")
    head = b"multipart/form-data; boundary=X\n"
    return {
        "image": b"image/png\nbytes",
        "one": head + one + b"--X--\r\n",
        "two": head + one + part % (b"b.png", b"") + b"--X--\r\n",
        "five": head + one * 5 + b"--X--",
        "field": head + b'--X\r\nContent-Disposition: form-data; name="f"\r\n\r\nv\r\n--X--\r\n',
        "extended": b"multipart/form-data; boundary*=utf-8''X\n" + one,
        "quoted": b'multipart/form-data; boundary="X"\n' + one + b"--X--",
        "long": b"multipart/form-data; boundary=" + b"b" * 300 + b"\n" + one,
        "headers": head + b"--X\r\n" + b"a: b\r\n" * 500 + b"\r\nv\r\n--X--",
        "unended": head + one,
    }
