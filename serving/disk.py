"""What it takes for a file to be on the disk, and not only on its way there."""

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
