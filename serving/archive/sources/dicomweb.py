"""A PACS over DICOMweb (PS3.18): QIDO-RS to find, WADO-RS to fetch, STOW-RS to store.

A place is the address of a query, as a browser would take it: `https://HOST/dicom-web/studies`
followed by `?StudyDate=20240101-20240131&ModalitiesInStudy=ES`, or by `/` and a StudyInstanceUID.
Who asks is taken from `~/.netrc`. Needs the `archive` extra.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

from endolink.model.errors import (
    DicomTooLarge,
    EndoLinkError,
    ExtraMissing,
    PacsRefused,
    PacsUnreachable,
)
from endolink.model.frame import DEFAULT_LIMITS, Limits
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread

if TYPE_CHECKING:
    from pydicom import Dataset

    from endolink.serving.archive.sources.dicom_file import DicomFile

T = TypeVar("T")

_PLACE: Final = re.compile(
    r"(?P<base>https?://[^?#]+?)/studies"
    r"(?:/(?P<study>[0-9.]+)(?:/series/(?P<series>[0-9.]+)/instances/(?P<instance>[0-9.]+))?)?"
)
_TIMEOUT_S: Final = 60.0
_MOST_BYTES: Final = 16 * 2**30
_IN_MEMORY: Final = 32 * 2**20
_PIECE: Final = 2**20
_PAGE: Final = 500
_STUDY_UID, _SERIES_UID, _INSTANCE_UID = "0020000D", "0020000E", "00080018"
_CLASS_UID: Final = "00080016"
_AS_STORED: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'


def is_address(place: str) -> bool:
    return place.startswith(("http://", "https://"))


class Pacs:
    """One PACS, by the address of its DICOMweb service."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    @cached_property
    def _client(self) -> Any:
        try:
            from dicomweb_client import DICOMwebClient  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ExtraMissing(
                "A PACS needs the archive extra; pip install 'endolink[archive]' brings it."
            ) from error
        client = DICOMwebClient(self.url, timeout=_TIMEOUT_S)
        # By default a failing call is made again for minutes.
        client.set_http_retry_params(retry=False)
        return client

    def find(self, study: str | None, filters: dict[str, str]) -> Iterator[str]:
        """Give the addresses of all endoscopic objects of the studies that match, study by study.

        `filters` are attributes of studies as QIDO-RS takes them. Raises PacsError.
        """
        from endolink.serving.archive.sources import dicom_file  # noqa: PLC0415 - an extra

        classes = dicom_file.STILL_CLASSES | dicom_file.VIDEO_CLASSES
        if study is not None:
            filters = {**filters, "StudyInstanceUID": study}
        for one in self._pages(_STUDY_UID, "search_for_studies", search_filters=filters):
            uid = _value(one, _STUDY_UID)
            for instance in self._pages(
                _INSTANCE_UID, "search_for_instances", study_instance_uid=uid, fields=[_CLASS_UID]
            ):
                if _value(instance, _CLASS_UID) in classes:
                    yield (
                        f"{self.url}/studies/{uid}/series/{_value(instance, _SERIES_UID)}"
                        f"/instances/{_value(instance, _INSTANCE_UID)}"
                    )

    def _pages(self, key: str, search: str, **options: Any) -> Iterator[dict[str, Any]]:
        """Ask page by page, until a page brings nothing new: some PACS ignore the offset."""
        seen: set[str] = set()
        while True:
            with _told():
                page = getattr(self._client, search)(limit=_PAGE, offset=len(seen), **options)
            fresh = [one for one in page if _value(one, key) not in seen]
            if not fresh:
                return
            seen.update(_value(one, key) for one in fresh)
            yield from fresh
            if len(page) < _PAGE:
                return

    def fetch(self, address: str, into: BinaryIO) -> None:
        """Fetch one object as it is stored, piece by piece; raises PacsError or DicomTooLarge."""
        from dicomweb_client.session_utils import create_session  # noqa: PLC0415 - an extra

        with (
            _told(),
            create_session() as session,
            session.get(
                address, headers={"Accept": _AS_STORED}, stream=True, timeout=_TIMEOUT_S
            ) as response,
        ):
            response.raise_for_status()
            for piece in response.iter_content(_PIECE):
                into.write(piece)
                if into.tell() > _MOST_BYTES:
                    raise DicomTooLarge(
                        f"The object has more than the {_MOST_BYTES:,} bytes that are fetched."
                    )
            _unwrap(into, response.headers.get("Content-Type", ""))

    def store(self, file: IO[bytes]) -> None:
        """Store one DICOM object; raises PacsError."""
        from pydicom import dcmread  # noqa: PLC0415 - an extra

        with _told():
            answer = self._client.store_instances([dcmread(file)])
        if answer.get("FailedSOPSequence"):
            raise PacsRefused("The PACS did not store the object; its log says why.")


