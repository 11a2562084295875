"""Runs of the fuzzer: which targets there are, how a run goes, and what it found."""

import importlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

from tests.conftest import REPOSITORY

FOLDER: Final = Path(__file__).parent
CORPUS: Final = FOLDER / "corpus"
FOUND: Final = "found-"
TARGETS: Final = tuple(sorted(path.stem for path in (FOLDER / "targets").glob("*.py")))


class Target(Protocol):
    """What a module of `targets` has."""

    LONGEST: int
    """The most bytes of an input."""

    def check(self, data: bytes) -> None:
        """Give `data` to the parser; whatever it lets out, or a false assertion, is a finding."""

    def seeds(self) -> dict[str, bytes]:
        """Make the corpus that the search begins with, by names of files."""


def load(name: str) -> Target:
    """Import a target by its name."""
    return cast("Target", importlib.import_module(module_of(name)))


def module_of(name: str) -> str:
    """Say which module a target is; one that is none of `TARGETS` goes by its full name."""
    return f"tests.fuzz.targets.{name}" if name in TARGETS else name


@dataclass(frozen=True)
class Run:
    """What came of fuzzing one target.

    `begun` counts the branches that the corpus reached, `edges` those of all inputs. `found` is the
    input that broke a rule, empty where the process ended without one; `said` is what was printed.
    """

    name: str
    executions: int
    begun: int
    edges: int
    peak_mb: int
    found: bytes | None
    said: str

    @classmethod
    def read(cls, folder: Path, name: str) -> "Run":
        """Read what the worker has left."""
        output = folder / f"{name}.txt"
        said = output.read_text("utf-8", "replace") if output.is_file() else ""
        broken = [path.read_bytes() for path in (folder / name / "found").glob("*")]
        # Only a process that came to its own end says this; what its libraries' threads then make
        # of having been forked has nothing to do with any input.
        whole = re.search(r"^Done \d+ runs in", said, re.MULTILINE)
        return cls(
            name,
            _figure(r"^stat::number_of_executed_units:\s+(\d+)", said),
            _figure(r"^#\d+\s+INITED cov: (\d+)", said),
            max(map(int, re.findall(r"^#\d+\s.*cov: (\d+)", said, re.MULTILINE)), default=0),
            _figure(r"^stat::peak_rss_mb:\s+(\d+)", said),
            None if whole else b"".join(broken[:1]),
            said,
        )


def _figure(pattern: str, said: str) -> int:
    found = re.search(pattern, said, re.MULTILINE)
    return int(found[1]) if found else 0


def run(
    names: Sequence[str],
    seconds: int,
    *,
    most: int = -1,
    seed: int = 0,
    folder: Path | None = None,
) -> Iterator[Run]:
    """Fuzz targets one after the other, each for so many seconds, and give what came of each.

    With `most` it is no more than so many inputs of each.
    `folder` keeps what reached anything new, for the next run. A `seed` of 0 is chosen by time.
    """
    with ExitStack() as closing:
        if folder is None:
            folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        bounds = map(str, (seconds, most, seed))
        command = [sys.executable, "-m", "tests.fuzz.worker", str(folder), *bounds]
        subprocess.run([*command, *names], cwd=REPOSITORY, check=True)
        for name in names:
            yield Run.read(folder, name)
