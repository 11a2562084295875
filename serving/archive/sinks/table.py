"""Tables: one row a frame, as Parquet or CSV, for whoever goes on calculating."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

from endolink import __version__
from endolink.model.egress import DataKind, EgressSettings, require
from endolink.model.errors import ExtraMissing
from endolink.model.verdict import ModelIdentity
from endolink.serving.archive.picture import readable
from endolink.serving.archive.sinks import whole
from endolink.serving.archive.study import Failure, FrameResult, StudyResult

SCHEMA_VERSION: Final = "1"

# Name, type, unit where there is one, and meaning. What each finding adds is in `columns`.
_COLUMNS: Final = (
    ("study", "string", "", "The study's pseudonym."),
    ("frame", "int64", "", "The frame's number in the study, from 0, in order."),
    ("series", "int64", "", "Frames of one series share a clock; numbered from 0 in order."),
    ("time_s", "double", "s", "Since the series began; null where that is not known."),
    ("sha256", "string", "", "Of the bytes as stored, or of a video picture's RGB pixels."),
    ("width", "int64", "px", "Of the original frame."),
    ("height", "int64", "px", "Of the original frame."),
    ("usable", "bool", "", "Whether the frame was fit to be judged; it changes no probability."),
    ("reasons", "list<string>", "", "Why it was not."),
    ("familiar", "bool", "", "Whether the frame looks like those the model was validated on."),
    ("familiarity", "double", "1", "Share of the validation frames that looked at least as odd."),
    ("top", "string", "", "The finding of highest probability."),
    ("key_frame", "bool", "", "Whether it is among the study's key frames."),
    ("shortlisted", "bool", "", "Whether it is on the shortlist for a reader of a long study."),
    ("error_code", "string", "", "Why there is no verdict; null where there is one."),
    ("error_detail", "string", "", "The same in words."),
)
_SOURCE: Final = ("source", "string", "", "Where the frame is stored. It may identify a patient.")

Column = tuple[str, str, str, str]


class TableSink:
    """Writes `frames.parquet` or `frames.csv`; Parquet needs the `archive` extra.

    With `identifiers` each row says where its frame is stored.
    """

    _BATCH = 2048

    def __init__(
        self,
        form: Literal["parquet", "csv"],
        findings: dict[str, float],
        *,
        identifiers: bool = False,
        rules: EgressSettings | None = None,
    ) -> None:
        self._form = form
        self._rules = rules or EgressSettings()
        self._thresholds = findings
        self._identifiers = identifiers
        self.columns = columns(findings, identifiers=identifiers)
        if form == "parquet":
            # What is missing is told before a night of scoring, not after it.
            _import_pyarrow()

    def write(self, result: StudyResult, destination: Path) -> None:
        """Write one row for each frame, those without a verdict too; raises EgressRefused."""
        kinds: set[DataKind] = {"verdicts"}
        if self._identifiers:
            kinds.add("identifiers")
        require(frozenset(kinds), destination, self._rules)
        with whole(destination / f"frames.{self._form}") as path:
            if self._form == "csv":
                self._write_csv(result, path)
            else:
                self._write_parquet(result, path)

    def rows(self, result: StudyResult) -> Iterator[dict[str, Any]]:
        """Give each frame as a row: a value or None for every column, in the columns' order."""
        series: dict[str, int] = {}
        keys = {key.frame.number for key in result.key_frames}
        shortlist = set(result.shortlist)
        for frame in result.frames:
            number = series.setdefault(frame.series, len(series))
            row = {"study": result.pseudonym, **_row(frame, number)}
            if "error_code" not in row:
                row["key_frame"] = frame.number in keys
                row["shortlisted"] = frame.number in shortlist
            if self._identifiers:
                row["source"] = readable(frame.locator)
            yield {name: row.get(name) for name, *_ in self.columns}

    def _write_csv(self, result: StudyResult, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [name for name, *_ in self.columns])
            writer.writeheader()
            for row in self.rows(result):
                if row["reasons"] is not None:
                    row["reasons"] = ";".join(row["reasons"])
                writer.writerow(row)

    def _write_parquet(self, result: StudyResult, path: Path) -> None:
        pa, pq = _import_pyarrow()
        schema = _arrow_schema(pa, self.columns, self._metadata(result.model, result.notice))
        rows = self.rows(result)
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            while batch := list(islice(rows, self._BATCH)):
                writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=schema))

    def _metadata(self, model: ModelIdentity, notice: str) -> dict[str, str]:
        return {
            "endolink.schema": SCHEMA_VERSION,
            "endolink.version": __version__,
            "endolink.notice": notice,
            "endolink.model.name": model.name,
            "endolink.model.version": model.version,
            "endolink.model.digest": model.digest,
            "endolink.model.precision": model.precision,
            "endolink.model.provider": model.provider,
            **{f"endolink.threshold.{code}": repr(at) for code, at in self._thresholds.items()},
        }


def columns(findings: dict[str, float], *, identifiers: bool) -> tuple[Column, ...]:
    """List the columns: name, type, unit and meaning; `findings` are codes with thresholds."""
    added: list[Column] = []
    for code, threshold in findings.items():
        name = code.replace("-", "_")
        added += [
            (f"{name}_probability", "double", "1", f"Calibrated probability of {code}."),
            (f"{name}_present", "bool", "", f"Whether that is at least {threshold!r}."),
            (
                f"{name}_box",
                "list<int64>",
                "px",
                f"x0, y0, x1, y1 of what speaks for {code}, half open; null unless asked for.",
            ),
        ]
    *common, code_column, detail_column = _COLUMNS
    return (
        *common,
        *added,
        code_column,
        detail_column,
        *((_SOURCE,) if identifiers else ()),
    )


def _row(frame: FrameResult, series: int) -> dict[str, Any]:
    row: dict[str, Any] = {"frame": frame.number, "series": series, "time_s": frame.time_s}
    verdict = frame.outcome
    if isinstance(verdict, Failure):
        return row | {"error_code": verdict.code, "error_detail": verdict.detail}
    row |= {
        "sha256": verdict.frame.sha256,
        "width": verdict.frame.width,
        "height": verdict.frame.height,
        "usable": verdict.usable,
        "reasons": list(verdict.reasons),
        "familiar": verdict.familiar,
        "familiarity": verdict.familiarity,
        "top": verdict.top.code,
    }
    for finding in verdict.findings:
        name = finding.code.replace("-", "_")
        row[f"{name}_probability"] = finding.probability
        row[f"{name}_present"] = finding.present
        row[f"{name}_box"] = None if finding.box is None else list(finding.box)
    return row


# PyArrow's own types exist only where it is installed.
def _arrow_schema(pa: Any, listed: tuple[Column, ...], metadata: dict[str, str]) -> Any:
    types = {
        "string": pa.string(),
        "int64": pa.int64(),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "list<string>": pa.list_(pa.string()),
        "list<int64>": pa.list_(pa.int64()),
    }
    fields = [
        pa.field(
            name, types[kind], metadata={"meaning": meaning} | ({"unit": unit} if unit else {})
        )
        for name, kind, unit, meaning in listed
    ]
    return pa.schema(fields, metadata)


def _import_pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, as in model/video.py
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise ExtraMissing(
            "Parquet needs the archive extra; pip install 'endolink[archive]' brings it, and "
            "--format csv needs nothing."
        ) from error
    # Where pandas is installed, PyArrow imports it at its first conversion: a second, spent here.
    pa.array([0])
    return pa, pq