class DicomWebSource:
    """Single objects of a PACS, as a source of pictures."""

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """Say no: what a PACS holds is no file of this machine."""
        return False

    def digest(self, place: str) -> str:
        """Digest the address: an object that is changed gets another UID (PS3.3, C.12.1)."""
        return hashlib.sha256(place.encode()).hexdigest()

    def pictures(
        self,
        place: str,
        digest: str | None,  # noqa: ARG002 - each frame's content has its own
        reading: Reading,
    ) -> Iterator[Picture | Unread]:
        """Give the object's frames.

        Of a multi-frame object only those that are due are fetched, where the PACS can do that;
        else it is fetched whole, into a temporary file.
        """
        from endolink.serving.archive.sources import dicom_file  # noqa: PLC0415 - an extra

        only = reading.numbers()
        if reading.every_s is not None or (only is not None and None not in only):
            met = self._frame_by_frame(place, reading, only)
            first = next(met, None)
            if first is not None:
                yield first
                yield from met
                return
        try:
            with self._open(place, reading.limits) as file:
                yield from dicom_file.read_pictures(file, Locator(place), reading.every_s, only)
        except EndoLinkError as error:
            # It cannot be read, and it is known of which study it is.
            yield Unread(Locator(place), f"{dicom_file.STUDY}{_parts(place)['study']}", error)

    def _frame_by_frame(
        self, place: str, reading: Reading, only: frozenset[int | None] | None
    ) -> Iterator[Picture | Unread]:
        """Give nothing at all where the PACS, or the object, is not made for it."""
        from dicomweb_client.session_utils import create_session  # noqa: PLC0415 - an extra

        from endolink.serving.archive.sources import dicom_file, wado_frames  # noqa: PLC0415

        with create_session() as session:
            try:
                with _told():
                    found = wado_frames.FramewiseObject.open(
                        session, place, reading.limits, _TIMEOUT_S
                    )
                    if found is None:
                        return
                    due = dicom_file.due_frames(found.count, found.times_s, reading.every_s)
                    numbers = [number for number in due if only is None or number in only]
                    frames = found.frames(numbers)
                    first = next(frames)
            except (EndoLinkError, StopIteration):
                return
            yield from dicom_file.pictures_of(
                found.header, Locator(place), _told_each(chain([first], frames)), several=True
            )

    def header(self, place: str) -> "Dataset":
        """Give the object's header; raises PacsError or DicomError."""
        with self._open(place, DEFAULT_LIMITS) as file:
            return file.header

    @contextmanager
    def _open(self, place: str, limits: Limits) -> "Iterator[DicomFile]":
        from endolink.serving.archive.sources import dicom_file  # noqa: PLC0415 - an extra

        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            held = cast("BinaryIO", spool)
            Pacs(_parts(place)["base"] or "").fetch(place, held)
            with dicom_file.DicomFile(held, limits=limits) as file:
                yield file


def find_in_pacs(place: str) -> Iterator[str]:
    """Give the address of every object that the query `place` is for.

    Raises PacsError, and PacsRefused where the address has no `/studies`.
    """
    parts = _parts(place)
    if parts["instance"]:
        yield place
        return
    filters = dict(parse_qsl(urlsplit(place).query))
    yield from Pacs(parts["base"] or "").find(parts["study"], filters)


def _parts(place: str) -> dict[str, str | None]:
    match = _PLACE.match(place)
    if match is None:
        raise PacsRefused(
            "The address is not that of a DICOMweb service's studies: "
            "https://HOST/PATH/studies?StudyDate=20240101-20240131 is one."
        )
    return match.groupdict()


def _unwrap(into: BinaryIO, content_type: str) -> None:
    """Leave in `into` the only part of a multipart message (RFC 2046, 5.1), and rewind it.

    An answer of one part is moved within the file, so that it is never in memory whole.
    """
    size = into.tell()
    match = re.search(r'boundary="?([^";]+)', content_type)
    if match is None:
        into.seek(0)
        return
    boundary = match[1].encode()
    into.seek(0)
    head = into.read(min(size, 4096))
    start = head.find(b"\r\n\r\n") + 4
    into.seek(max(0, size - len(boundary) - 64))
    tail_at = into.tell()
    end = tail_at + into.read().rfind(b"\r\n--" + boundary)
    if start < 4 or end < start:
        raise PacsRefused("The PACS sent something else than one DICOM object.")
    position = start
    while position < end:
        into.seek(position)
        piece = into.read(min(_PIECE, end - position))
        into.seek(position - start)
        into.write(piece)
        position += len(piece)
    into.truncate(end - start)
    into.seek(0)


def _value(found: dict[str, Any], tag: str) -> str:
    """Read an attribute of DICOM JSON (PS3.18, F.2); empty where it is not there."""
    values = found.get(tag, {}).get("Value") or [""]
    return str(values[0])


def _told_each(items: Iterator[T]) -> Iterator[T]:
    """Give the items, and what goes wrong on the way to them as errors of ours."""
    with _told():
        yield from items


@contextmanager
def _told() -> Iterator[None]:
    """Turn what goes wrong on the way to a PACS into errors of ours."""
    import requests  # noqa: PLC0415 - comes with dicomweb-client

    try:
        yield
    except requests.HTTPError as error:
        status = "?" if error.response is None else error.response.status_code
        raise PacsRefused(
            f"The PACS answered with HTTP status {status}; 401 wants credentials in ~/.netrc."
        ) from error
    except requests.RequestException as error:
        raise PacsUnreachable(
            f"The PACS does not answer ({type(error).__name__}); check the address and the network."
        ) from error
    except ValueError as error:
        raise PacsRefused("The PACS answered with something that is not DICOMweb.") from error
