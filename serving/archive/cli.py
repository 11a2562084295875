"""`endolink score` and `endolink watch`: verdicts on what is stored, without a service."""

import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from endolink.model.errors import EndoLinkError
from endolink.model.runtime import available_cpus
from endolink.serving.archive import options
from endolink.serving.archive.job import Job, Unwritten, run
from endolink.serving.archive.meter import Meter
from endolink.serving.archive.options import Form
from endolink.serving.archive.picture import Reading
from endolink.serving.archive.scoring import Progress, Scored, score_pictures
from endolink.serving.archive.screen import write_lines, write_table
from endolink.serving.archive.sources import absolute, find
from endolink.serving.archive.watch import Arrivals, follow


def score(
    places: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, videos, DICOM, DICOMDIR, ZIP and TAR files, and folders of these; or a "
            "PACS: https://HOST/dicom-web/studies?StudyDate=20240101-20240131",
            metavar="SOURCE",
            show_default=False,
        ),
    ],
    *,
    bundle: options.Bundle = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write study by study into this folder; see below."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with what --out holds; score no frame twice."),
    ] = False,
    forms: Annotated[
        list[Form] | None,
        typer.Option(
            "--format",
            help="On the screen `table` or `jsonl`; with --out any of the others, as often as you "
            "like. By default table; with --out parquet and csv.",
        ),
    ] = None,
    explain: options.Explains = "none",
    every: options.Every = None,
    interval: options.Interval = None,
    identifiers: options.Identifiers = False,
    secret: options.Secret = None,
    store: options.Store = None,
    provider: options.Accelerator = "auto",
    threads: options.Threads = None,
) -> None:
    """Score stored pictures: what may be a finding in each, with its probability.

    It points; the clinician decides. Nothing is uploaded.

    Folders are walked to their depths, hidden files left out. What cannot be read is a line with
    its error, and the rest goes on; the exit status is 1 if nothing at all was scored.

    Without --out every picture is a line on the screen. With it, pictures are studies: a folder of
    pictures is one (so is a folder inside a ZIP or TAR), a video is one, a DICOM study is one.
    DIR/studies holds a folder for each, named by a pseudonym; DIR/studies.csv a line for each;
    DIR/private the ledger, which alone knows the originals: keep it to yourself. A run that was
    stopped or killed goes on with the same line and --resume.

    For example:

        endolink score frame.jpg

        endolink score study-1/ study-2/ --format jsonl > verdicts.jsonl

        endolink score archive/ --out results --every 0.5

        endolink score archive/ --out results --every 0.5 --resume
    """
    chosen = tuple(
        dict.fromkeys(forms or ([Form.TABLE] if out is None else [Form.PARQUET, Form.CSV]))
    )
    _check_forms(chosen, out, resume=resume)
    classifier = options.open_classifier(bundle, provider)
    reading = Reading(limits=classifier.limits, every_s=every, interval_s=interval)
    workers = threads or available_cpus()
    if out is None:
        pictures = (item for stored in find(places) for item in stored.pictures(reading))
        results = score_pictures(pictures, classifier, workers=workers, explain=explain)
        scored = _show(results, places, chosen[0])
    else:
        job = Job(
            out=out,
            classifier=classifier,
            sinks=options.make_sinks(
                chosen, classifier, identifiers=identifiers, reading=reading, store=store
            ),
            reading=reading,
            explain=explain,
            workers=workers,
            secret=None if secret is None else options.read_secret(secret),
        )
        scored = _run(job, [absolute(place) for place in places], resume=resume)
    if not scored:
        raise typer.Exit(1)


