"""Sources: whatever is stored, as pictures one after the other, in bounded memory.

To read another kind of thing, write a `Source` and add it to `_KINDS`.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from endolink.model.errors import EndoLinkError
from endolink.model.frame import Frame
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.sources.containers import TarContainer, ZipContainer
from endolink.serving.archive.sources.dicom import DicomSource
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

        `digest` is what `source.digest` gave, where that was asked for.
        """
        after = 0
        try:
            for picture in self.source.pictures(self.place, digest, reading):
                after = picture.index + 1
                yield picture
        except EndoLinkError as error:
            yield Unread(Locator(self.place), self.place, error, index=after)


_KINDS: tuple[Source, ...] = (ZipContainer(), TarContainer(), DicomSource(), VideoFile())


def find(places: Iterable[str]) -> Iterator[Stored]:
    """Give each thing that lies at `places`, folders walked to their depths in natural order."""
    for path in find_files(Path(place) for place in places):
        yield Stored(str(path), str(path.parent), _source(path))


def absolute(place: str) -> str:
    """Give a place the same name wherever it is called from; a web address has it already."""
    return place if "://" in place else str(Path(place).absolute())


def fetch(locators: Iterable[Locator], reading: Reading) -> Iterator[tuple[Locator, bytes | Frame]]:
    """Read single pictures again, each place opened once; those that are gone are left out.

    A picture's bytes are still to be decoded, by `endolink.model.frame.decode`.
    """
    places: dict[str, set[Locator]] = {}
    for locator in locators:
        places.setdefault(locator.place, set()).add(locator)
    for place, wanted in places.items():
        yield from _fetch_from(place, wanted, replace(reading, only=frozenset(wanted)))


def _fetch_from(
    place: str, wanted: set[Locator], reading: Reading
) -> Iterator[tuple[Locator, bytes | Frame]]:
    for picture in Stored(place, "", _source(Path(place))).pictures(reading):
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


def _source(path: Path) -> Source:
    head = b""
    # What cannot be opened is an image's file: reading it says what is wrong.
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                head = file.read(_HEAD)
    return next((kind for kind in _KINDS if kind.recognises(path, head)), ImageFile())
