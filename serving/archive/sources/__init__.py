"""Sources: whatever is stored, as pictures one after the other, in bounded memory.

To read another kind of thing, write a `Source` and add it to `_KINDS`.
"""

import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from endolink.model.errors import DicomOwn, EndoLinkError
from endolink.model.frame import Frame
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.sources.containers import TarContainer, ZipContainer
from endolink.serving.archive.sources.dicom import DicomSource
from endolink.serving.archive.sources.dicomdir import DicomDirectory, is_dicomdir, referenced
from endolink.serving.archive.sources.dicomweb import DicomWebSource, find_in_pacs, is_address
from endolink.serving.archive.sources.files import ImageFile, find_files
from endolink.serving.archive.sources.videos import VideoFile

# As many bytes of a file as any source needs to know its own.
_HEAD = 1024


class Source(Protocol):
    """One kind of stored thing; an instance reads any number of them."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Say whether the file at `path`, which begins with `head`, is of this kind."""
        ...

    def digest(self, place: str) -> str | None:
        """Digest all that `pictures` gives, so that what was read through once need not be again.

        None where that takes reading the pictures themselves. Raises EndoLinkError.
        """
        ...

    def pictures(
        self, place: str, digest: str | None, reading: Reading
    ) -> Iterator[Picture | Unread]:
        """Give what lies at `place` lazily, one picture in memory at a time.

        What cannot be read is an `Unread`. An EndoLinkError says that all the rest cannot; what was
        given before it holds.
        """
        ...


@dataclass(frozen=True, eq=False)
class Stored:
    """One stored thing, with the source that reads it.

    `scope` is what the walk is in: when it changes, the studies met so far are most likely whole.
    """

    place: str
    scope: str
    source: Source

    def pictures(self, reading: Reading, digest: str | None = None) -> Iterator[Picture | Unread]:
        """Give the pictures, and whatever goes wrong as an `Unread`; it raises nothing.

        What EndoLink has written itself, and stored beside the pictures, is neither.
        `digest` is what `source.digest` gave, where that was asked for.
        """
        after = 0
        try:
            for picture in self.source.pictures(self.place, digest, reading):
                after = picture.index + 1
                if isinstance(picture, Unread) and isinstance(picture.error, DicomOwn):
                    continue
                yield picture
        except DicomOwn:
            return
        except EndoLinkError as error:
            yield Unread(Locator(self.place), self.place, error, index=after)


_KINDS: tuple[Source, ...] = (
    ZipContainer(),
    TarContainer(),
    DicomDirectory(),
    DicomSource(),
    VideoFile(),
)


def find(places: Iterable[str]) -> Iterator[Stored]:
    """Give each thing that lies at `places`, folders walked to their depths in natural order.

    A place may be the address of a PACS's studies, as `endolink.serving.archive.sources.dicomweb`
    takes it, or a DICOMDIR, which stands for the files that it names.
    """
    for place in places:
        if is_address(place):
            yield from _find_in_pacs(place)
            continue
        for path in find_files([Path(place)]):
            yield Stored(str(path), str(path.parent), _source(str(path)))
            if str(path) == str(Path(place)):
                yield from _find_by_dicomdir(path)


def _find_in_pacs(place: str) -> Iterator[Stored]:
    try:
        for address in find_in_pacs(place):
            yield Stored(address, address.partition("/series/")[0], DicomWebSource())
    except EndoLinkError as error:
        yield Stored(place, place, _Unreachable(error))


def _find_by_dicomdir(path: Path) -> Iterator[Stored]:
    """Give the files that a DICOMDIR which was named itself names; those missing it reports."""
    if not is_dicomdir(_head(str(path))):
        return
    with suppress(EndoLinkError):
        for file in referenced(path):
            if file.is_file():
                yield Stored(str(file), str(path.parent), _source(str(file)))


@dataclass(frozen=True, eq=False)
class _Unreachable:
    """A place where nothing can be listed, as a source that says why."""

    error: EndoLinkError

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        return False

    def digest(self, place: str) -> str | None:  # noqa: ARG002
        return None

    def pictures(
        self,
        place: str,  # noqa: ARG002
        digest: str | None,  # noqa: ARG002
        reading: Reading,  # noqa: ARG002
    ) -> Iterator[Picture | Unread]:
        raise self.error


def absolute(place: str) -> str:
    """Give a place the same name wherever it is called from; a web address has it already."""
    return place if "://" in place else str(Path(place).absolute())


def fetch(
    wanted: Mapping[Locator, float | None], reading: Reading
) -> Iterator[tuple[Locator, bytes | Frame]]:
    """Read single pictures again, each place opened once; those that are gone are left out.

    Each is given with its time, where that is known, so that a film can be sought in. A picture's
    bytes are still to be decoded, by `endolink.model.frame.decode`.
    """
    places: dict[str, dict[Locator, float | None]] = {}
    for locator, time_s in wanted.items():
        places.setdefault(locator.place, {})[locator] = time_s
    for place, times in places.items():
        yield from _fetch_from(place, set(times), replace(reading, only=times))


def _fetch_from(
    place: str, wanted: set[Locator], reading: Reading
) -> Iterator[tuple[Locator, bytes | Frame]]:
    for picture in Stored(place, "", _source(place)).pictures(reading):
        if isinstance(picture, Unread) or picture.locator not in wanted:
            continue
        wanted.remove(picture.locator)
        try:
            image = picture.load()
        except EndoLinkError:
            continue
        yield picture.locator, image
        if not wanted:
            return


def _source(place: str) -> Source:
    if is_address(place):
        return DicomWebSource()
    head = _head(place)
    return next((kind for kind in _KINDS if kind.recognises(Path(place), head)), ImageFile())


def _head(place: str) -> bytes:
    # What cannot be opened is an image's file: reading it says what is wrong.
    with suppress(OSError):
        # A pipe or a device is not opened: it may never end, or never begin.
        path = Path(place)
        if stat.S_ISREG(path.stat().st_mode):
            with path.open("rb", buffering=0) as file:
                return file.read(_HEAD)
    return b""
