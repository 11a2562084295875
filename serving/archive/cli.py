"""`endolink score`: verdicts on stored pictures, without a service."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from endolink.model.classifier import Classifier, Explain
from endolink.model.errors import EndoLinkError
from endolink.model.runtime import Provider, available_cpus
from endolink.model.verdict import VERDICT_JSON, Verdict
from endolink.serving.archive.scoring import Scored, score_files
from endolink.serving.archive.sources.files import find_files


def score(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Pictures, and folders of pictures.", metavar="PATH", show_default=False
        ),
    ],
    *,
    bundle: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The exported model; by default the bundled colonoscopy model."
        ),
    ] = None,
    output: Annotated[
        Literal["table", "jsonl"],
        typer.Option("--format", help="A table to read, or one JSON object a line to go on with."),
    ] = "table",
    explain: Annotated[
        Explain,
        typer.Option(help="`box` also says where each finding was seen (in jsonl)."),
    ] = "none",
    provider: Annotated[
        Provider,
        typer.Option(help="What computes the network."),
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Pictures scored at once; by default one for each CPU allowed."),
    ] = None,
) -> None:
    """Score stored pictures: what may be a finding in each, with its probability.

    It points; the clinician decides. Nothing is uploaded.

    Folders are walked to their depths, hidden files left out. A file that cannot be scored is a
    line with its error, and the rest goes on; the exit status is 1 only if nothing at all was
    scored.

    For example:

        endolink score frame.jpg

        endolink score study-1/ study-2/ --format jsonl > verdicts.jsonl
    """
    workers = threads or available_cpus()
    # The pictures are what is done side by side, so that each network run needs one thread.
    classifier = Classifier.open(bundle, provider=provider, threads=1)
    files = list(find_files(paths))
    results = score_files(files, classifier, workers=workers, explain=explain)
    write = _write_lines if output == "jsonl" else _write_table
    # Lines on the same screen as the bar show by themselves how far it is.
    quiet = output == "jsonl" and sys.stdout.isatty()
    with _progress(results, len(files), quiet=quiet) as watched:
        scored = write(watched)
    if not scored:
        raise typer.Exit(1)


@contextmanager
def _progress(results: Iterator[Scored], total: int, *, quiet: bool) -> Iterator[Iterator[Scored]]:
    """Show on standard error how far `results` have come, if somebody watches."""
    console = Console(stderr=True)
    bar = Progress(
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}"),
        console=console,
        transient=True,
        redirect_stdout=False,
        disable=quiet or not console.is_terminal,
    )

    def watch() -> Iterator[Scored]:
        task = bar.add_task("scoring", total=total, failed="")
        failed = 0
        for result in results:
            failed += isinstance(result.outcome, EndoLinkError)
            bar.update(task, advance=1, failed=f"{failed} failed" if failed else "")
            yield result

    with bar:
        yield watch()


def _write_lines(results: Iterator[Scored]) -> int:
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
    # A name that is not UTF-8 has no place in JSON as it is; what can be read of it stays.
    line: dict[str, object] = {"path": os.fsencode(result.path).decode("utf-8", "backslashreplace")}
    if isinstance(result.outcome, Verdict):
        line |= VERDICT_JSON.dump_python(result.outcome, mode="json")
    else:
        line["error"] = {"code": result.outcome.code, "detail": result.outcome.detail}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _write_table(results: Iterator[Scored]) -> int:
    """Write all results as one table; give how many verdicts there were."""
    table = Table(caption="It points; the clinician decides.", caption_justify="left")
    table.add_column("path", overflow="fold")
    table.add_column("top finding")
    table.add_column("probability", justify="right")
    table.add_column("present")
    table.add_column("remarks")
    table.add_column("ms", justify="right")
    scored = 0
    for result in results:
        path = os.fsencode(result.path).decode("utf-8", "backslashreplace")
        verdict = result.outcome
        if isinstance(verdict, EndoLinkError):
            table.add_row(path, "", "", "", f"{verdict.code}: {verdict.detail}", "")
            continue
        scored += 1
        remarks = [*verdict.reasons, *([] if verdict.familiar else ["unfamiliar"])]
        table.add_row(
            path,
            verdict.top.label,
            f"{verdict.top.probability:.3f}",
            ", ".join(finding.label for finding in verdict.findings if finding.present) or "none",
            ", ".join(remarks),
            f"{verdict.timing_ms.total:.1f}",
        )
    Console(markup=False, emoji=False, highlight=False).print(table)
    return scored
