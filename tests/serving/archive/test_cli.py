import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from endolink.model.bundle import Bundle
from endolink.model.signature import sign
from endolink.model.signer import SigningKey
from endolink.model.verdict import VERDICT_JSON
from endolink.serving.models import Models
from tests.bundles import tiny_bundle
from tests.serving.service import picture

PROGRAM = Path(sys.executable).with_name("endolink")


def run(*args: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [PROGRAM, "score", *args],
        capture_output=True,
        check=False,
        timeout=240,
        **options,
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "frame2.jpg").write_bytes(picture("JPEG"))
    (folder / "frame10.png").write_bytes(picture("PNG"))
    (folder / "cut.jpg").write_bytes(picture("JPEG")[:5000])
    (folder / "notes.txt").write_bytes(b"DOE^JANE")
    (folder / ".hidden.jpg").write_bytes(picture("JPEG"))
    return folder


def test_lines_are_verdicts_with_their_path_and_nothing_else(
    study: Path, classifier_bundle: Path, models: Models
) -> None:
    missing = study / "nothing.jpg"
    done = run(
        study, missing, "--bundle", classifier_bundle, "--format", "jsonl", "--explain", "box"
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    by_name = {Path(line["path"]).name: line for line in lines}
    assert list(by_name) == ["cut.jpg", "frame2.jpg", "frame10.png", "notes.txt", "nothing.jpg"]
    assert {name: line["error"]["code"] for name, line in by_name.items() if "error" in line} == {
        "cut.jpg": "frame-truncated",
        "notes.txt": "frame-not-an-image",
        "nothing.jpg": "source-missing",
    }
    assert all(set(line) == {"path", "error"} for line in lines if "error" in line)
    for name in ("frame2.jpg", "frame10.png"):
        line = by_name[name]
        assert Path(line.pop("path")) == study / name
        verdict = VERDICT_JSON.validate_json(json.dumps(line), strict=True)
        (bare,) = models.get(None).score([(study / name).read_bytes()])
        assert [finding.probability for finding in verdict.findings] == pytest.approx(
            [finding.probability for finding in bare.findings], abs=1e-6
        )
        assert verdict.model == bare.model
        for finding in verdict.findings:
            assert finding.present or finding.box is None
    assert b"DOE" not in done.stdout + done.stderr
    # Nobody watches, so there is no progress bar.
    assert done.stderr == b""


def test_a_table_is_for_reading(study: Path, classifier_bundle: Path) -> None:
    done = run(study, "--bundle", classifier_bundle, env={**os.environ, "COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    assert "frame2.jpg" in text
    assert "frame-truncated" in text
    assert "the clinician decides" in text


def test_the_exit_status_is_1_where_nothing_was_scored(
    study: Path, classifier_bundle: Path, tmp_path: Path
) -> None:
    bad = (study / "cut.jpg", study / "notes.txt")
    assert run(*bad, "--bundle", classifier_bundle, "--format", "jsonl").returncode == 1
    assert run(tmp_path, "--bundle", classifier_bundle).returncode == 1


def test_a_bundle_that_is_refused_is_one_line_on_standard_error(tmp_path: Path) -> None:
    done = run(tmp_path, "--bundle", tmp_path / "nowhere")
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"bundle-missing" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_bundle_that_nobody_vouches_for_scores_nothing(study: Path, tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    key = SigningKey.create(tmp_path / "k")
    options = "--bundle", bundle, "--signer", tmp_path / "k.pub", "--format", "jsonl"
    done = run(study / "frame2.jpg", *options)
    assert done.returncode == 1
    assert b"bundle-unsigned" in done.stderr
    assert done.stdout == b""
    sign(Bundle.open(bundle), key)
    assert run(study / "frame2.jpg", *options).returncode == 0


def test_a_reader_that_has_enough_may_leave(study: Path, classifier_bundle: Path) -> None:
    paths = [study / "frame2.jpg"] * 40
    with subprocess.Popen(
        [PROGRAM, "score", *paths, "--bundle", classifier_bundle, "--format", "jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_not_text_is_still_scored(classifier_bundle: Path, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff[b]\xe6\x81\xaf.jpg"))
    path.write_bytes(picture())
    done = run(tmp_path, "--bundle", classifier_bundle, env={**os.environ, "COLUMNS": "300"})
    assert done.returncode == 0, done.stderr
    assert "/\\xff[b]息.jpg" in done.stdout.decode()
    done = run(tmp_path, "--bundle", classifier_bundle, "--format", "jsonl")
    assert json.loads(done.stdout)["path"].endswith("/\\xff[b]息.jpg")


def test_a_folder_of_results_is_gone_on_with(
    study: Path, classifier_bundle: Path, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow", reason="Parquet needs the archive extra")
    out = tmp_path / "out"
    command = (study, "--bundle", classifier_bundle, "--out", out)
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert b"2 frames scored, 0 known already, 2 without a verdict" in done.stderr
    assert b"frame-not-an-image 1, frame-truncated 1" in done.stderr
    (folder,) = (out / "studies").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["frames.csv", "frames.parquet"]
    done = run(*command)
    assert done.returncode == 1
    assert b"ledger-mismatch" in done.stderr
    assert b"--resume" in done.stderr
    done = run(*command, "--resume")
    assert done.returncode == 0, done.stderr
    assert b"0 frames scored, 4 known already" in done.stderr
    for wrote in (*folder.iterdir(), out / "studies.csv"):
        assert str(study).encode() not in wrote.read_bytes()


def test_a_folder_holds_the_results_of_one_precision(
    study: Path, classifier_bundle: Path, tmp_path: Path
) -> None:
    if "int8" not in {one.precision for one in Bundle.open(classifier_bundle).manifest.variants}:
        pytest.skip("the bundle has no int8 variant")
    command: list[str | Path] = [study, "--bundle", classifier_bundle, "--provider", "cpu"]
    quick = ["--precision", "int8"]
    done = run(*command, *quick, "--format", "jsonl")
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    told = {verdict["model"]["precision"] for verdict in verdicts if "model" in verdict}
    assert told == {"int8"}
    command += ["--out", tmp_path / "out", "--format", "csv"]
    assert run(*command, *quick).returncode == 0
    refused = run(*command, "--resume")
    assert refused.returncode == 1
    assert b"--precision int8 --provider cpu" in b" ".join(refused.stderr.split())
    # The fastest that passed its gate is this very one.
    again = run(*command, "--precision", "auto", "--resume")
    assert b"0 frames scored, 4 known already" in again.stderr


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--format", "csv"], b"--out"),
        (["--resume"], b"--out"),
        (["--out", "nowhere", "--format", "jsonl"], b"screen"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    options: list[str], word: bytes, study: Path, tmp_path: Path
) -> None:
    done = run(study, *options, cwd=tmp_path)
    assert done.returncode == 2
    assert word in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_teaches() -> None:
    done = run("--help")
    assert done.returncode == 0
    text = done.stdout.decode()
    for word in (
        "--format",
        "jsonl",
        "clinician decides",
        "verdicts.jsonl",
        "exit status",
        "--resume",
        "pseudonym",
    ):
        assert word in text
