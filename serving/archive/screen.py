"""Verdicts on the screen: a table to read, or JSON lines to go on with."""

import json
import os
import sys
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from endolink.model.errors import EndoLinkError
from endolink.model.verdict import VERDICT_JSON, Verdict
from endolink.serving.archive.picture import readable
from endolink.serving.archive.scoring import Scored


def write_lines(results: Iterator[Scored]) -> int:
    """Write each result as one line of JSON; give how many verdicts there were."""
    scored = 0
    lines = sys.stdout.buffer
    try:
        for result in results:
            lines.write(json_line(result))
            lines.flush()
            scored += isinstance(result.outcome, Verdict)
    except BrokenPipeError:
        # Whoever read (`| head`) has read enough. Nothing may be flushed there at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return scored


def json_line(result: Scored) -> bytes:
    """Give `result` as one line of UTF-8 JSON: a verdict or an error, and its `path`."""
    line: dict[str, object] = {"path": readable(result.picture.locator)}
    if isinstance(result.outcome, Verdict):
        line |= VERDICT_JSON.dump_python(result.outcome, mode="json")
    else:
        line["error"] = {"code": result.outcome.code, "detail": result.outcome.detail}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def write_table(results: Iterator[Scored]) -> int:
    """Write all results as one table; give how many verdicts there were."""
    table = Table(caption="It points; the clinician decides.", caption_justify="left")
    table.add_column("path", overflow="fold")
    table.add_column("top finding", no_wrap=True)
    table.add_column("present")
    table.add_column("remarks")
    table.add_column("ms", justify="right")
    scored = 0
    for result in results:
        path = readable(result.picture.locator)
        verdict = result.outcome
        if isinstance(verdict, EndoLinkError):
            table.add_row(path, "", "", f"{verdict.code}: {verdict.detail}", "")
            continue
        scored += 1
        remarks = [*verdict.reasons, *([] if verdict.familiar else ["unfamiliar"])]
        table.add_row(
            path,
            f"{verdict.top.probability:.3f} {verdict.top.code}",
            ", ".join(finding.code for finding in verdict.findings if finding.present) or "none",
            ", ".join(remarks),
            f"{verdict.timing_ms.total:.1f}",
        )
    Console(markup=False, emoji=False, highlight=False).print(table)
    return scored
