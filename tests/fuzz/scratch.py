"""Where a target puts the bytes that its parser reads from a file: memory, where there is some."""

import tempfile
from functools import cache
from pathlib import Path


@cache
def base() -> tempfile.TemporaryDirectory[str]:
    """Make the folder of this process, and of those forked from it: gone when it ends."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(
        prefix="endolink-fuzz-", dir=memory if memory.is_dir() else None
    )


def folder(name: str) -> Path:
    """Give a target's own folder."""
    made = Path(base().name) / name
    made.mkdir(exist_ok=True)
    return made


def file(name: str, file_name: str, data: bytes) -> Path:
    """Write a file into a target's folder, over what was there."""
    path = folder(name) / file_name
    path.write_bytes(data)
    return path
