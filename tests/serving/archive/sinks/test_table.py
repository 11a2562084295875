import csv
from pathlib import Path

import pytest

from endolink.serving.archive.sinks.table import TableSink, columns
from endolink.serving.archive.study import NOTICE, Failure
from tests.serving.archive.verdicts import MODEL, THRESHOLD, study, verdict

THRESHOLDS = {"polyp": THRESHOLD, "bbps-2-3": THRESHOLD}
RESULT = study(
    [
        (
            verdict({"polyp": 0.1 + 0.8 * (n == 2), "bbps-2-3": 0.7}, reasons=("dark", "blurred")),
            n,
            n,
        )
        for n in range(3)
    ]
    + [(Failure("frame-empty", 'Nothing, "really".'), None, 0)]
)


def test_parquet_has_a_row_a_frame_and_says_what_it_means(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="Parquet needs the archive extra")
    TableSink("parquet", THRESHOLDS).write(RESULT, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["frames.parquet"]
    table = pq.read_table(tmp_path / "frames.parquet")
    rows = table.to_pylist()
    assert [row["frame"] for row in rows] == [0, 1, 2, 3]
    assert rows[2]["polyp_probability"] == pytest.approx(0.9)
    assert [row["polyp_present"] for row in rows] == [False, False, True, None]
    assert rows[0]["reasons"] == ["dark", "blurred"]
    assert [row["key_frame"] for row in rows] == [False, False, True, None]
    assert [row["shortlisted"] for row in rows] == [False, False, False, None]
    assert (rows[3]["error_code"], rows[3]["sha256"]) == ("frame-empty", None)
    assert {row["study"] for row in rows} == {"pseudonym"}
    about = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert about["endolink.model.digest"] == MODEL.digest
    assert about["endolink.model.name"] == "given"
    assert about["endolink.notice"] == NOTICE
    assert about["endolink.threshold.polyp"] == "0.5"
    time_s = table.schema.field("time_s").metadata
    assert time_s[b"unit"] == b"s"
    assert all(table.schema.field(name).metadata[b"meaning"] for name in table.column_names)


def test_csv_has_the_same_rows(tmp_path: Path) -> None:
    TableSink("csv", THRESHOLDS).write(RESULT, tmp_path)
    with (tmp_path / "frames.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["0", "1", "2", "3"]
    assert float(rows[2]["polyp_probability"]) == pytest.approx(0.9)
    assert rows[0]["reasons"] == "dark;blurred"
    assert rows[3]["error_detail"] == 'Nothing, "really".'


def test_where_frames_are_stored_is_said_only_when_asked(tmp_path: Path) -> None:
    assert "source" not in {name for name, *_ in columns(THRESHOLDS, identifiers=False)}
    for asked in (False, True):
        TableSink("csv", THRESHOLDS, identifiers=asked).write(RESULT, tmp_path)
        assert ("/s/0.jpg" in (tmp_path / "frames.csv").read_text()) == asked
