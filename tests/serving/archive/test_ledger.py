import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from endolink.model.errors import (
    FrameTruncated,
    LedgerBusy,
    LedgerMismatch,
    LedgerUnreadable,
)
from endolink.model.verdict import ModelIdentity, Verdict
from endolink.serving.archive.ledger import Ledger, Outcome
from endolink.serving.archive.picture import Locator, Picture, Unread
from endolink.serving.archive.study import Failure
from endolink.serving.models import Models
from tests.serving.service import picture

MODEL = ModelIdentity("tiny", "0.1.0", "sha256:" + "0" * 64, "fp32", "cpu")


def begin(folder: Path, *, resume: bool = False, secret: bytes | None = None) -> Ledger:
    path = folder / "private/ledger.sqlite"
    return Ledger.open(path, MODEL, {"every_s": 1.0}, resume=resume, secret=secret)


def found(name: str, study: str = "/s", index: int = 0, series: str = "") -> Picture:
    return Picture(Locator(name), study, lambda: b"", series=series, index=index, time_s=1.5)


@pytest.fixture(scope="module")
def verdict(models: Models) -> Verdict:
    return models.get(None).score([picture()])[0]


def test_what_was_written_comes_back_in_order(tmp_path: Path, verdict: Verdict) -> None:
    look = np.arange(8, dtype=np.float32)
    with begin(tmp_path) as ledger:
        ledger.record(found("/s/10.jpg"), "ten", Outcome(verdict, look))
        ledger.record(found("/s/2.jpg"), "two", Outcome(Failure("frame-empty", "Nothing.")))
        ledger.record_failure(
            Unread(Locator("/s/z.zip", "m", 3), "/s", FrameTruncated("cut")), Failure("x", "y")
        )
        ledger.record(found("/t/1.jpg", "/t", 5, "b"), "ten", None)
        ledger.record(found("/t/2.jpg", "/t", 4, "b"), "two", None)
        ledger.record(found("/t/3.jpg", "/t", 9, "a"), "two", None)
    with begin(tmp_path, resume=True) as ledger:
        frames = list(ledger.frames("/s"))
        assert [frame.number for frame, _ in frames] == [0, 1, 2]
        assert [str(frame.locator) for frame, _ in frames] == [
            "/s/2.jpg",
            "/s/10.jpg",
            "/s/z.zip!m#3",
        ]
        assert [frame.outcome for frame, _ in frames] == [
            Failure("frame-empty", "Nothing."),
            verdict,
            Failure("x", "y"),
        ]
        assert frames[1][0].time_s == 1.5
        assert [None if d is None else d.tolist() for _, d in frames] == [None, look.tolist(), None]
        places = [frame.locator.place for frame, _ in ledger.frames("/t")]
        assert places == ["/t/3.jpg", "/t/2.jpg", "/t/1.jpg"]
        assert ledger.known("ten")
        assert not ledger.known("three")


def test_a_study_is_unwritten_until_it_is_written_and_when_it_changes(
    tmp_path: Path, verdict: Verdict
) -> None:
    with begin(tmp_path) as ledger:
        ledger.record(found("/s/1.jpg"), "one", Outcome(verdict))
        assert ledger.unwritten("csv") == ["/s"]
        ledger.mark_written("/s", "csv", "a line")
        assert ledger.unwritten("csv") == []
        assert ledger.unwritten("csv parquet") == ["/s"]
        ledger.record(found("/s/1.jpg"), "one", None)
        assert ledger.unwritten("csv") == []
        ledger.record(found("/s/1.jpg"), "other", Outcome(verdict))
        assert ledger.unwritten("csv") == ["/s"]
        assert ledger.lines() == ["a line"]


