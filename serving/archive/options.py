"""The options that `endolink score` and `endolink watch` share, and what is made from them."""

import inspect
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from endolink.model.classifier import Classifier, Explain
from endolink.model.egress import EgressSettings
from endolink.model.errors import ExtraMissing
from endolink.model.runtime import Provider, available_cpus
from endolink.model.signer import Signers
from endolink.serving.archive.job import Job
from endolink.serving.archive.picture import Reading
from endolink.serving.archive.scoring import Engine
from endolink.serving.archive.sinks import Sink
from endolink.serving.archive.sinks.fhir import FhirSink
from endolink.serving.archive.sinks.report import ReportSink
from endolink.serving.archive.sinks.table import TableSink
from endolink.serving.archive.sources.dicomweb import Pacs

if TYPE_CHECKING:
    from endolink.serving.archive.sinks.dicom_objects import DicomStore


class Form(StrEnum):
    """How results are given: the first two on the screen, the others in a folder."""

    TABLE = "table"
    JSONL = "jsonl"
    PARQUET = "parquet"
    CSV = "csv"
    HTML = "html"
    FHIR = "fhir"
    DICOM_SR = "dicom-sr"
    KEY_OBJECTS = "key-objects"
    CAPTURES = "captures"


ON_SCREEN: Final = (Form.TABLE, Form.JSONL)
_DICOM: Final = frozenset({Form.DICOM_SR, Form.KEY_OBJECTS, Form.CAPTURES})

