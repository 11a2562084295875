"""A TAR file that is to be scored, plain or compressed."""

from endolink.serving.archive.picture import Reading
from endolink.serving.archive.sources.containers import TarContainer
from tests.fuzz import archives, scratch
from tests.fuzz.reading import read

LONGEST = 16_384


def check(data: bytes) -> None:
    """Read every member."""
    path = scratch.file("tar_members", "in.tar", data)
    read(TarContainer().pictures(str(path), None, Reading()))


def seeds() -> dict[str, bytes]:
    """TAR files in every layout and compression, with links and a device."""
    return archives.tars()