def test_a_thing_is_read_again_until_it_was_read_through(tmp_path: Path, verdict: Verdict) -> None:
    with begin(tmp_path) as ledger:
        assert ledger.begin("/v.mp4", "d1")
        ledger.record(found("/v.mp4", "/v.mp4"), "one", Outcome(verdict))
        assert ledger.begin("/v.mp4", "d1")
        assert len(list(ledger.frames("/v.mp4"))) == 1
        ledger.end("/v.mp4")
        assert not ledger.begin("/v.mp4", "d1")
        # It has changed: what it was is forgotten.
        assert ledger.begin("/v.mp4", "d2")
        assert list(ledger.frames("/v.mp4")) == []


def test_names_need_not_be_text(tmp_path: Path, verdict: Verdict) -> None:
    name = os.fsdecode(b"/s/\xff.jpg")
    with begin(tmp_path) as ledger:
        ledger.record(found(name, os.fsdecode(b"/\xfe")), "one", Outcome(verdict))
        (study,) = ledger.unwritten("csv")
        assert [frame.locator.place for frame, _ in ledger.frames(study)] == [name]
        assert len(ledger.pseudonym(study)) == 16


def test_pseudonyms_depend_on_the_secret_and_the_study_alone(tmp_path: Path) -> None:
    names = []
    for number, secret in enumerate((b"a" * 32, b"a" * 32, b"b" * 32, None, None)):
        with begin(tmp_path / str(number), secret=secret) as ledger:
            names.append(ledger.pseudonym("/s"))
            assert ledger.pseudonym("/t") != names[-1]
            assert names[-1].isalnum()
    assert names[0] == names[1]
    assert len(set(names)) == 4


def test_a_ledger_is_not_gone_on_with_by_accident(tmp_path: Path) -> None:
    begin(tmp_path).close()
    with pytest.raises(LedgerMismatch, match="--resume"):
        begin(tmp_path)
    path = tmp_path / "private/ledger.sqlite"
    with pytest.raises(LedgerMismatch, match="another model"):
        Ledger.open(path, replace(MODEL, digest="sha256:1"), {"every_s": 1.0}, resume=True)
    for other in ({"precision": "int8"}, {"provider": "openvino"}):
        with pytest.raises(LedgerMismatch, match="--precision fp32 --provider cpu"):
            Ledger.open(path, replace(MODEL, **other), {"every_s": 1.0}, resume=True)
    with pytest.raises(LedgerMismatch, match="other options"):
        Ledger.open(path, MODEL, {"every_s": 2.0}, resume=True)
    with pytest.raises(LedgerMismatch, match="another secret"):
        begin(tmp_path, resume=True, secret=b"x" * 32)
    begin(tmp_path, resume=True).close()


def test_one_run_at_a_time_has_it(tmp_path: Path) -> None:
    with begin(tmp_path), pytest.raises(LedgerBusy):
        begin(tmp_path, resume=True)
    begin(tmp_path, resume=True).close()


def test_what_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "private/ledger.sqlite"
    path.parent.mkdir()
    path.write_bytes(b"not a ledger" * 100)
    with pytest.raises(LedgerUnreadable):
        begin(tmp_path, resume=True)
    assert path.read_bytes() == b"not a ledger" * 100
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE meta (a)")
        other.execute("PRAGMA user_version = 7")
    other.close()
    with pytest.raises(LedgerUnreadable):
        begin(tmp_path, resume=True)


def test_what_was_recorded_survives_a_kill(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from tests.serving.archive.test_ledger import begin, found
from endolink.serving.archive.ledger import Outcome
from endolink.serving.archive.study import Failure
ledger = begin(Path({str(tmp_path)!r}))
for n in range(50):
    ledger.record(found(f"/s/{{n}}.jpg"), str(n), Outcome(Failure("c", "d")))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert done.returncode == -9
    with begin(tmp_path, resume=True) as ledger:
        # All but what was gathered for the next transaction.
        assert len(list(ledger.frames("/s"))) == 48
    assert [path.name for path in (tmp_path / "private").iterdir()] == ["ledger.sqlite"]
    assert (tmp_path / "private").stat().st_mode & 0o077 == 0
