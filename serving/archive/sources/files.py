"""Files and folders: the walk from the paths that were given, and the image file."""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from endolink.model.errors import FrameTooLarge, SourceMissing, SourceUnreadable
from endolink.serving.archive.picture import Locator, Picture, Reading

_NUMBER = re.compile("[0-9]+")
# What a job writes beside `studies`, in which each is a folder named by its pseudonym.
_RESULTS = frozenset({"private", "studies.csv"})
_PSEUDONYM = re.compile("[a-z2-7]{16}")


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
    were named. What `endolink.serving.archive.job` has written there is no source. A path where
    nothing is, and a folder that cannot be listed, is given as it is: reading it says what is
    wrong.
    """
    for path in paths:
        if _is_folder(path):
            yield from _walk(path)
        else:
            yield path


def _walk(folder: Path, *, written: bool = False) -> Iterator[Path]:
    """Walk one folder; `written` says that a job writes its studies into it."""
    results = _holds_results(folder)
    # What is a folder the listing itself says: a million files need not be asked one by one.
    try:
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: natural_key(entry.name))
    except OSError:
        yield folder
        return
    for entry in entries:
        if entry.name.startswith(".") or (results and entry.name in _RESULTS):
            continue
        if written and _PSEUDONYM.fullmatch(entry.name):
            continue
        if not _is_folder(entry):
            yield Path(entry.path)
        elif not entry.is_symlink():
            yield from _walk(Path(entry.path), written=results and entry.name == "studies")


def _holds_results(folder: Path) -> bool:
    try:
        return (folder / "private/ledger.sqlite").is_file()
    except OSError:
        return False


def _is_folder(path: "Path | os.DirEntry[str]") -> bool:
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
    size = _check(path)
    try:
        # Each call of the system's hands the interpreter to another thread: as few as there can be.
        with path.open("rb", buffering=0) as file:
            data = file.read(min(size, max_bytes) + 1)
            # It may have grown since, and some file systems do not say how long a file is.
            while len(data) != size and len(data) <= max_bytes:
                if not (more := file.read(max_bytes + 1 - len(data))):
                    break
                data += more
    except OSError as error:
        raise _unreadable(error) from None
    if len(data) > max_bytes:
        raise FrameTooLarge(f"The file has more than the {max_bytes:,} bytes that are read.")
    return data


def _check(path: Path) -> int:
    """Give the length of a file, in bytes; raises as `read_file` does."""
    try:
        known = path.stat()
    except OSError as error:
        raise _unreadable(error) from None
    # A pipe or a device may never end, or never begin.
    if not stat.S_ISREG(known.st_mode):
        raise SourceUnreadable("This is not a regular file, nor a folder that can be listed.")
    return known.st_size


def _unreadable(error: OSError) -> SourceMissing | SourceUnreadable:
    if isinstance(error, FileNotFoundError):
        return SourceMissing("There is no such file or folder.")
    return SourceUnreadable(f"The file cannot be read: {error.strerror}.")