def watch(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="The folders to follow.",
            metavar="FOLDER",
            show_default=False,
            exists=True,
            file_okay=False,
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="As in `endolink score`.")],
    poll: Annotated[
        float, typer.Option(metavar="S", min=0.1, help="Look for new files this often.")
    ] = 5.0,
    still: Annotated[
        float,
        typer.Option(metavar="S", min=0, help="A file has arrived when it was still for so long."),
    ] = 10.0,
    bundle: options.Bundle = None,
    forms: Annotated[
        list[Form] | None,
        typer.Option("--format", help="As in `endolink score` with --out."),
    ] = None,
    explain: options.Explains = "none",
    every: options.Every = None,
    interval: options.Interval = None,
    identifiers: options.Identifiers = False,
    secret: options.Secret = None,
    store: options.Store = None,
    provider: options.Accelerator = "auto",
    threads: options.Threads = None,
) -> None:
    """Follow folders, and score what arrives there as `endolink score --out` does.

    It goes on until it is stopped (Ctrl-C, SIGTERM). Started again with the same line it goes on
    with what --out holds, and scores no frame twice. What comes later to a study, a further picture
    in its folder, has the study's results written again.

    It points; the clinician decides. Nothing is uploaded.

    For example:

        endolink watch incoming/ --out results --every 0.5
    """
    chosen = tuple(dict.fromkeys(forms or [Form.PARQUET, Form.CSV]))
    _check_forms(chosen, out, resume=True)
    classifier = options.open_classifier(bundle, provider)
    reading = Reading(limits=classifier.limits, every_s=every, interval_s=interval)
    job = Job(
        out=out,
        classifier=classifier,
        sinks=options.make_sinks(
            chosen, classifier, identifiers=identifiers, reading=reading, store=store
        ),
        reading=reading,
        explain=explain,
        workers=threads or available_cpus(),
        secret=None if secret is None else options.read_secret(secret),
    )
    console = Console(stderr=True, highlight=False)

    def pause() -> bool:
        time.sleep(poll)
        return False

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    unwritten = Unwritten()
    places = [folder.absolute() for folder in folders]
    try:
        with job.open_ledger(resume=True) as ledger:
            arrived = follow(
                job, ledger, places, arrivals=Arrivals(still), unwritten=unwritten, pause=pause
            )
            for done in arrived:
                _tell(console, done, job, unwritten)
    except KeyboardInterrupt:
        console.print("Stopped; the same line goes on from here.")


def _check_forms(forms: tuple[Form, ...], out: Path | None, *, resume: bool) -> None:
    screen = [form for form in forms if form in options.ON_SCREEN]
    if out is None and (resume or screen != list(forms) or len(forms) > 1):
        raise typer.BadParameter("on the screen, --format is `table` or `jsonl`; others need --out")
    if out is not None and screen:
        raise typer.BadParameter(
            f"`{screen[0].value}` is for the screen; leave out --out, or the format"
        )


def _show(results: Iterator[Scored], places: list[str], form: Form) -> int:
    """Write the results on the screen; give how many verdicts there were."""
    write = write_lines if form is Form.JSONL else write_table
    # Lines on the same screen as the bar show by themselves how far it is.
    quiet = form is Form.JSONL and sys.stdout.isatty()
    with Meter(Console(stderr=True), lambda: _count(places), quiet=quiet) as meter:

        def watched() -> Iterator[Scored]:
            done, place = Progress(), None
            for result in results:
                failed = isinstance(result.outcome, EndoLinkError)
                done = done.plus(
                    things=result.picture.locator.place != place,
                    failed=failed,
                    scored=not failed,
                )
                place = result.picture.locator.place
                meter.show(done)
                yield result

        return write(watched())


def _run(job: Job, places: list[str], *, resume: bool) -> int:
    """Do the job, show how far it is, and say what came of it; give how much is scored."""
    console = Console(stderr=True, highlight=False)
    unwritten = Unwritten()
    done = Progress()
    with job.open_ledger(resume=resume) as ledger, Meter(console, lambda: _count(places)) as meter:
        for done in run(job, ledger, find(places), unwritten):
            meter.show(done)
    _tell(console, done, job, unwritten)
    if unwritten.errors:
        raise typer.Exit(1)
    return done.scored + done.known + done.passed


def _tell(console: Console, done: Progress, job: Job, unwritten: Unwritten) -> None:
    console.print(
        f"{done.scored:,} frames scored, {done.known:,} known already, {done.failed:,} without a "
        f"verdict. Results are in {job.out}.",
        soft_wrap=True,
    )
    for pseudonym, error in unwritten.errors.items():
        console.print(f"[red]Study {pseudonym} was not written[/] ({error.code}): {error.detail}")


def _count(places: Iterable[str]) -> int:
    return sum(1 for _ in find(places))
