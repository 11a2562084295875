import pytest
from hypothesis import given
from hypothesis import strategies as st

from endolink.model.errors import (
    EndoLinkError,
    FrameEmpty,
    FrameTooLarge,
    MediaTypeUnsupported,
    RequestInvalid,
)
from endolink.serving.http.body import Upload, unpack

FORM = "multipart/form-data; boundary=edge"
IMAGE = b"\xff\xd8\r\n--edg\r\nbytes"


def part(image: bytes, headers: bytes) -> bytes:
    return b"--edge\r\n" + headers + b"\r\n\r\n" + image + b"\r\n"


FILE = b'Content-Disposition: form-data; name="frame"; filename="a.jpg"'
FIELD = b'Content-Disposition: form-data; name="explain"'
END = b"--edge--\r\n"


@pytest.mark.parametrize(
    ("content_type", "declared"),
    [
        ("image/jpeg", "image/jpeg"),
        ("IMAGE/PNG; foo=bar", "image/png"),
        ("application/octet-stream", None),
        ("application/x-www-form-urlencoded", None),
        ("", None),
    ],
)
def test_a_raw_body_is_the_frame(content_type: str, declared: str | None) -> None:
    assert unpack(IMAGE, content_type, 100) == Upload(IMAGE, declared)


@pytest.mark.parametrize(
    ("headers", "declared"),
    [
        (FILE, None),
        (FILE + b"\r\ncontent-type:image/webp", "image/webp"),
        (FILE + b"\r\nContent-Type: application/octet-stream", None),
        (b"content-disposition: form-data; filename*=UTF-8''%e6%81%af.jpg", None),
    ],
)
def test_a_forms_one_file_is_the_frame(headers: bytes, declared: str | None) -> None:
    assert unpack(part(IMAGE, headers) + END, FORM, 100) == Upload(IMAGE, declared)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (part(IMAGE, FILE), FORM),
        (part(IMAGE, FILE)[:-9], FORM),
        (part(IMAGE, FILE) * 2 + END, FORM),
        (part(IMAGE, FILE) + part(b"box", FIELD) + END, FORM),
        (part(IMAGE, FIELD) + END, FORM),
        (part(IMAGE, b"X-" + b"y" * 9000 + b": z") + END, FORM),
        (END, FORM),
        (b"", FORM),
        (b"not a form", FORM),
        (part(IMAGE, FILE) + END, "multipart/form-data"),
        (part(IMAGE, FILE) + END, 'multipart/form-data; boundary=""'),
        (part(IMAGE, FILE) + END, "multipart/form-data; boundary=other"),
    ],
)
def test_any_other_form_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(RequestInvalid):
        unpack(body, content_type, 100)


def test_a_frame_is_bounded_in_a_form_too() -> None:
    assert len(unpack(part(b"x" * 100, FILE) + END, FORM, 100).image) == 100
    with pytest.raises(FrameTooLarge):
        unpack(part(b"x" * 101, FILE) + END, FORM, 100)


@pytest.mark.parametrize(("body", "content_type"), [(b"", ""), (part(b"", FILE) + END, FORM)])
def test_a_frame_without_bytes_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(FrameEmpty):
        unpack(body, content_type, 100)


@pytest.mark.parametrize("content_type", ["text/html", "application/json", "video/mp4"])
def test_what_claims_to_be_something_else_is_refused(content_type: str) -> None:
    with pytest.raises(MediaTypeUnsupported):
        unpack(IMAGE, content_type, 100)
    with pytest.raises(MediaTypeUnsupported):
        unpack(part(IMAGE, FILE + b"\r\nContent-Type: " + content_type.encode()) + END, FORM, 100)


_PIECES = st.sampled_from([b"--edge", b"\r\n", b"--", FILE, FIELD, IMAGE, b":", b";", b"=", END])


@given(
    st.one_of(st.binary(max_size=200), st.lists(_PIECES, max_size=12).map(b"".join)),
    st.one_of(st.just(FORM), st.text(max_size=40).map(lambda text: f"multipart/form-data;{text}")),
)
def test_whatever_comes_is_an_upload_or_one_of_our_errors(body: bytes, content_type: str) -> None:
    try:
        upload = unpack(body, content_type, 1000)
    except EndoLinkError:
        return
    assert upload.image


@given(st.binary(min_size=1, max_size=300).filter(lambda image: b"\r\n--edge" not in image))
def test_a_forms_bytes_come_out_as_they_went_in(image: bytes) -> None:
    assert unpack(part(image, FILE) + END, FORM, 1000).image == image
