import re
import subprocess
import sys
from io import BytesIO
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import appearance, capsule, stages, training
from benchmarks.emulator import missing
from benchmarks.flood import flood
from benchmarks.frame import HEIGHT, WIDTH, ordinary_frame
from benchmarks.process import served
from endolink.model.classifier import Classifier
from endolink.model.frame import Frame, decode
from endolink.model.view import View, find_view
from endolink.sample_data import frames as stills
from endolink.training.datasets import open_data
from tests.bundles import tiny_bundle
from tests.training.pictures import fill_folder

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
        ("batching", ("1 thread(s) a run", "8 a run")),
        ("streams", ("answered", "100 ms")),
        ("overload", ("one client", "4 × capacity", "≤ 2")),
        ("abandonment", ("answered, each", "60 posted and closed")),
        ("switch", ("before", "during")),
        ("comparison", ("EndoLink", "LitServe", "≥ 2 at 16")),
        ("audit", ("with the audit log", "every frame kept", "≤ 1.05")),
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


def test_the_steps_of_the_bare_road_are_measured(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stages.main(["--bundle", str(tiny), "--rounds", "2"])
    shown = capsys.readouterr().out
    assert all(step in shown for step in ("decode", "view", "quality", "network", "all"))


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


def test_training_is_compared_with_a_plain_loop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = fill_folder(tmp_path / "drawn", 16)
    small = ("--architecture", "alexnet", "--size", "96", "--batch", "8", "--rounds", "1")
    training.main(["--data", f"folder:{frames}", *small])
    rows = [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines() if "│" in line]
    rates = {row[0].strip(): float(row[1]) for row in rows if row[1].strip()}
    assert set(rates) == {
        "ImageFolder, DataLoader, fp32",
        "endolink train",
        "endolink train --precision fp32",
        "endolink train --stem 4, as shipped",
    }
    assert min(rates.values()) > 0


@pytest.fixture(scope="module")
def rendered() -> tuple[Frame, View]:
    (path,) = (path for path in stills() if path.stem == "polyp-sessile")
    frame = decode(path.read_bytes())
    return frame, find_view(frame)


@pytest.mark.parametrize("name", appearance.SHOWN)
def test_a_screen_shows_the_patient_otherwise_and_alike_each_time(
    name: str, rendered: tuple[Frame, View]
) -> None:
    shown = appearance.on_screen(name)(*rendered)
    again = appearance.on_screen(name)(*rendered)
    assert isinstance(shown, Frame)
    assert isinstance(again, Frame)
    assert shown.pixels.shape == (shown.height, shown.width, 3)
    assert np.array_equal(shown.pixels, again.pixels)
    assert not np.array_equal(shown.pixels, rendered[0].pixels)
    # The patient is still found, wherever the screen put the picture.
    assert find_view(shown).mask.mean() > 0.1


def _parted(frames: Path, part: dict[str, str]) -> Path:
    """Write a split of drawn frames by their numbers; those that `part` does not name are held."""
    data = open_data(f"folder:{frames}")
    split = frames.parent / "split.csv"
    lines = [
        f"{one.file},{one.label},{one.file},{part.get(one.path.stem, 'test')}"
        for one in data.samples
    ]
    split.write_text("\n".join(["file,finding,group,part", *lines]) + "\n")
    return split


def test_held_out_frames_are_scored_on_every_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = fill_folder(tmp_path / "drawn", 4)
    split = _parted(frames, {"00": "train", "01": "validation"})
    appearance.main(["--data", f"folder:{frames}", "--split", str(split)])
    told = capsys.readouterr().out
    assert "polyp on 6 held-out frames, 2 with it" in told
    assert all(f"{name}:" in told for name in appearance.SHOWN)


def test_a_network_that_never_saw_an_appearance_is_tested_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = fill_folder(tmp_path / "drawn", 14)
    trained = {f"{number:02}": "train" for number in range(8)}
    split = _parted(frames, trained | {"08": "validation", "09": "validation"})
    monkeypatch.setattr(appearance, "LEFT_OUT", {"no insets": appearance.LEFT_OUT["no insets"]})
    short = ["--architecture", "alexnet", "--stem", "0", "--size", "96", "--epochs", "1"]
    asked = ["--data", f"folder:{frames}", "--split", str(split), "--leave-out", *short]
    asked += ["--out", str(tmp_path / "kept"), "--cache", str(tmp_path / "cache")]
    appearance.main(asked)
    told = capsys.readouterr().out
    assert "polyp on 12 held-out frames" in told
    rows = [line.split("│")[1:-1] for line in told.splitlines() if "│" in line]
    named = [tuple(cell.strip() for cell in row[:2]) for row in rows]
    everything, without = "with everything", "no insets"
    assert [
        (everything, "as they are"),
        (everything, "inset"),
        (without, "as they are"),
        (without, "inset"),
    ] == [name for name in named if all(name)]
    # What was trained is not trained again.
    made = [path.stat().st_mtime_ns for path in (tmp_path / "kept").glob("*/checkpoint.pt")]
    assert len(made) == 2
    appearance.main(asked)
    assert capsys.readouterr().out == told
    kept = [path.stat().st_mtime_ns for path in (tmp_path / "kept").glob("*/checkpoint.pt")]
    assert kept == made


@pytest.mark.shared
def test_a_capsule_studys_shortlist_is_short_and_keeps_every_burst(shared: Path) -> None:
    """Frames that the bundle may have learned from: what it is worth, the benchmark says."""
    folder = shared / "data/wce-bleed-gen"
    bleeding, normal = (sorted((folder / name).glob("*.jpg")) for name in capsule.CLASSES)
    frames = capsule.HeldOut(tuple((path,) for path in bleeding[::150]), tuple(normal[::40]))
    rng = np.random.default_rng(0)
    classifier = Classifier.open(capsule.BUNDLE, threads=1)
    came = capsule.read(capsule.plan(frames, 500, rng), classifier, rng)
    assert (came.frames, came.bursts) == (500, 8)
    assert came.kept == came.bursts
    assert came.shortlist <= 50
    assert came.bleeding < 160


@pytest.mark.shared
@pytest.mark.soak
def test_a_capsule_study_of_frames_that_were_not_learned_from(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shared / "data/wce-bleed-gen"
    options = ["--frames", "5000", "--data", str(data), "--cache", str(tmp_path)]
    capsule.main(options)
    said = capsys.readouterr().out
    kept, bursts = map(int, re.findall(r"bursts kept +(\d+) of (\d+)", said)[0])
    (short,) = re.findall(r"shortlist +([\d,]+) frames", said)
    assert bursts > 100
    assert kept / bursts > 0.95
    assert int(short.replace(",", "")) <= 500


def test_a_study_is_laid_out_with_each_burst_whole_and_apart() -> None:
    bursts = tuple((Path(f"{n}-a"), Path(f"{n}-b")) for n in range(5))
    frames = capsule.HeldOut(bursts, tuple(Path(f"normal-{n}") for n in range(20)))
    laid = capsule.plan(frames, 400, np.random.default_rng(1))
    assert len(laid) == 400
    runs = [number for number, _ in groupby(one.burst for one in laid)]
    assert sorted(number for number in runs if number is not None) == list(range(5))
    for number in range(5):
        shown = [one.path for one in laid if one.burst == number]
        assert 4 <= len(shown) <= 20
        assert shown == sorted(shown)
        assert set(shown) == set(bursts[number])
    with pytest.raises(ValueError, match="no long run"):
        capsule.plan(frames, 40, np.random.default_rng(1))
