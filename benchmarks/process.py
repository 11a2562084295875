"""A service in a process of its own, as it is run in earnest."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def service(*options: str) -> Iterator[int]:
    """Run `endolink serve` with `options` on a free port, and give the port once it listens."""
    program = Path(sys.executable).with_name("endolink")
    process = subprocess.Popen(
        [program, "serve", "--port", "0", *options], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        port = re.search(r"http://127\.0\.0\.1:(\d+)", said)
        if port is None:
            raise RuntimeError(f"the service did not come up; it said: {said!r}")
        yield int(port[1])
    finally:
        process.terminate()
        process.wait(30)
