"""A request's body: bounded while it is read, and the one frame that it holds."""

from dataclasses import dataclass
from email.message import Message

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from starlette.requests import Request

from endolink.model.errors import (
    FrameEmpty,
    FrameTooLarge,
    MediaTypeUnsupported,
    RequestInvalid,
    RequestTooLarge,
)

# What a form's boundaries and headers may take beside the frame, in bytes.
_FORM_ALLOWANCE = 16 * 1024

# What tools send when they were not told what they send: it claims nothing about the bytes.
_NO_CLAIM = frozenset({"", "application/octet-stream", "application/x-www-form-urlencoded"})
_FORM = "multipart/form-data"
_ONE_FILE = "A form has exactly one part, the frame as a file; options go into the query."


@dataclass(frozen=True)
class Upload:
    """One frame as it was sent: its bytes, and the media type that was claimed for them."""

    image: bytes
    declared: str | None


async def read(request: Request, max_bytes: int) -> bytes:
    """Read the body of `request`, and stop as soon as it is too long for a frame of `max_bytes`.

    Raises
    ------
    FrameTooLarge, RequestTooLarge
        The body is longer, or says that it will be.
    MediaTypeUnsupported
        Its media type is neither an image's nor a form's.
    """
    form = _media_type(request.headers.get("content-type", "")) == _FORM
    limit = max_bytes + _FORM_ALLOWANCE if form else max_bytes
    promised = request.headers.get("content-length", "")
    if promised.isdecimal() and int(promised) > limit:
        raise _too_long(limit, form=form)
    chunks, length = [], 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > limit:
            raise _too_long(limit, form=form)
        chunks.append(chunk)
    return b"".join(chunks)


def unpack(body: bytes, content_type: str, max_bytes: int) -> Upload:
    """Take the one frame out of `body`: the body itself, or the one file of a form.

    Raises
    ------
    FrameEmpty, FrameTooLarge
        The frame has no bytes, or more than `max_bytes`.
    MediaTypeUnsupported
        The content type, or that of the form's file, is not an image's.
    RequestInvalid
        The form breaks RFC 7578's rules, or is not exactly one file.
    """
    if _media_type(content_type) == _FORM:
        body, content_type = _only_file(body, content_type)
    if not body:
        raise FrameEmpty("The request has no body; send the image's bytes as the body.")
    if len(body) > max_bytes:
        raise _too_long(max_bytes, form=False)
    return Upload(body, _claim(content_type))


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _claim(content_type: str) -> str | None:
    media_type = _media_type(content_type)
    if media_type in _NO_CLAIM:
        return None
    if not media_type.startswith("image/"):
        raise MediaTypeUnsupported(
            "Send the image's bytes with their own media type (such as image/jpeg) or "
            "application/octet-stream, or as the one file of a multipart/form-data form."
        )
    return media_type


def _too_long(limit: int, *, form: bool) -> FrameTooLarge | RequestTooLarge:
    if form:
        return RequestTooLarge(f"The form may have at most {limit} bytes.")
    return FrameTooLarge(f"A frame may have at most {limit} bytes.")


class _Parts:
    """Collects the headers and the bytes of a form's parts as the parser meets them."""

    def __init__(self) -> None:
        self.parts: list[tuple[dict[str, str], bytearray]] = []
        self._field = bytearray()
        self._value = bytearray()
        self.ended = False

    def parse(self, body: bytes, boundary: bytes) -> None:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header,
                "on_part_data": lambda data, start, end: self.parts[-1][1].extend(data[start:end]),
                "on_end": self._end,
            },
        )
        parser.write(body)
        parser.finalize()

    def _begin(self) -> None:
        if self.parts:
            raise RequestInvalid(_ONE_FILE)
        self.parts.append(({}, bytearray()))

    def _header(self) -> None:
        self.parts[-1][0][self._field.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._field.clear()
        self._value.clear()

    def _end(self) -> None:
        self.ended = True


def _only_file(body: bytes, content_type: str) -> tuple[bytes, str]:
    """Give the bytes and the content type of the form's one file; its name is not looked at."""
    # Not Starlette's own form parser: it writes larger files to the disk, where a patient's
    # picture has no business to be.
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise RequestInvalid("The form's content type names no boundary.")
    form = _Parts()
    try:
        form.parse(body, boundary.encode("latin-1"))
    except (FormParserError, UnicodeEncodeError):
        raise RequestInvalid("The form is damaged.") from None
    if not form.ended:
        raise RequestInvalid("The form ends before its last boundary.")
    if not form.parts or not _is_file(form.parts[0][0]):
        raise RequestInvalid(_ONE_FILE)
    headers, image = form.parts[0]
    return bytes(image), headers.get("content-type", "")


def _is_file(headers: dict[str, str]) -> bool:
    header = Message()
    header["content-disposition"] = headers.get("content-disposition", "")
    return header.get_filename() is not None