Bundle = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="The exported model; by default the bundled colonoscopy model."
    ),
]
Signer = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Score with no bundle that this key (or authority's certificate, in PEM) does not "
        "vouch for; again for more. The bundled model needs no signature.",
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
Keyframes = Annotated[
    bool,
    typer.Option(
        "--keyframes",
        help="Of a video file, only the pictures that were coded without the others: a second or "
        "several apart, and many times as fast.",
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
Store = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="A PACS (https://HOST/dicom-web) that gets dicom-sr, key-objects and captures as "
        "well; ENDOLINK_EGRESS has to allow it.",
    ),
]
Accelerator = Annotated[Provider, typer.Option(help="What computes the network.")]
Computed = Annotated[
    Literal["auto", "fp32", "int8", "bf16"],
    typer.Option(
        help="What the network computes in, where the bundle holds it; auto: the fastest that "
        "passed its gate here. A folder holds the results of one."
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Pictures scored at once; by default one for each CPU allowed."),
]

Forms = Annotated[
    list[Form] | None,
    typer.Option(
        "--format",
        help="On the screen `table` or `jsonl`; with --out any of the others, as often as you "
        "like. By default table; with --out parquet and csv.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Shared:
    """How stored pictures are scored, whichever command was given."""

    bundle: Bundle = None
    signer: Signer = None
    forms: Forms = None
    explain: Explains = "none"
    every: Every = None
    keyframes: Keyframes = False
    interval: Interval = None
    identifiers: Identifiers = False
    secret: Secret = None
    store: Store = None
    provider: Accelerator = "auto"
    precision: Computed = "fp32"
    threads: Threads = None

    @property
    def workers(self) -> int:
        """How many pictures are scored at once."""
        return self.threads or available_cpus()

    def check_forms(self, out: Path | None, *, resume: bool = False) -> tuple[Form, ...]:
        """Give the forms without repetition; raises BadParameter where they do not fit `out`."""
        default = [Form.TABLE] if out is None else [Form.PARQUET, Form.CSV]
        forms = tuple(dict.fromkeys(self.forms or default))
        screen = [form for form in forms if form in ON_SCREEN]
        if out is None and (resume or screen != list(forms) or len(forms) > 1):
            raise typer.BadParameter(
                "on the screen, --format is `table` or `jsonl`; others need --out"
            )
        if out is not None and screen:
            raise typer.BadParameter(
                f"`{screen[0].value}` is for the screen; leave out --out, or the format"
            )
        return forms

    def open_classifier(self) -> Classifier:
        """Open the bundle for work on many pictures side by side."""
        # The pictures are what is done side by side, so that each network run needs one thread.
        signers = Signers.read(self.signer) if self.signer else None
        return Classifier.open(
            self.bundle,
            provider=self.provider,
            threads=1,
            precision=self.precision,
            signers=signers,
        )

    def reading(self, classifier: Classifier) -> Reading:
        """Say how stored things are read."""
        return Reading(
            limits=classifier.limits,
            every_s=self.every,
            interval_s=self.interval,
            keyframes=self.keyframes,
        )

    def job(
        self,
        out: Path,
        forms: Iterable[Form],
        classifier: Classifier,
        rules: EgressSettings,
        engine: Engine | None = None,
    ) -> Job:
        """Make the job of scoring into the folder `out`, as far as `rules` let it.

        Raises EgressRefused where a patient's study may not get the DICOM forms that are asked for:
        better now than after a night.
        """
        reading = self.reading(classifier)
        forms = tuple(forms)
        if _DICOM.intersection(forms):
            _dicom_store(rules, self.store).ask(out, pixels=Form.CAPTURES in forms)
        return Job(
            out=out,
            classifier=classifier,
            sinks=make_sinks(
                forms,
                classifier,
                identifiers=self.identifiers,
                reading=reading,
                store=self.store,
                rules=rules,
            ),
            reading=reading,
            explain=self.explain,
            workers=self.workers,
            secret=None if self.secret is None else read_secret(self.secret),
            engine=engine,
            rules=rules,
        )


def with_shared(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, one of whose parameters is `shared: Shared`, each field as an option."""
    signature = inspect.signature(command)
    names = [one.name for one in fields(Shared)]
    own = [one for one in signature.parameters.values() if one.name != "shared"]
    given = [
        inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=one.type
        )
        for one in fields(Shared)
    ]

    @wraps(command)
    def flat(*args: Any, **options: Any) -> None:
        shared = Shared(**{name: options.pop(name) for name in names})
        command(*args, **options, shared=shared)

    flat.__signature__ = signature.replace(parameters=[*own, *given])  # type: ignore[attr-defined]
    flat.__annotations__ = {one.name: one.annotation for one in (*own, *given)}
    return flat


_SECRET_BYTES = 32


def make_sinks(
    forms: Iterable[Form],
    classifier: Classifier,
    *,
    identifiers: bool,
    reading: Reading | None = None,
    store: str | None = None,
    rules: EgressSettings | None = None,
) -> dict[str, Sink]:
    """Make the sinks called `forms`, for what `classifier` finds.

    `reading` is how the pictures were read, so that key frames can be fetched again; `store` is the
    address of a PACS that gets the DICOM objects as well. `rules`, by default the environment's,
    are what each asks before it writes. Raises ExtraMissing.
    """
    reading = reading or Reading()
    rules = rules or EgressSettings()
    variant = classifier.bundle.manifest.variant(classifier.identity.precision)
    thresholds = {point.code: point.threshold for point in variant.operating_points}
    sinks: dict[str, Sink] = {}
    for form in forms:
        match form:
            case Form.PARQUET:
                sinks[form] = TableSink("parquet", thresholds, identifiers=identifiers, rules=rules)
            case Form.CSV:
                sinks[form] = TableSink("csv", thresholds, identifiers=identifiers, rules=rules)
            case Form.HTML:
                sinks[form] = ReportSink(classifier, reading, rules, identifiers=identifiers)
            case Form.FHIR:
                sinks[form] = FhirSink(rules, identifiers=identifiers)
            case Form.DICOM_SR | Form.KEY_OBJECTS | Form.CAPTURES:
                sinks[form] = _dicom_sink(form, classifier, reading, rules, store)
            case Form.TABLE | Form.JSONL:
                raise ValueError(f"{form.value} is for the screen")
    return sinks


def _dicom_sink(
    form: Form,
    classifier: Classifier,
    reading: Reading,
    rules: EgressSettings,
    store: str | None,
) -> Sink:
    where = _dicom_store(rules, store)
    from endolink.serving.archive.sinks.captures import CapturesSink  # noqa: PLC0415 - an extra
    from endolink.serving.archive.sinks.key_objects import KeyObjectsSink  # noqa: PLC0415
    from endolink.serving.archive.sinks.structured_report import (  # noqa: PLC0415
        StructuredReportSink,
    )

    if form is Form.CAPTURES:
        return CapturesSink(where, classifier, reading)
    return KeyObjectsSink(where) if form is Form.KEY_OBJECTS else StructuredReportSink(where)


def _dicom_store(rules: EgressSettings, store: str | None) -> "DicomStore":
    try:
        from endolink.serving.archive.sinks.dicom_objects import DicomStore  # noqa: PLC0415
    except ImportError as error:
        raise ExtraMissing(
            "DICOM needs the archive extra; pip install 'endolink[archive]' brings it."
        ) from error
    return DicomStore(rules, None if store is None else Pacs(store))


def read_secret(path: Path) -> bytes:
    """Read the secret in `path`, or make one there that only its owner can read."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(_SECRET_BYTES))
    secret = path.read_bytes()
    if len(secret) < _SECRET_BYTES:
        raise typer.BadParameter(f"--secret needs at least {_SECRET_BYTES} bytes; {path} has fewer")
    return secret
