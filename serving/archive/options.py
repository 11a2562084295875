"""The options that `endolink score` and `endolink watch` share."""

import secrets
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from endolink.model.classifier import Classifier, Explain
from endolink.model.runtime import Provider
from endolink.serving.archive.sinks import Sink
from endolink.serving.archive.sinks.table import TableSink


class Form(StrEnum):
    """How results are given: the first two on the screen, the others in a folder."""

    TABLE = "table"
    JSONL = "jsonl"
    PARQUET = "parquet"
    CSV = "csv"


ON_SCREEN: Final = (Form.TABLE, Form.JSONL)

Bundle = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="The exported model; by default the bundled colonoscopy model."
    ),
]
Explains = Annotated[
    Explain,
    typer.Option(help="`box` also says where each finding was seen (not in the screen's table)."),
]
Every = Annotated[
    float | None,
    typer.Option(
        metavar="S", min=0.001, help="Of a video, one picture for each so many seconds; else all."
    ),
]
Interval = Annotated[
    float | None,
    typer.Option(
        metavar="S",
        min=0.001,
        help="How many seconds apart a folder's stills were taken, as a capsule's are; without it "
        "they have no times, and no events.",
    ),
]
Identifiers = Annotated[
    bool,
    typer.Option("--identifiers", help="Let the results say where each frame is stored."),
]
Secret = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="What pseudonyms are made from; made if it is not there. With the same one, a study "
        "has the same pseudonym in every folder. By default each folder has its own.",
    ),
]
Accelerator = Annotated[Provider, typer.Option(help="What computes the network.")]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Pictures scored at once; by default one for each CPU allowed."),
]

_SECRET_BYTES = 32


def open_classifier(bundle: Path | None, provider: Provider) -> Classifier:
    """Open a bundle for work on many pictures side by side."""
    # The pictures are what is done side by side, so that each network run needs one thread.
    return Classifier.open(bundle, provider=provider, threads=1)


def make_sinks(
    forms: Iterable[Form], classifier: Classifier, *, identifiers: bool
) -> dict[str, Sink]:
    """Make the sinks called `forms`, for what `classifier` finds."""
    variant = classifier.bundle.manifest.variant(classifier.identity.precision)
    thresholds = {point.code: point.threshold for point in variant.operating_points}
    sinks: dict[str, Sink] = {}
    for form in forms:
        match form:
            case Form.PARQUET:
                sinks[form] = TableSink("parquet", thresholds, identifiers=identifiers)
            case Form.CSV:
                sinks[form] = TableSink("csv", thresholds, identifiers=identifiers)
            case Form.TABLE | Form.JSONL:
                raise ValueError(f"{form.value} is for the screen")
    return sinks


def read_secret(path: Path) -> bytes:
    """Read the secret in `path`, or make one there that only its owner can read."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(_SECRET_BYTES))
    secret = path.read_bytes()
    if len(secret) < _SECRET_BYTES:
        raise typer.BadParameter(f"--secret needs at least {_SECRET_BYTES} bytes; {path} has fewer")
    return secret
