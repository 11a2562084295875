"""`endolink deidentify` and `endolink reviewed`."""

import secrets
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from endolink.model.egress import require
from endolink.model.errors import EndoLinkError, ExtraMissing
from endolink.serving.archive.sources.dicom import is_dicom
from endolink.serving.archive.sources.files import find_files
from endolink.serving.audit.witness import rules_of

_KEY_BYTES: Final = 32


def deidentify(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A DICOM file, or a folder of them.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder that is written.")],
    *,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A secret of at least 16 bytes, made if it is not there: the same one gives the "
            "same pseudonyms, UIDs and dates in every run. Without it a run stands by itself.",
        ),
    ] = None,
) -> None:
    """Take the patient's identity out of DICOM pictures, as far as a program can.

    Names, numbers, dates, UIDs and private attributes go by the Basic Profile of DICOM PS3.15;
    everything outside of the endoscope's view, insets and burned-in text are painted black, and
    frames from outside of the body are left out. OUT gets a report, and pictures to look at: text
    that was missed is for a human to see. Then say so with `endolink reviewed OUT`.

    For example:

        endolink deidentify studies/ shareable/ --key hospital.key
    """
    try:
        from endolink.serving.archive import deidentify_files  # noqa: PLC0415
        from endolink.serving.archive.deidentify import Pseudonyms  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing(
            "DICOM needs the archive extra; pip install 'endolink[archive]' brings it."
        ) from error
    require(frozenset({"pixels"}), out, rules_of("deidentify"))
    try:
        if key is not None and not key.exists():
            key.touch(mode=0o600)
            key.write_bytes(secrets.token_bytes(_KEY_BYTES))
        pseudonyms = Pseudonyms(key.read_bytes()) if key else Pseudonyms()
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--key") from None
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    found = (path for path in find_files([source]) if _is_dicom(path))
    written = 0
    for path, outcome in deidentify_files.deidentify(found, out, pseudonyms):
        if isinstance(outcome, EndoLinkError):
            console.print(f"{path}: {outcome.code}: {outcome.detail}")
        elif outcome is None:
            console.print(f"{path}: no frame of it may be given away")
        else:
            written += 1
    console.print(f"{written} files written; {out / deidentify_files.REPORT} says what was done.")
    if not written:
        raise typer.Exit(1)
    console.print("Not yet free of burned-in text: look at the pictures, then `endolink reviewed`.")


def reviewed(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="What `deidentify` has written.")],
    *,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who has looked at the pictures.")],
) -> None:
    """Say that a human has looked, and that no text is left: BurnedInAnnotation becomes NO.

    For example:

        endolink reviewed shareable/ --by "A. Reader"
    """
    from endolink.serving.archive.deidentify_files import confirm  # noqa: PLC0415 - an extra

    require(frozenset({"pixels"}), out, rules_of("reviewed"))
    count = confirm(out, by)
    Console(stderr=True, highlight=False).print(f"{count} files marked free of burned-in text.")


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(132))
    except OSError:
        return False
