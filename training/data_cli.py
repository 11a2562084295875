"""`endolink data`: find public data sets, fetch them, look at them, split them."""

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from endolink.model.errors import DataError
from endolink.model.progress import Stages
from endolink.training.console import Data, need_extra

if TYPE_CHECKING:
    from endolink.training.datasets.catalogue import Publication
    from endolink.training.fetch import Listing
    from endolink.training.inspection import Inspection

data = typer.Typer(
    help="Find public data sets, fetch them, look at them, split them.", no_args_is_help=True
)

_CONSOLE = Console()
_MANY = 6  # sizes of pictures that are listed


@data.command("list")
def list_sets() -> None:
    """List the public data sets that are known, what is in them, and under which terms.

    Sets of your own, or a mirror inside the hospital: name a catalogue in ENDOLINK_CATALOGUE.
    """
    catalogue = importlib.import_module("endolink.training.datasets.catalogue")
    table = Table(title="Public data sets", title_justify="left")
    table.add_column("name", no_wrap=True)
    table.add_column("what is in it", ratio=3)
    table.add_column("licence", ratio=1)
    for item in catalogue.publications().values():
        by_hand = " [yellow](downloaded by hand)[/]" if item.by_hand else ""
        table.add_row(item.name, f"{item.about}{by_hand}", item.licence, end_section=True)
    _CONSOLE.print(table)
    _CONSOLE.print("Fetch one:   endolink data fetch NAME", highlight=False)


@data.command("fetch")
def fetch_set(
    name: Annotated[str, typer.Argument(help="As `endolink data list` names it.")],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder; one of the set's name unless given.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Accept the terms that are printed, without asking.")
    ] = False,
    archive: Annotated[
        list[Path] | None,
        typer.Option("--archive", help="A file of it that you have already; repeatable."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep what was downloaded.")] = False,
) -> None:
    """Download a data set from its authors' site, check it, and unpack it.

    The licence and what to cite are printed first. A download that stops goes on when the command
    is given again. Sizes and hashes are held to what was published, and an archive may not write
    outside its folder.

        endolink data fetch hyper-kvasir
        endolink data fetch edd2020 --archive EndoCV2020.zip
    """
    catalogue = importlib.import_module("endolink.training.datasets.catalogue")
    fetching = importlib.import_module("endolink.training.fetch")
    known = catalogue.publications()
    if name not in known:
        raise DataError(f"no data set is called {name!r}; known are {', '.join(known)}")
    publication = known[name]
    folder = out or Path(name)
    _show_terms(publication)
    if publication.by_hand and not archive:
        raise DataError(publication.by_hand)
    there = fetching.read_receipt(folder).get("name") == name
    listing = None
    if not (archive or there):
        if publication.records:
            _CONSOLE.print(f"Asking {urlsplit(publication.records[0]).netloc} for its files ...")
        listing = fetching.list_files(publication)
        _show_files(listing)
    if not (yes or there or typer.confirm(f"Fetch it into {folder} under these terms?")):
        raise typer.Abort
    with Stages() as display:
        fetching.fetch(
            publication, folder, display, archives=archive or (), listing=listing, keep=keep
        )
    _CONSOLE.print(
        f"Look at it:  endolink data inspect {folder}\n"
        f"Train on it: endolink train --data {publication.adapter}:{folder} --out runs/first",
        highlight=False,
    )


@data.command("inspect")
def inspect_set(
    where: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="A folder, or ADAPTER:PATH; several.")
    ],
    *,
    sheet: Annotated[
        Path, typer.Option("--sheet", help="Write a contact sheet here, JPEG or PNG.")
    ] = Path("contact-sheet.jpg"),
    out: Annotated[
        Path | None, typer.Option("--out", help="Write what was found here, as JSON.")
    ] = None,
    columns: Annotated[int, typer.Option(min=1, max=40, help="Frames in a row.")] = 8,
) -> None:
    """Count what is in a data set, find copies and groups, and warn of what will go wrong.

    Every frame is decoded once. Several sets are compared with each other too: public sets share
    images. The contact sheet shows frames of every finding as a network is shown them; look at it.

        endolink data inspect hyper-kvasir
        endolink data inspect folder:my-frames kvasir-v2:kvasir-v2 --sheet both.jpg
    """
    inspection = importlib.import_module("endolink.training.inspection")
    contact_sheet = importlib.import_module("endolink.training.contact_sheet")
    sets = [inspection.open_or_recognise(spec) for spec in where]
    with Stages() as display:
        done = display.stage("look", sum(len(item.samples) for item in sets))
        found = inspection.inspect(sets, done)
    _show(found)
    codes = [item.code for item in found.findings]
    title = ", ".join(item.name for item in found.data)
    shown = contact_sheet.write_sheet(
        sheet, found.samples, found.groups, codes, columns=columns, title=title
    )
    _CONSOLE.print(f"Contact sheet of {shown} frames: {sheet}", highlight=False)
    if out is not None:
        out.write_text(json.dumps(_summary(found), indent=2, ensure_ascii=False) + "\n")


