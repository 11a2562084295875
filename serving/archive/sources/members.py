"""What lies in a ZIP or TAR file: pictures in memory, films and DICOM objects in a nameless file.

Whatever a member may do is bounded before it is done: how many there are, the bytes of each, and
how much more all of them are than the container itself.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Final, cast

from endolink.model.errors import (
    ContainerNested,
    ContainerUnreadable,
    ContainerUnsafe,
    EndoLinkError,
    FrameTooLarge,
)
from endolink.model.video import frames as video_frames
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.sources.dicom import import_dicom_file, is_dicom
from endolink.serving.archive.sources.videos import VideoFile

_MAX_MEMBERS: Final = 250_000
# Pictures hardly shrink; even uncompressed ones, black all around, do not shrink so far.
_MAX_RATIO: Final = 100
# What any file may unpack to, however small it is.
_FREE_BYTES: Final = 64 * 2**20
# A film or an object is held in memory up to this many bytes, and in a nameless temporary file
# beyond; one of more than the second bound is not read.
_IN_MEMORY: Final = 32 * 2**20
_MOST_BYTES: Final = 16 * 2**30
_PIECE: Final = 2**20
# As many bytes as tell what a member is.
_HEAD: Final = 1024

_NESTED: Final = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf\x27", b"Rar!")
USTAR: Final = slice(257, 262)


class Members:
    """What holds for the members of either kind of container, and what was met of them."""

    def __init__(self, path: Path, reading: Reading) -> None:
        self.path = path
        self.reading = reading
        self.left = allowance(path)
        self.names: dict[str, int] = {}
        self.count = 0
        self._wanted = None if reading.only is None else {at.member for at in reading.only}

    def admit(self, name: str, size: int) -> Locator | None:
        """Give a member its locator; None where it is hidden, or another one is wanted."""
        self.count += 1
        self.left -= size
        if self.count > _MAX_MEMBERS:
            raise ContainerUnsafe(f"More than {_MAX_MEMBERS:,} members; split the container.")
        if self.left < 0:
            raise bomb()
        if any(part.startswith((".", "__MACOSX")) and part != ".." for part in _parts(name)):
            return None
        # A name may come twice; both are read.
        times = self.names.get(name, 0)
        self.names[name] = times + 1
        if self._wanted is not None and name not in self._wanted:
            return None
        return Locator(str(self.path), name, times or None)

    def check(self, name: str) -> None:
        """Raise ContainerUnsafe where the name leads elsewhere."""
        if name.startswith(("/", "\\")) or ".." in _parts(name) or re.match("[A-Za-z]:", name):
            raise ContainerUnsafe("The member's name leads out of the container.")

    def finish(self) -> None:
        """Raise ContainerUnreadable where there was nothing to read in all of the container."""
        if not self.names:
            raise ContainerUnreadable("The container holds nothing that could be a picture.")

    def pictures(self, locator: Locator, file: IO[bytes], size: int) -> Iterator[Picture | Unread]:
        """Give what a member of `size` bytes holds: one picture, or those of a film or an object.

        Raises EndoLinkError.
        """
        name = locator.member or ""
        head = file.read(_HEAD)
        if head.startswith(_NESTED) or head[USTAR] == b"ustar":
            raise ContainerNested("The member is itself a container; unpack it first.")
        dicom = is_dicom(head)
        if not dicom and not VideoFile().recognises(Path(name), head):
            yield self._picture(locator, self._read(head, file, size))
            return
        if locator.number is not None:
            raise ContainerUnreadable("The name comes twice; of films only the first is read.")
        with spooled(head, file, size) as (spool, digest):
            if dicom:
                yield from self._objects_frames(locator, spool)
            else:
                yield from self._films_frames(locator, spool, digest)

    def unread(self, locator: Locator, error: EndoLinkError, index: int = 0) -> Unread:
        """Say that a member gave no picture, or none from its picture `index` on."""
        return Unread(locator, self._study(locator), error, index=index)

    def _read(self, head: bytes, file: IO[bytes], size: int) -> bytes:
        most = self.reading.limits.max_bytes
        if size > most:
            raise FrameTooLarge(f"The member has more than the {most:,} bytes that are read.")
        data = head + file.read(most + 1 - len(head))
        if len(data) > most:
            raise FrameTooLarge(f"The member has more than the {most:,} bytes that are read.")
        if len(data) != size:
            raise _other_length()
        return data

    def _picture(self, locator: Locator, data: bytes) -> Picture:
        suffix = PurePosixPath(locator.member or "").suffix
        return Picture(
            locator, self._study(locator), lambda: data, declared=suffix or None, held=len(data)
        )

    def _objects_frames(self, locator: Locator, spool: BinaryIO) -> Iterator[Picture | Unread]:
        dicom_file = import_dicom_file()
        reading = self.reading
        only = reading.numbers(locator.member)
        with dicom_file.DicomFile(spool, limits=reading.limits) as file:
            yield from dicom_file.read_pictures(file, locator, reading.every_s, only)

    def _films_frames(
        self, locator: Locator, spool: BinaryIO, digest: str
    ) -> Iterator[Picture | Unread]:
        after = 0
        reading = self.reading
        try:
            for timed in video_frames(
                spool,
                every_s=reading.every_s,
                limits=reading.limits,
                keyframes=reading.keyframes,
            ):
                frame = timed.frame
                number = frame.sequence or 0
                after = number + 1
                yield Picture(
                    Locator(locator.place, locator.member, number),
                    study=str(locator),
                    load=lambda frame=frame: frame,  # type: ignore[misc]
                    index=number,
                    time_s=timed.time_s,
                    content=f"{digest}#{number}",
                    share=timed.share,
                )
        except EndoLinkError as error:
            yield Unread(locator, str(locator), error, index=after)

    def _study(self, locator: Locator) -> str:
        *folders, _ = _parts(locator.member or "") or [""]
        return str(self.path) if not folders else f"{self.path}!{'/'.join(folders)}"


@contextmanager
def spooled(head: bytes, file: IO[bytes], size: int) -> Iterator[tuple[BinaryIO, str]]:
    """Copy a member, of which `head` was read, to where it can be sought in; give its digest too.

    Raises ContainerUnreadable where it has not `size` bytes, FrameTooLarge beyond what is read.
    """
    if size > _MOST_BYTES:
        raise FrameTooLarge(f"The member has more than the {_MOST_BYTES:,} bytes that are read.")
    digest = hashlib.sha256()
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        piece = head or file.read(_PIECE)
        while piece:
            spool.write(piece)
            digest.update(piece)
            if spool.tell() > size:
                raise _other_length()
            piece = file.read(_PIECE)
        if spool.tell() != size:
            raise _other_length()
        spool.seek(0)
        yield cast("BinaryIO", spool), digest.hexdigest()


def allowance(path: Path) -> int:
    """Say how many bytes a container may unpack to."""
    return path.stat().st_size * _MAX_RATIO + _FREE_BYTES


def bomb() -> ContainerUnsafe:
    """Make the error of a container that unpacks to more."""
    return ContainerUnsafe(
        f"It unpacks to more than {_MAX_RATIO} times its size, as a bomb does; if it is sound, "
        "unpack it first."
    )


def _other_length() -> ContainerUnreadable:
    return ContainerUnreadable("The member is not as long as the container says.")


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[/\\]", name) if part not in {"", "."}]
