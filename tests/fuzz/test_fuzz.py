"""The parsers of untrusted bytes: over the committed corpus, and fuzzed for a while.

The corpus holds what made a parser fail once, beside what it is for: to replay it is the test that
no such fault comes back.
"""

import importlib.util
import logging
import os
import time
import warnings
from pathlib import Path

import pytest

from tests.fuzz.bounds import MOST_S
from tests.fuzz.session import CORPUS, FOUND, TARGETS, load, run
from tests.fuzz.worker import TooMuch, bounded

pytest.importorskip("pydicom", reason="DICOM needs the archive extra")
pytest.importorskip("av", reason="video needs the archive extra")

ATHERIS = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this machine"
)
PAIRS = [(name, path.name) for name in TARGETS for path in sorted((CORPUS / name).iterdir())]


@pytest.mark.parametrize(("name", "file"), PAIRS)
def test_the_corpus_breaks_no_rule(name: str, file: str, caplog: pytest.LogCaptureFixture) -> None:
    begun = time.process_time()
    with warnings.catch_warnings():
        # What pydicom thinks of a damaged file is no matter.
        warnings.simplefilter("ignore")
        load(name).check((CORPUS / name / file).read_bytes())
    assert time.process_time() - begun < MOST_S + 1  # with what is imported on the way
    assert logging.WARNING not in {record.levelno for record in caplog.records}


def test_the_corpus_is_small_and_all_of_it_is_made_by_the_script() -> None:
    for name in TARGETS:
        files = {path.name for path in (CORPUS / name).iterdir()}
        assert {file for file in files if not file.startswith(FOUND)} == set(load(name).seeds())
    assert sum(path.stat().st_size for path in CORPUS.rglob("*")) < 600_000


def test_a_slow_input_and_one_that_takes_memory_are_findings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = bounded(lambda _: None, 1.0)
    check(b"")
    with pytest.raises(TooMuch, match="processor time"):
        bounded(lambda _: None, -1.0)(b"")
    monkeypatch.setattr("tests.fuzz.worker.MOST_MB", 1)
    with pytest.raises(TooMuch, match="MB"):
        check(b"")


@ATHERIS
def test_a_faulty_parser_is_found_out(tmp_path: Path) -> None:
    (done,) = run(["tests.fuzz.faulty"], 20, seed=1, folder=tmp_path)
    assert done.found is not None
    assert done.found[:2] == b"FU"
    assert done.found[2:3] in {b"C", b"S", b"M"}


@ATHERIS
def test_a_second_of_fuzzing_each_parser_finds_nothing() -> None:
    runs = list(run(TARGETS, 1, most=10_000, seed=1))
    assert [done.name for done in runs] == list(TARGETS)
    for done in runs:
        assert done.found is None, done.said[-4000:]
        # The corpus was read, and something was made of it.
        assert done.executions > len(list((CORPUS / done.name).iterdir())), done.said[-4000:]
        assert done.edges >= done.begun > 0


@ATHERIS
@pytest.mark.soak
def test_fuzzing_each_parser_for_long_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = int(os.environ.get("ENDOLINK_FUZZ_SECONDS", "120"))
    for done in run(TARGETS, seconds):
        with capsys.disabled():
            print(f"{done.name}: {done.executions} executions, {done.edges} branches")
        assert done.found is None, done.said[-4000:]
