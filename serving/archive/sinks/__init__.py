"""Sinks: where a study's results are written, each in its own way, and always whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from endolink.serving.archive.study import StudyResult


class Sink(Protocol):
    """One way to write a study down; options belong in the constructor."""

    def write(self, result: StudyResult, destination: Path) -> None:
        """Write `result` into the folder `destination`, which is the study's own and exists.

        What was there under the same name is replaced at once, by `whole`. Raises EndoLinkError.
        """
        ...


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; it becomes `path` once all is written, or vanishes.

    Its name is always the same, so that what a killed run leaves is overwritten by the next.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
