"""A service in a process of its own, as it is run in earnest."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Served:
    """A running service: where it listens, and which process it is."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Say how much processor time it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Say how much memory it holds, in MB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def served(*options: str, **environment: str) -> Iterator[Served]:
    """Run `endolink serve` with `options` on a free port, until it is left."""
    program = Path(sys.executable).with_name("endolink")
    process = subprocess.Popen(
        [program, "serve", "--port", "0", "--log-level", "error", *options],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        port = re.search(r"http://127\.0\.0\.1:(\d+)", said)
        if port is None:
            raise RuntimeError(f"the service did not come up; it said: {said!r}")
        yield Served(int(port[1]), process.pid)
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def service(*options: str) -> Iterator[int]:
    """Run `endolink serve` with `options` on a free port, and give the port once it listens."""
    with served(*options) as running:
        yield running.port
