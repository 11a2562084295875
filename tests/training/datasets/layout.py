"""Lay data sets out for the adapters, which read names and tables, not pictures."""

from pathlib import Path


def touch(root: Path, *files: str) -> None:
    """Make empty files and the folders above them."""
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
