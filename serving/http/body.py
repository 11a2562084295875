"""A request's body: bounded while it is read, and the frames that it holds."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from starlette.requests import ClientDisconnect, Request

from endolink.model.errors import (
    FrameEmpty,
    FrameTooLarge,
    MediaTypeUnsupported,
    RequestInvalid,
    RequestTooLarge,
    UploadTooSlow,
)

# What a form's boundaries and headers may take beside the frame, in bytes.
_FORM_ALLOWANCE = 16 * 1024

# What tools send when they were not told what they send: it claims nothing about the bytes.
_NO_CLAIM = frozenset({"", "application/octet-stream", "application/x-www-form-urlencoded"})
_FORM = "multipart/form-data"
_ONE_FILE = "A form has exactly one part, the frame as a file; options go into the query."
_ONLY_FILES = "A form has files and nothing else, one a frame; options go into the query."


@dataclass(frozen=True)
class Upload:
    """One frame as it was sent: its bytes, and the media type that was claimed for them."""

    image: bytes
    declared: str | None


def promised(request: Request, max_bytes: int) -> int:
    """Say how many bytes the body of `request` will have; without a promise, as many as may be.

    Raises
    ------
    FrameTooLarge, RequestTooLarge
        It says that it will be too long for `max_bytes` of picture.
    """
    limit, form = _limit(request, max_bytes)
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        return limit
    if int(length) > limit:
        raise _too_long(limit, form=form)
    return int(length)


async def read(request: Request, length: int, *, seconds: float | None = None) -> bytes:
    """Read the body of `request`, and stop as soon as it is longer than the `length` it `promised`.

    Raises
    ------
    FrameTooLarge, RequestTooLarge
        The body is longer.
    UploadTooSlow
        It has not come to its end within `seconds`.
    ClientDisconnect
        The client has gone.
    """
    chunks, come, more = [], 0, True
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunk = message.get("body", b"")
                more = message.get("more_body", False)
                come += len(chunk)
                if come > length:
                    raise _too_long(length, form=_is_form(request))
                chunks.append(chunk)
    except TimeoutError:
        raise UploadTooSlow(
            f"The body may take at most {seconds:g} s to arrive; send a smaller picture."
        ) from None
    return b"".join(chunks)


def _limit(request: Request, max_bytes: int) -> tuple[int, bool]:
    form = _is_form(request)
    return (max_bytes + _FORM_ALLOWANCE if form else max_bytes), form


def _is_form(request: Request) -> bool:
    return _media_type(request.headers.get("content-type", "")) == _FORM


def unpack(body: bytes, content_type: str, max_bytes: int) -> Upload:
    """Take the one frame out of `body`: the body itself, or the one file of a form.

    Raises
    ------
    FrameEmpty, FrameTooLarge, MediaTypeUnsupported
        As `claim` does.
    RequestInvalid
        The form breaks RFC 7578's rules, or is not exactly one file.
    """
    if _media_type(content_type) == _FORM:
        ((body, content_type),) = _files(body, content_type, 1)
    return claim(body, content_type, max_bytes)


def unpack_all(body: bytes, content_type: str, most: int) -> Sequence[tuple[bytes, str]]:
    """Take the files out of a form, `most` at most: each one's bytes and its content type.

    Raises
    ------
    MediaTypeUnsupported
        It is no form.
    RequestInvalid
        It breaks RFC 7578's rules, or holds no file, something else, or too many.
    """
    if _media_type(content_type) != _FORM:
        raise MediaTypeUnsupported("Send the frames as the files of a multipart/form-data form.")
    return _files(body, content_type, most)


def claim(body: bytes, content_type: str, max_bytes: int) -> Upload:
    """Hold one frame's bytes, and its media type, to the rules.

    Raises
    ------
    FrameEmpty, FrameTooLarge
        The frame has no bytes, or more than `max_bytes`.
    MediaTypeUnsupported
        The media type is not an image's.
    """
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

    def __init__(self, most: int) -> None:
        self._most = most
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
        if len(self.parts) == self._most:
            raise RequestInvalid(
                _ONE_FILE if self._most == 1 else f"A form may have at most {self._most} files."
            )
        self.parts.append(({}, bytearray()))

    def _header(self) -> None:
        self.parts[-1][0][self._field.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._field.clear()
        self._value.clear()

    def _end(self) -> None:
        self.ended = True


def _files(body: bytes, content_type: str, most: int) -> list[tuple[bytes, str]]:
    """Give the bytes and the content type of each file of a form; no name is looked at."""
    # Not Starlette's own form parser: it writes larger files to the disk, where a patient's
    # picture has no business to be.
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise RequestInvalid("The form's content type names no boundary.")
    form = _Parts(most)
    try:
        form.parse(body, boundary.encode("latin-1"))
    except (FormParserError, UnicodeEncodeError):
        raise RequestInvalid("The form is damaged.") from None
    if not form.ended:
        raise RequestInvalid("The form ends before its last boundary.")
    if not form.parts or not all(_is_file(headers) for headers, _ in form.parts):
        raise RequestInvalid(_ONE_FILE if most == 1 else _ONLY_FILES)
    return [(bytes(image), headers.get("content-type", "")) for headers, image in form.parts]


def _is_file(headers: dict[str, str]) -> bool:
    header = Message()
    header["content-disposition"] = headers.get("content-disposition", "")
    return header.get_filename() is not None
