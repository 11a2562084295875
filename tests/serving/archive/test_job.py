import csv
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from endolink import sample_data
from endolink.model.classifier import Classifier
from endolink.model.errors import LedgerMismatch, SinkUnsuited
from endolink.serving.archive.job import Job, Unwritten, run
from endolink.serving.archive.options import Form, make_sinks
from endolink.serving.archive.picture import Reading
from endolink.serving.archive.scoring import Progress
from endolink.serving.archive.sources import find
from endolink.serving.archive.study import StudyResult
from endolink.serving.models import Models
from tests.serving.service import picture

pq = pytest.importorskip("pyarrow.parquet", reason="Parquet needs the archive extra")
pytest.importorskip("av", reason="video needs the archive extra")

SECRET = b"the same for every run in here.."
# Runs a job in a process of its own, which kills itself so many seconds after the first picture.
KILLED = """
import os, signal, sys, threading
from pathlib import Path
from endolink.model.classifier import Classifier
from tests.serving.archive.test_job import make_job, score
bundle, out, places, delay = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
job = make_job(Path(out), Classifier.open(Path(bundle), threads=1))
def kill():
    os.kill(os.getpid(), signal.SIGKILL)
score(job, Path(places), first=lambda: threading.Timer(delay, kill).start())
"""


def make_job(out: Path, classifier: Classifier, **options: Any) -> Job:
    sinks = options.pop("sinks", None) or make_sinks([Form.PARQUET], classifier, identifiers=True)
    reading = Reading(every_s=0.4, interval_s=0.5)
    return Job(out, classifier, sinks, reading, workers=2, secret=SECRET, **options)


