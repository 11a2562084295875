import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endolink import sample_data
from endolink.model.classifier import Classifier
from endolink.model.errors import ClusterFailed, ExtraMissing, FrameCorrupt
from endolink.model.verdict import Verdict
from endolink.serving.archive import cluster
from endolink.serving.archive.cluster import RayEngine, Worker, fingerprint, fingerprints
from endolink.serving.archive.job import Job, Unwritten, run
from endolink.serving.archive.options import Form, make_sinks
from endolink.serving.archive.picture import Reading
from endolink.serving.archive.scoring import Progress
from endolink.serving.archive.sources import find
from endolink.serving.archive.steps import Judged
from endolink.serving.models import Models

PROGRAM = Path(sys.executable).with_name("endolink")
SECRET = b"the same for every run in here.."

needs_ray = pytest.mark.skipif(
    not cluster.is_installed(), reason="needs the ray extra: pip install 'endolink[ray]'"
)


def score(*places: Path, out: Path, bundle: Path, options: tuple[str, ...] = ()) -> str:
    """Run the command, and give what it said."""
    secret = out.parent / "secret"
    secret.write_bytes(SECRET)
    command: list[str | Path] = [PROGRAM, "score", *places, "--out", out, "--bundle", bundle]
    command += ["--secret", secret, "--identifiers", "--threads", "2"]
    command += ["--format", "parquet", *options]
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def rows(out: Path) -> dict[str, list[dict[str, Any]]]:
    pq = pytest.importorskip("pyarrow.parquet", reason="Parquet needs the archive extra")
    paths = sorted(out.glob("studies/*/frames.parquet"))
    return {path.parent.name: pq.read_table(path).to_pylist() for path in paths}


def _archive(folder: Path) -> None:
    """Two folders, a ZIP, a film, a copy, and what cannot be read."""
    for study in ("a", "b"):
        (folder / study).mkdir(parents=True)
        for number, path in enumerate(sample_data.frames()[:10]):
            (folder / study / f"{number}.jpg").write_bytes(path.read_bytes() + study.encode())
    (folder / "b/notes.txt").write_bytes(b"DOE^JANE")
    (folder / "b/copy.jpg").write_bytes((folder / "a/0.jpg").read_bytes())
    with zipfile.ZipFile(folder / "c.zip", "w") as file:
        for path in sample_data.frames()[:3]:
            file.writestr(f"c/{path.name}", path.read_bytes())
    (folder / "clip.webm").write_bytes(sample_data.clip().read_bytes())


@needs_ray
def test_a_cluster_of_two_workers_gives_the_same_rows_and_the_same_ledger(
    classifier_bundle: Path, models: Models, tmp_path: Path
) -> None:
    pytest.importorskip("av", reason="video needs the archive extra")
    _archive(tmp_path / "in")
    local, ray = tmp_path / "local", tmp_path / "ray"
    _score_here(models, local, tmp_path / "in")
    # A part of it was scored here: a cluster goes on with the ledger, as any run does.
    _score_here(models, ray, tmp_path / "in/a")
    options = ("--engine", "ray", "--resume", "--every", "0.4")
    told = score(tmp_path / "in", out=ray, bundle=classifier_bundle, options=options)
    assert "11 known already, 1 without a verdict" in told
    assert rows(ray) == rows(local)
    assert (ray / "studies.csv").read_text() == (local / "studies.csv").read_text()
    # And what it has done, nobody does again.
    again = _score_here(models, ray, tmp_path / "in")
    assert (again.scored, again.known, again.passed) == (0, 22, 2)


def _score_here(models: Models, out: Path, place: Path) -> Progress:
    classifier = models.get(None)
    sinks = make_sinks([Form.PARQUET], classifier, identifiers=True)
    reading = Reading(every_s=0.4)
    job = Job(out, classifier, sinks, reading, workers=2, secret=SECRET)
    with job.open_ledger(resume=True) as ledger:
        *_, done = run(job, ledger, find([str(place)]), Unwritten())
    return done


@needs_ray
@pytest.mark.shared
@pytest.mark.soak
def test_two_thousand_shared_frames(shared: Path, classifier_bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    paths = sorted((shared / "data").rglob("*.jpg"))[:2000]
    assert len(paths) == 2000
    for number, path in enumerate(paths):
        (folder / f"{number}.jpg").symlink_to(path)
    score(folder, out=tmp_path / "local", bundle=classifier_bundle)
    score(folder, out=tmp_path / "ray", bundle=classifier_bundle, options=("--engine", "ray"))
    assert rows(tmp_path / "ray") == rows(tmp_path / "local")


def test_a_worker_with_another_model_is_refused(classifier_bundle: Path) -> None:
    identity = Classifier.open(classifier_bundle, provider="cpu", threads=1).identity
    other = type(identity)(identity.name, identity.version, "sha256:0", "fp32", identity.provider)
    engine = RayEngine(classifier_bundle, "cpu", other)
    with pytest.raises(ClusterFailed, match="another model"):
        cluster.Worker(engine, Reading(), fingerprints([]))


def test_a_worker_computes_in_the_precision_of_the_run(classifier_bundle: Path) -> None:
    quick = Classifier.open(classifier_bundle, provider="cpu", threads=1, precision="auto").identity
    engine = RayEngine(classifier_bundle, "cpu", quick)
    (thing,) = find([str(sample_data.frames()[0])])
    (said,) = Worker(engine, Reading(), fingerprints([]))(
        {"thing": [pickle.dumps((0, thing, None))]}
    )
    (_, judged), _ = pickle.loads(said["said"][0])
    assert isinstance(judged, Judged)
    assert judged.outcome is not None
    assert isinstance(judged.outcome.verdict, Verdict)
    assert judged.outcome.verdict.model == quick


def test_what_a_worker_raised_is_told_as_it_was() -> None:
    outer = RuntimeError("the task failed")
    outer.__cause__ = FrameCorrupt("as the worker said it")
    assert cluster.explained(outer) is outer.__cause__
    assert isinstance(cluster.explained(RuntimeError("gone")), ClusterFailed)


def test_fingerprints_are_sorted_and_told_apart() -> None:
    contents = [f"{number:064} .jpg" for number in range(500)]
    known = fingerprints(contents)
    assert known.dtype == np.dtype("S32")
    assert bool((known[:-1] < known[1:]).all())
    assert all(fingerprint(content) in known for content in contents)
    assert fingerprint("other .jpg") not in known


def test_without_ray_it_is_said_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert not cluster.is_installed()
    with pytest.raises(ExtraMissing, match=r"endolink\[archive,ray\]"):
        cluster.start()