@data.command("split")
def split_set(
    *,
    where: Data,
    out: Annotated[Path, typer.Option("--out", help="The split, as CSV.")],
    folds: Annotated[int, typer.Option(min=2, help="Into how many folds it is dealt.")] = 5,
    fold: Annotated[int, typer.Option(min=0, help="The fold to test on.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the dealing.")] = 0,
    official: Annotated[
        bool, typer.Option("--official", help="The authors' own split, to compare with others.")
    ] = False,
    cache: Annotated[Path, typer.Option("--cache", help="Where decoded frames are kept.")] = Path(
        "~/.cache/endolink"
    ),
) -> None:
    """Split a data set into what is learned from, validated on and tested on.

    Patients, videos and near-copies stay on one side. The file gives the very same split again:
    `endolink train --split FILE`. With --official it is the authors' split, and a warning counts
    the twins that it separates.

        endolink data split --data hyper-kvasir:hyper-kvasir --out split.csv
        endolink data split --data hyper-kvasir:hyper-kvasir --official --fold 0 --out official.csv
    """
    need_extra()
    splitting = importlib.import_module("endolink.training.dealing")
    with Stages() as display:
        made = splitting.make_split(
            where, cache, display, folds=folds, fold=fold, seed=seed, official=official
        )
    made.write(out)
    counts = ", ".join(f"{count:,} {part}" for part, count in made.counts().items())
    _CONSOLE.print(f"{out}: {counts}", highlight=False)
    if made.warning is not None:
        _CONSOLE.print(f"[yellow]{made.warning}[/]", highlight=False)


def _show_terms(publication: "Publication") -> None:
    lines = [
        f"[bold]{publication.title}[/]: {publication.about}",
        f"Licence: {publication.licence}",
        *([publication.notice] if publication.notice else []),
        f"Cite: {publication.citation}",
        f"From: {publication.home}",
    ]
    _CONSOLE.print("\n".join(lines), highlight=False)


def _show_files(listing: "Listing") -> None:
    if listing.licence:
        _CONSOLE.print(f"Its record states the licence {listing.licence}", highlight=False)
    for file in listing.files:
        size = f"{file.size:,} bytes" if file.size else "size known when it comes"
        held = "SHA-256" if file.sha256 else "MD5" if file.md5 else "no published hash"
        _CONSOLE.print(f"  {file.name}: {size}, {held}", highlight=False)


def _show(found: "Inspection") -> None:
    frames = len(found.samples)
    table = Table(title=", ".join(item.name for item in found.data), title_justify="left")
    for heading in ("finding", "present", "absent", "undecided", "groups"):
        table.add_column(heading, justify="left" if heading == "finding" else "right")
    for item in found.findings:
        numbers = (item.present, item.absent, item.undecided, item.groups)
        table.add_row(item.code, *(f"{number:,}" for number in numbers))
    _CONSOLE.print(table)
    sizes = [f"{w} × {h}: {count:,}" for (w, h), count in list(found.sizes.items())[:_MANY]]
    if len(found.sizes) > _MANY:
        sizes.append(f"and {len(found.sizes) - _MANY} more")
    facts = {
        "frames": f"{frames:,}, {found.bytes / 1e6:,.0f} MB",
        "sizes": "; ".join(sizes),
        "exact copies": f"{found.copies:,}",
        "scenes": f"{found.scenes:,} of near-copies, the largest of {found.largest_scene:,} frames",
        "groups": f"{len(set(found.groups)):,}, by near-copies and what the data set says",
        "patients, videos": f"{len(found.origins):,}" if found.origins else "not told",
        "outlines": f"{sum(bool(sample.outlines) for sample in found.samples):,} frames",
        "licence": "; ".join(f"{item.name}: {item.licence}" for item in found.data),
    }
    grid = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        grid.add_row(f"[dim]{name}[/]", value)
    _CONSOLE.print(grid)
    for warning in found.warnings:
        _CONSOLE.print(f"[yellow]! {warning}[/]", highlight=False)


def _summary(found: "Inspection") -> dict[str, object]:
    return {
        "sets": [
            {"name": item.name, "licence": item.licence, "citation": item.citation}
            for item in found.data
        ],
        "frames": len(found.samples),
        "bytes": found.bytes,
        "findings": [vars(item) for item in found.findings],
        "sizes": [
            {"width": w, "height": h, "frames": count} for (w, h), count in found.sizes.items()
        ],
        "copies": found.copies,
        "scenes": found.scenes,
        "largest_scene": found.largest_scene,
        "groups": len(set(found.groups)),
        "origins": len(found.origins),
        "official": {
            name: {"separated": twins, "frames": frames}
            for name, (twins, frames) in found.separated.items()
        },
        "unreadable": found.unreadable,
        "warnings": list(found.warnings),
    }
