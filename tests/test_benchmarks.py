import subprocess
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

from benchmarks.frame import HEIGHT, WIDTH, ordinary_frame
from tests.bundles import tiny_bundle

REPOSITORY = Path(__file__).parents[1]


def test_the_ordinary_frame_is_ordinary_and_the_same_each_time() -> None:
    frame = ordinary_frame()
    assert 190_000 < len(frame) < 210_000
    assert Image.open(BytesIO(frame)).size == (WIDTH, HEIGHT)
    assert ordinary_frame() == frame


def test_the_benchmark_runs_and_prints_its_table(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "tiny")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--pairs", "3", "--bundle", bundle],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "bare road" in done.stdout
    assert "POST /v1/frames" in done.stdout
    assert "1.25" in done.stdout
