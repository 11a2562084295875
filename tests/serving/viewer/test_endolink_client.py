"""The JavaScript client's own tests, which run under node."""

import re
import subprocess
from pathlib import Path

import pytest

from endolink.serving.client import flight, pace
from endolink.serving.wire import HEADER, PROTOCOL

CLIENT = Path(__file__).parents[3] / "serving/viewer/client"


@pytest.mark.program("node")
def test_its_own_tests_pass() -> None:
    done = subprocess.run(
        ["node", "--test", "--test-force-exit", str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout


def test_it_agrees_with_the_python_client() -> None:
    source = "".join(path.read_text() for path in sorted(CLIENT.glob("*.js")))

    def number(pattern: str) -> float:
        found = re.search(pattern, source)
        assert found, pattern
        return float(found[1])

    assert number(r"PROTOCOL = (\d+)") == PROTOCOL
    assert number(r"HEADER_BYTES = (\d+)") == HEADER.size
    assert number(r"STALL_TIMES = ([\d.]+)") == flight.STALL_TIMES
    assert number(r"STALL_LEAST_MS = (\d+)") == flight.STALL_LEAST_S * 1000
    assert number(r"DEAD_MS = (\d+)") == flight.DEAD_S * 1000
    assert number(r"#delayMs = (\d+)") == pace.FIRST_RETRY_S * 1000
    assert number(r"Math.min\((\d+), 2 \* delay\)") == pace.LAST_RETRY_S * 1000
