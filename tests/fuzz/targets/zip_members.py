"""A ZIP file that is to be scored, with all that may lie in it."""

from endolink.serving.archive.picture import Reading
from endolink.serving.archive.sources.containers import ZipContainer
from tests.fuzz import archives, scratch
from tests.fuzz.reading import read

LONGEST = 16_384


def check(data: bytes) -> None:
    """Read every member."""
    path = scratch.file("zip_members", "in.zip", data)
    read(ZipContainer().pictures(str(path), None, Reading()))


def seeds() -> dict[str, bytes]:
    """ZIP files in every way to compress, one of them a bomb."""
    return archives.zips()
