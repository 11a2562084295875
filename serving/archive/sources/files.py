"""Files and folders: the walk from the paths that were given, and the image file."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from endolink.model.errors import FrameTooLarge, SourceMissing, SourceUnreadable
from endolink.serving.archive.picture import Locator, Picture, Reading

_NUMBER = re.compile("[0-9]+")


class ImageFile:
    """A file of one picture; every folder that holds some is their study."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Take any file: what is no picture is found out when it is read."""
        del path, head
        return True

    def digest(self, place: str) -> None:
        """Leave it to the picture, which is as quickly read."""
        del place

    def pictures(self, place: str, digest: str | None, reading: Reading) -> Iterator[Picture]:
        """Give the one picture, not yet read."""
        del digest
        path = Path(place)

        def load() -> bytes:
            return read_file(path, reading.limits.max_bytes)

        yield Picture(Locator(place), str(path.parent), load, declared=path.suffix or None, held=0)


def find_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Give every file of `paths`, folders walked to their depths in natural order.

    Hidden files and folders are skipped, and folders that are links are not entered, unless they
    were named. A path where nothing is, and a folder that cannot be listed, is given as it is:
    reading it says what is wrong.
    """
    for path in paths:
        if _is_folder(path):
            yield from _walk(path)
        else:
            yield path


def _walk(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: natural_key(entry.name))
    except OSError:
        yield folder
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if not _is_folder(entry):
            yield entry
        elif not entry.is_symlink():
            yield from _walk(entry)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def natural_key(name: str) -> str:
    """Make a name that plain comparison puts where people do: `frame2` before `frame10`.

    Upper and lower case are alike, then the name itself decides. A number is written after its own
    length: 2 as 00012, 10 as 000210.
    """
    numbered = _NUMBER.sub(lambda m: f"{len(m[0].lstrip('0')):04}{m[0].lstrip('0')}", name)
    return f"{numbered.casefold()}\0{name}"


def file_digest(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, in hex; raises as `read_file` does."""
    _check(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(error) from None


def read_file(path: Path, max_bytes: int) -> bytes:
    """Read a file, unless it is too long.

    Raises
    ------
    SourceMissing
        There is nothing at `path`.
    SourceUnreadable
        It is not a regular file, or the system refuses to read it.
    FrameTooLarge
        It has more than `max_bytes` bytes; no more than those were read.
    """
    _check(path)
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise _unreadable(error) from None
    if len(data) > max_bytes:
        raise FrameTooLarge(f"The file has more than the {max_bytes:,} bytes that are read.")
    return data


def _check(path: Path) -> None:
    # A pipe or a device may never end, or never begin.
    try:
        odd = path.exists() and not path.is_file()
    except OSError as error:
        raise _unreadable(error) from None
    if odd:
        raise SourceUnreadable("This is not a regular file, nor a folder that can be listed.")


def _unreadable(error: OSError) -> SourceMissing | SourceUnreadable:
    if isinstance(error, FileNotFoundError):
        return SourceMissing("There is no such file or folder.")
    return SourceUnreadable(f"The file cannot be read: {error.strerror}.")
