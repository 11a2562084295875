import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from endolink.serving.archive.job import Job, Unwritten
from endolink.serving.archive.options import Form, make_sinks
from endolink.serving.archive.scoring import Progress
from endolink.serving.archive.watch import Arrivals, follow
from endolink.serving.models import Models
from tests.serving.service import picture


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_file_is_due_when_it_has_stopped_growing(tmp_path: Path) -> None:
    clock = Clock()
    arrivals = Arrivals(10, clock)
    path = tmp_path / "a.jpg"
    path.write_bytes(b"some")
    (tmp_path / ".a.jpg.part").write_bytes(b"hidden: still being written")
    assert arrivals.due([tmp_path]) == []
    clock.now = 9
    assert arrivals.due([tmp_path]) == []
    path.write_bytes(b"some more")
    clock.now = 11
    assert arrivals.due([tmp_path]) == []
    clock.now = 22
    assert arrivals.due([tmp_path]) == [path]
    assert arrivals.due([tmp_path]) == []
    # It is due again when it has changed, if only in its time.
    os.utime(path, (1, 1))
    clock.now = 40
    assert arrivals.due([tmp_path]) == []
    clock.now = 50
    assert arrivals.due([tmp_path]) == [path]


def test_what_arrives_is_scored_and_its_study_written_again(tmp_path: Path, models: Models) -> None:
    classifier = models.get(None)
    sinks = make_sinks([Form.CSV], classifier, identifiers=False)
    job = Job(tmp_path / "out", classifier, sinks)
    incoming = tmp_path / "in/study"
    incoming.mkdir(parents=True)
    rows: list[int] = []

    def pause() -> bool:
        tables = list(tmp_path.glob("out/studies/*/frames.csv"))
        rows.append(len(tables[0].read_text().splitlines()) - 1 if tables else 0)
        (incoming / f"{len(rows)}.jpg").write_bytes(picture("JPEG", (64 + len(rows), 64)))
        return len(rows) in {4, 6}

    def watch() -> list[Progress]:
        with job.open_ledger(resume=True) as ledger:
            arrived = follow(
                job,
                ledger,
                [str(tmp_path / "in")],
                arrivals=Arrivals(0),
                unwritten=Unwritten(),
                pause=pause,
            )
            return list(arrived)

    assert [step.scored for step in watch()] == [1, 1, 1]
    assert rows == [0, 1, 2, 3]
    # It was stopped, a picture came meanwhile, and it is started again.
    assert watch() == [Progress(things=4, scored=1, known=3), Progress(things=1, scored=1)]
    assert rows[4:] == [4, 5]


def test_it_goes_on_until_it_is_stopped(classifier_bundle: Path, tmp_path: Path) -> None:
    incoming, out = tmp_path / "in", tmp_path / "out"
    incoming.mkdir()
    program = "import typer; from endolink.serving.archive.cli import watch; typer.run(watch)"
    command: list[str | Path] = [sys.executable, "-c", program, incoming, "--out", out]
    command += ["--format", "csv"]
    command += ["--poll", "0.1", "--still", "0.2", "--bundle", classifier_bundle]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        (incoming / "a.jpg").write_bytes(picture("JPEG", (64, 64)))
        deadline = time.monotonic() + 50
        while not list(out.glob("studies.csv")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        told = process.stderr.read()
        assert process.wait(30) == 0
    assert b"1 frames scored" in told
    assert b"Stopped" in told
    assert [path.name for path in (out / "private").iterdir()] == ["ledger.sqlite"]


def test_times_are_checked() -> None:
    with pytest.raises(ValueError, match="still_s"):
        Arrivals(-1)
