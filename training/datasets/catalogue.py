"""What can be fetched: each public set's files, terms and citation, and where its authors keep it.

A catalogue of your own, for sets inside a hospital or a mirror of public ones, is a TOML file:

    [[set]]
    name = "our-clinic"
    adapter = "folder"
    title = "Frames of our clinic"
    licence = "internal"
    citation = "nobody outside"
    home = "https://files.clinic.example/frames"

    [[set.files]]
    url = "https://files.clinic.example/frames/2026.zip"
    size = 1234567
    sha256 = "..."

Name it in the environment variable `ENDOLINK_CATALOGUE`; its sets come before those known here.
"""

import os
import tomllib
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from endolink.model.errors import DataError
from endolink.training.datasets import (
    edd2020,
    gastrovision,
    hyper_kvasir,
    kvasir,
    kvasir_capsule,
    limuc,
    wce_bleed_gen,
)

VARIABLE = "ENDOLINK_CATALOGUE"
_STRICT = ConfigDict(extra="forbid")


def _inside(to: str) -> str:
    parts = PurePosixPath(to)
    if parts.is_absolute() or ".." in parts.parts or "\\" in to or ":" in to:
        raise ValueError("a folder within the data set's own")
    return to


@dataclass(frozen=True, config=_STRICT)
class RemoteFile:
    """One file of a data set.

    An archive is unpacked into the folder `to` of the data set, any other file is put there under
    its name. `size` is in bytes; a hash is the published one, or one that was computed from a
    download and confirmed by others. Where none is known, none stands here and only the size that
    the server states is checked.
    """

    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    to: Annotated[str, AfterValidator(_inside)] = "."
    size: Annotated[int, Field(gt=0)] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    file: str = ""

    @property
    def name(self) -> str:
        """The file's name on this machine."""
        return self.file or self.url.split("?")[0].rstrip("/").rsplit("/", 1)[-1]


