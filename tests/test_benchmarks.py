import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.emulator import missing
from benchmarks.flood import flood
from benchmarks.frame import HEIGHT, WIDTH, ordinary_frame
from benchmarks.process import served
from tests.bundles import tiny_bundle

REPOSITORY = Path(__file__).parents[1]


def test_the_ordinary_frame_is_ordinary_and_the_same_each_time() -> None:
    frame = ordinary_frame()
    assert 190_000 < len(frame) < 210_000
    assert Image.open(BytesIO(frame)).size == (WIDTH, HEIGHT)
    assert ordinary_frame() == frame


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("overhead", ("bare road", "POST /v1/frames", "≤ 1.12")),
        ("throughput", ("bare road, 1 thread", "service, 16 clients")),
        ("streams", ("answered", "100 ms")),
        ("overload", ("one client", "4 × capacity", "≤ 2")),
        ("abandonment", ("answered, each", "60 posted and closed")),
        ("switch", ("before", "during")),
        ("comparison", ("EndoLink", "LitServe", "≥ 2 at 16")),
        ("archive", ("bare road", "archive")),
    ],
)
def test_a_benchmark_runs_and_prints_its_table(
    name: str, rows: tuple[str, ...], tiny: Path
) -> None:
    done = run(name, "--quick", "--bundle", tiny)
    assert done.returncode == 0, done.stdout + done.stderr
    for row in rows:
        assert row in done.stdout


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_the_link_is_measured_where_it_can_be_emulated(tiny: Path) -> None:
    done = run("link", "--quick", "--bundle", tiny)
    assert done.returncode == 0, done.stdout + done.stderr
    row = next(line for line in done.stdout.splitlines() if "midband" in line)
    answered = [cell.strip() for cell in row.split("│")][6]
    assert float(answered.rstrip("%")) > 0


def test_a_benchmark_that_is_not_there_is_named_and_those_that_are() -> None:
    done = run("thruput")
    assert done.returncode == 2
    assert "thruput" in done.stderr
    assert "throughput" in done.stderr


def test_what_is_let_in_and_refused_in_a_flood_is_timed_from_its_sending(tiny: Path) -> None:
    with served("--threads", "1", "--bundle", str(tiny)) as service:
        rows = flood(service.port, rate=30, seconds=0.5)
    # 64 connections take turns at 30 a second: their waits for the next turn are not the service's.
    assert 10 <= len(rows) <= 30
    assert set(rows[:, 1]) <= {200, 503}
    assert np.median(rows[:, 0]) < 1000