def score(job: Job, *places: Path, resume: bool = True, first: Any = None) -> Progress:
    done = Progress()
    with job.open_ledger(resume=resume) as ledger:
        for progress in run(job, ledger, find(map(str, places)), Unwritten()):
            done = progress
            if first is not None:
                first()
                first = None
    return done


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three studies of stills, one in a ZIP, a video, and files that are none of these."""
    folder = tmp_path_factory.mktemp("archive")
    stills = sample_data.frames()
    for study in ("a", "b"):
        (folder / study).mkdir()
        for number, path in enumerate(stills):
            (folder / study / f"{number}.jpg").write_bytes(path.read_bytes() + study.encode())
    with zipfile.ZipFile(folder / "c.zip", "w") as file:
        for path in stills:
            file.writestr(f"c/{path.name}", path.read_bytes())
    (folder / "clip.webm").write_bytes(sample_data.clip().read_bytes())
    (folder / "b/notes.txt").write_bytes(b"DOE^JANE")
    (folder / "b/cut.jpg").write_bytes(stills[0].read_bytes()[:3000])
    return folder


def rows(out: Path) -> dict[str, list[dict[str, Any]]]:
    paths = sorted(out.glob("studies/*/frames.parquet"))
    return {path.parent.name: pq.read_table(path).to_pylist() for path in paths}


def test_an_archive_becomes_studies(archive: Path, models: Models, tmp_path: Path) -> None:
    done = score(make_job(tmp_path, models.get(None)), archive, resume=False)
    stills = len(sample_data.frames())
    assert done == Progress(things=2 * stills + 4, scored=3 * stills + 25, failed=2)
    found = rows(tmp_path)
    assert sorted(len(study) for study in found.values()) == [25, stills, stills, stills + 2]
    for pseudonym, study in found.items():
        assert [row["frame"] for row in study] == list(range(len(study)))
        assert {row["study"] for row in study} == {pseudonym}
        if len(study) != 25:  # the film has its own times
            assert [row["time_s"] for row in study] == [
                number * 0.5 for number in range(len(study))
            ]
    with (tmp_path / "studies.csv").open(newline="") as file:
        overview = list(csv.DictReader(file))
    assert {line["study"] for line in overview} == set(found)
    assert [int(line["failed"]) for line in overview] == [0, 2, 0, 0]
    assert all("not a diagnosis" in line["notice"] for line in overview)
    # Again, and nothing is done, nor written.
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("studies/*/*")}
    again = score(make_job(tmp_path, models.get(None)), archive)
    assert (again.scored, again.known, again.passed) == (0, 2 * stills + 2, 2)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("studies/*/*")} == before
    with pytest.raises(LedgerMismatch):
        score(make_job(tmp_path, models.get(None), explain="box"), archive)


def test_results_beside_the_pictures_are_no_pictures(models: Models, tmp_path: Path) -> None:
    for folder in (tmp_path / "one", tmp_path / "studies"):
        folder.mkdir()
        (folder / "still.jpg").write_bytes(sample_data.frames()[0].read_bytes())
    for out in (tmp_path / "results", tmp_path):
        for _ in range(2):
            done = score(make_job(out, models.get(None)), tmp_path)
            assert (done.things, done.failed) == (2, 0)


def _kill_and_resume(
    kills: int, archive: Path, models: Models, bundle: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    classifier = models.get(None)
    start = time.monotonic()
    score(make_job(whole, classifier), archive, resume=False)
    took = time.monotonic() - start
    chance = random.Random()
    codes = []
    for _ in range(kills):
        delay = chance.uniform(0, took * 0.7)
        command: list[str | Path] = [sys.executable, "-c", KILLED, bundle, killed, archive]
        command.append(str(delay))
        codes.append(subprocess.run(command, check=False, timeout=120).returncode)
    assert set(codes) <= {0, -signal.SIGKILL}
    assert -signal.SIGKILL in codes
    last = score(make_job(killed, classifier), archive)
    assert last.scored < len(sample_data.frames()) * 3 + 25
    assert rows(killed) == rows(whole)
    assert (killed / "studies.csv").read_text() == (whole / "studies.csv").read_text()
    left = {path.relative_to(killed) for path in killed.rglob("*")}
    assert left == {path.relative_to(whole) for path in whole.rglob("*")}
    assert not [path for path in left if path.name.startswith(".") or "-wal" in path.name]


def test_a_killed_run_goes_on_as_if_nothing_had_been(
    archive: Path, models: Models, classifier_bundle: Path, tmp_path: Path
) -> None:
    _kill_and_resume(3, archive, models, classifier_bundle, tmp_path)


@pytest.mark.soak
def test_ten_kills(archive: Path, models: Models, classifier_bundle: Path, tmp_path: Path) -> None:
    _kill_and_resume(10, archive, models, classifier_bundle, tmp_path)


class Refusing:
    """A sink that cannot hold what it is given, as long as `refuses`."""

    def __init__(self) -> None:
        self.refuses = True

    def write(self, result: StudyResult, destination: Path) -> None:
        assert result.total == 1
        if self.refuses:
            raise SinkUnsuited("It does not fit.")
        (destination / "written").touch()


def test_what_a_sink_refuses_is_told_and_tried_again(models: Models, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jpg").write_bytes(picture("JPEG", (64, 64)))
    sink = Refusing()
    job = make_job(tmp_path / "out", models.get(None), sinks={"refusing": sink})
    unwritten = Unwritten()
    for refuses in (True, False):
        sink.refuses = refuses
        with job.open_ledger(resume=not refuses) as ledger:
            list(run(job, ledger, find([str(tmp_path / "in")]), unwritten))
        assert [error.code for error in unwritten.errors.values()] == ["sink-unsuited"] * refuses
    assert len(list(tmp_path.glob("out/studies/*/written"))) == 1


def test_what_a_killed_sink_left_is_cleared_away(models: Models, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jpg").write_bytes(picture("JPEG", (64, 64)))
    job = make_job(tmp_path / "out", models.get(None))
    score(job, tmp_path / "in", resume=False)
    (folder,) = (tmp_path / "out/studies").iterdir()
    (folder / ".other.csv.partial").touch()
    (tmp_path / "in/b.jpg").write_bytes(picture("JPEG", (65, 64)))
    score(job, tmp_path / "in")
    assert [path.name for path in folder.iterdir()] == ["frames.parquet"]