@dataclass(frozen=True, config=_STRICT)
class Publication:
    """One data set as its authors publish it.

    `records` are addresses of Zenodo's or OSF's records, which list their files with sizes and
    hashes themselves; `only` takes some of those by name. Where nothing can be fetched without
    signing in, `by_hand` says how to get the archive.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    adapter: str
    title: str
    licence: str
    citation: str
    home: str
    notice: str = ""
    about: str = ""
    files: tuple[RemoteFile, ...] = ()
    records: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    by_hand: str = ""


_SIMULA = "https://datasets.simula.no/downloads"
_GITHUB = "https://raw.githubusercontent.com"
_HK_SPLITS = f"{_GITHUB}/simula/hyper-kvasir/49c0d0f915b57ac0b6cb18b49776ffa61c5512e3"
_KC_SPLITS = f"{_GITHUB}/simula/kvasir-capsule/1f70ad6eeeae03b53a5f88fe320584f6a99bd5ef"
_GV = f"{_GITHUB}/DebeshJha/GastroVision"

PUBLICATIONS = (
    Publication(
        "hyper-kvasir",
        "hyper-kvasir",
        "HyperKvasir, labelled and segmented images",
        hyper_kvasir.LICENCE,
        hyper_kvasir.CITATION,
        "https://datasets.simula.no/hyper-kvasir/",
        hyper_kvasir.NOTICE,
        "10,662 images of 23 classes, upper and lower tract; outlines of 1,000 polyps",
        files=(
            RemoteFile(
                f"{_SIMULA}/hyper-kvasir/hyper-kvasir-labeled-images.zip",
                size=3_928_814_344,
                sha256="c603449b1bc0be86948b11d9aea8b2002058a11e6f5499e2a384b9ae9c8dbd3f",
            ),
            RemoteFile(
                f"{_SIMULA}/hyper-kvasir/hyper-kvasir-segmented-images.zip",
                size=46_179_365,
                sha256="4463011f991dcdc74ec56399788b1a93822593f17ed18a662bdeb7392ffcdd9a",
            ),
            RemoteFile(
                f"{_HK_SPLITS}/official_splits/5_fold_split.csv",
                size=621_410,
                sha256="0230b465bdf73c23e949c74e1d4d68c4905a758195ea6b69b10f32c71a3be426",
            ),
            RemoteFile(
                f"{_HK_SPLITS}/official_splits/2_fold_split.csv",
                size=621_410,
                sha256="e9bc264da8dd4ce5ebd6654080eb9ec8a00fd28c3d03a75a2c80b1eb5a096c06",
            ),
        ),
    ),
    Publication(
        "kvasir-v2",
        "kvasir-v2",
        "Kvasir, version 2",
        kvasir.LICENCE,
        kvasir.CITATION,
        "https://datasets.simula.no/kvasir/",
        kvasir.NOTICE,
        "8,000 images of 8 classes, upper and lower tract",
        # No hash is published.
        files=(RemoteFile(f"{_SIMULA}/kvasir/kvasir-dataset-v2.zip", size=2_489_312_085),),
    ),
    Publication(
        "gastrovision",
        "gastrovision",
        "GastroVision",
        gastrovision.LICENCE,
        gastrovision.CITATION,
        "https://osf.io/84e7f/",
        "",
        "8,000 images of 27 classes, upper and lower tract; the authors' protocol takes 22",
        records=("https://api.osf.io/v2/nodes/84e7f/files/osfstorage/",),
        files=(
            RemoteFile(
                f"{_GV}/0578d1197137ba3072b1015e08a6301ce1047e47/Split/train.csv", to="Split"
            ),
            RemoteFile(
                f"{_GV}/94bcd48378d6fbdebc5508aa6608d8f7c6c88bae/Split/validate.csv", to="Split"
            ),
            RemoteFile(
                f"{_GV}/52a291e082603facdddd0f056316ed8e9ff16f0b/Split/test.csv", to="Split"
            ),
        ),
    ),
    Publication(
        "kvasir-capsule",
        "kvasir-capsule",
        "Kvasir-Capsule, labelled images",
        kvasir_capsule.LICENCE,
        kvasir_capsule.CITATION,
        "https://datasets.simula.no/kvasir-capsule/",
        kvasir_capsule.NOTICE,
        "47,238 capsule frames of 14 classes from 43 videos",
        # Neither a hash nor the exact size is published: about 3.9 GB.
        files=(
            RemoteFile(f"{_SIMULA}/kvasir-capsule/kvasir-capsule-labeled-images.zip"),
            RemoteFile(f"{_KC_SPLITS}/official_splits/split_0.csv", to="official_splits"),
            RemoteFile(f"{_KC_SPLITS}/official_splits/split_1.csv", to="official_splits"),
        ),
    ),
    Publication(
        "wce-bleed-gen",
        "wce-bleed-gen",
        "WCEBleedGen",
        wce_bleed_gen.LICENCE,
        wce_bleed_gen.CITATION,
        "https://zenodo.org/records/10156571",
        wce_bleed_gen.NOTICE,
        "2,618 capsule frames, half of them with bleeding",
        records=("https://zenodo.org/api/records/10156571",),
    ),
    Publication(
        "edd2020",
        "edd2020",
        "EDD2020, endoscopy disease detection",
        edd2020.LICENCE,
        edd2020.CITATION,
        "https://edd2020.grand-challenge.org",
        edd2020.NOTICE,
        "386 frames of early neoplasia, five findings, several at once, with outlines",
        by_hand=(
            "Its archive is given out by IEEE DataPort after signing in (doi 10.21227/f8xg-wb80). "
            "Download it there, then: endolink data fetch edd2020 --archive FILE.zip"
        ),
    ),
    Publication(
        "limuc",
        "limuc",
        "LIMUC, labelled images for ulcerative colitis",
        limuc.LICENCE,
        limuc.CITATION,
        "https://zenodo.org/records/5827695",
        "",
        "11,276 images of 564 patients, each with its Mayo endoscopic score",
        records=("https://zenodo.org/api/records/5827695",),
        only=("patient_based_classified_images.zip", "test_set.zip"),
    ),
)

_SETS = TypeAdapter(tuple[Publication, ...])


def read_catalogue(path: Path) -> tuple[Publication, ...]:
    """Read a catalogue of your own.

    Raises
    ------
    DataError
        It is no such TOML file; the message names the field.
    """
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return _SETS.validate_python(table.get("set", ()))
    except (OSError, ValueError) as error:
        reason = error.errors()[0] if isinstance(error, ValidationError) else None
        said = f"{'.'.join(map(str, reason['loc']))}: {reason['msg']}" if reason else str(error)
        raise DataError(f"{path} is no catalogue of data sets: {said}") from error


def publications() -> dict[str, Publication]:
    """Give every set that can be fetched, by name; those of `ENDOLINK_CATALOGUE` come first.

    Raises
    ------
    DataError
        That catalogue cannot be read.
    """
    own = read_catalogue(Path(path)) if (path := os.environ.get(VARIABLE)) else ()
    known: dict[str, Publication] = {}
    for item in (*own, *PUBLICATIONS):
        known.setdefault(item.name, item)
    return known
