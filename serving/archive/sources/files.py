"""Files and folders: the walk from the paths that were given, and the image file."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from endolink.model.errors import FrameTooLarge, SourceMissing, SourceUnreadable
from endolink.serving.archive.picture import Locator, Picture, Reading

_NUMBER = re.compile(r"(\d+)")


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

        yield Picture(Locator(place), str(path.parent), load, declared=path.suffix or None)


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
        entries = sorted(folder.iterdir(), key=natural_key)
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


def natural_key(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Order names as people do: `frame2` before `frame10`."""
    pieces = [
        (0, int(piece), "") if piece.isdecimal() else (1, 0, piece.casefold())
        for piece in _NUMBER.split(path.name)
        if piece
    ]
    return pieces, path.name


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
    try:
        # A pipe or a device may never end, or never begin.
        if path.exists() and not path.is_file():
            raise SourceUnreadable("This is not a regular file, nor a folder that can be listed.")
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise SourceMissing("There is no such file or folder.") from None
    except OSError as error:
        raise SourceUnreadable(f"The file cannot be read: {error.strerror}.") from None
    if len(data) > max_bytes:
        raise FrameTooLarge(f"The file has more than the {max_bytes:,} bytes that are read.")
    return data
