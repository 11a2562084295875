"""An archive of a public data set, as it is unpacked into a folder."""

import shutil

from endolink.model.errors import ContainerUnreadable, ContainerUnsafe
from endolink.training import unpack
from tests.fuzz import archives, scratch

LONGEST = 16_384
# What a bomb may write before it is stopped is a matter of disks, and would fill memory here.
unpack._LEAST = 2**22  # type: ignore[misc]


def check(data: bytes) -> None:
    """Unpack; nothing may lie outside the folder, nor be anything but a file in a folder."""
    path = scratch.file("unpack", "archive.zip", data)
    folder = scratch.folder("unpack") / "unpacked"
    try:
        unpack.unpack(path, folder)
    except (ContainerUnsafe, ContainerUnreadable) as error:
        assert error.detail
    try:
        for made in folder.rglob("*"):
            assert made.is_dir() or made.is_file()
            assert not made.is_symlink()
        assert {made.name for made in scratch.folder("unpack").iterdir()} <= {
            "archive.zip",
            "unpacked",
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def seeds() -> dict[str, bytes]:
    """The archives that scoring is given, too."""
    return archives.zips() | archives.tars()
