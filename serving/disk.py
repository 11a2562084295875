"""What it takes for a file to be on the disk and not only on its way there, and to be secret."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Bring the names in `folder` to the disk: a file's own fsync does not.

    Raises
    ------
    OSError
        The folder cannot be opened, or the disk fails.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_private(path: Path) -> bool:
    """Say whether nobody but its owner may read or change the file at `path`.

    One that was handed to us by another owner, as Kubernetes and systemd hand over secrets, may be
    read by the group that lets us read it.

    Raises
    ------
    OSError
        There is none.
    """
    found = path.stat()
    return not found.st_mode & (0o077 if found.st_uid == os.geteuid() else 0o027)
