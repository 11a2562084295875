"""`endolink score` and `endolink watch`: verdicts on what is stored, without a service."""

import signal
import sys
import time
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from endolink.model.egress import SCREEN, EgressSettings, require
from endolink.model.errors import EndoLinkError
from endolink.serving.archive import options
from endolink.serving.archive.cluster import RayEngine, address
from endolink.serving.archive.job import Job, Unwritten, run
from endolink.serving.archive.ledger import Ledger
from endolink.serving.archive.meter import Meter
from endolink.serving.archive.options import Form
from endolink.serving.archive.picture import Picture
from endolink.serving.archive.scoring import Progress, Scored, score_pictures
from endolink.serving.archive.screen import write_lines, write_table
from endolink.serving.archive.sources import absolute, find
from endolink.serving.archive.sources.dicomweb import is_address
from endolink.serving.archive.watch import Arrivals, follow
from endolink.serving.audit.witness import rules_of


class EngineName(StrEnum):
    """Where the work is done."""

    LOCAL = "local"
    RAY = "ray"


@options.with_shared
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
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write study by study into this folder; see below."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with what --out holds; score no frame twice."),
    ] = False,
    engine: Annotated[
        EngineName,
        typer.Option(
            help="`ray` scores on the Ray cluster of RAY_ADDRESS, or one on this machine; needs "
            "--out, and the same files under the same paths everywhere."
        ),
    ] = EngineName.LOCAL,
    shared: options.Shared,
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
    forms = shared.check_forms(out, resume=resume)
    if out is None and engine is not EngineName.LOCAL:
        raise typer.BadParameter("a cluster's results go into a folder; name it with --out")
    rules = rules_of("score")
    if out is None:
        # Each line says where its picture is stored.
        require(frozenset({"identifiers", "verdicts"}), SCREEN, rules)
    if engine is EngineName.RAY:
        _require_cluster(rules)
    classifier = shared.open_classifier()
    if out is None:
        reading = shared.reading(classifier)
        pictures = (item for stored in find(places) for item in stored.pictures(reading))
        results = score_pictures(
            pictures, classifier, workers=shared.workers, explain=shared.explain
        )
        scored = _show(results, places, forms[0])
    else:
        ray = None
        if engine is EngineName.RAY:
            ray = RayEngine(
                shared.bundle,
                shared.provider,
                classifier.identity,
                shared.threads,
                shared.explain,
            )
        job = shared.job(out, forms, classifier, rules, ray)
        scored = _run(job, [absolute(place) for place in places], resume=resume)
    if not scored:
        raise typer.Exit(1)


@options.with_shared
def watch(
    places: Annotated[
        list[str],
        typer.Argument(
            help="The folders to follow, or a PACS: https://HOST/dicom-web/studies?ModalitiesInStudy=ES",
            metavar="SOURCE",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="As in `endolink score`.")],
    poll: Annotated[
        float, typer.Option(metavar="S", min=0.1, help="Look for new files and objects this often.")
    ] = 5.0,
    still: Annotated[
        float,
        typer.Option(metavar="S", min=0, help="A file has arrived when it was still for so long."),
    ] = 10.0,
    shared: options.Shared,
) -> None:
    """Follow folders or a PACS, and score what arrives there as `endolink score --out` does.

    It goes on until it is stopped (Ctrl-C, SIGTERM). Started again with the same line it goes on
    with what --out holds, and scores no frame twice. What comes later to a study, a further picture
    in its folder, has the study's results written again. A PACS that does not answer is asked again
    next time.

    It points; the clinician decides. Nothing is uploaded.

    For example:

        endolink watch incoming/ --out results --every 0.5

        endolink watch 'https://HOST/dicom-web/studies?ModalitiesInStudy=ES' --out results --poll 60
    """
    forms = shared.check_forms(out)
    arrivals = Arrivals(still)
    for place in places:
        if not is_address(place) and not Path(place).is_dir():
            raise typer.BadParameter(f"{place} is neither a folder nor a PACS's address")
    job = shared.job(out, forms, shared.open_classifier(), rules_of("watch"))
    console = Console(stderr=True, highlight=False)

    def pause() -> bool:
        time.sleep(poll)
        return False

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    unwritten = Unwritten()
    try:
        with job.open_ledger(resume=True) as ledger:
            arrived = follow(
                job,
                ledger,
                [absolute(place) for place in places],
                arrivals=arrivals,
                unwritten=unwritten,
                pause=pause,
                say=console.print,
            )
            for done in arrived:
                _tell(console, done, job, unwritten, _reasons(done, ledger))
    except KeyboardInterrupt:
        console.print("Stopped; the same line goes on from here.")


def _require_cluster(rules: EgressSettings) -> None:
    """Ask whether paths may go to a cluster elsewhere, and verdicts be made there."""
    if (elsewhere := address()) is not None:
        require(frozenset({"identifiers", "verdicts"}), elsewhere, rules)


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
                picture = result.picture
                left = place not in {None, picture.locator.place}
                share = picture.share if isinstance(picture, Picture) else None
                done = done.plus(things=left, failed=failed, scored=not failed).at(share)
                place = picture.locator.place
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
        reasons = _reasons(done, ledger)
    _tell(console, done, job, unwritten, reasons)
    if unwritten.errors:
        raise typer.Exit(1)
    return done.scored + done.known + done.passed


def _reasons(done: Progress, ledger: Ledger) -> dict[str, int]:
    return ledger.failures() if done.failed else {}


def _tell(
    console: Console, done: Progress, job: Job, unwritten: Unwritten, reasons: dict[str, int]
) -> None:
    if done == Progress():
        console.print("Nothing was found there to be scored.")
        return
    passed = f", {done.passed:,} files done before" if done.passed else ""
    console.print(
        f"{done.scored:,} frames scored, {done.known:,} known already, {done.failed:,} without a "
        f"verdict{passed}. Results are in {job.out}.",
        soft_wrap=True,
    )
    if reasons:
        said = ", ".join(f"{code} {count:,}" for code, count in reasons.items())
        console.print(f"Without a verdict in all: {said}. Each has a row that says why.")
    for pseudonym, error in unwritten.errors.items():
        console.print(f"[red]Study {pseudonym} was not written[/] ({error.code}): {error.detail}")


def _count(places: Iterable[str]) -> int:
    return sum(1 for _ in find(places))
