"""What every data set is turned into: labelled frames."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from endolink.model.errors import DataError, DataLayout
from endolink.model.findings import FINDINGS

Part = Literal["train", "validation", "test"]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True)
class Sample:
    """One labelled frame.

    `file` names it within all data sets (`name/relative/path.jpg`) and is the same on every
    machine. `present` are the findings that it shows; `known` those that its labels decide, so that
    `known - present` are absent and the rest is unlabelled: neither learned from nor scored.
    `group` says which frames belong together (`video 04a78ef0`, `patient 12`) where the data set
    knows; `fold` or `part` is where its authors' own split puts the frame. `outlines` are, by
    finding, the images of where in the frame it lies, where somebody drew them: of the frame's own
    size, white within.
    """

    path: Path
    file: str
    present: frozenset[str]
    known: frozenset[str]
    group: str | None = None
    fold: int | None = None
    part: Part | None = None
    outlines: Mapping[str, Path] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.present <= self.known:
            raise ValueError(f"{self.file}: a finding is present and yet not known")
        if not self.known <= FINDINGS.keys():
            raise ValueError(f"{self.file}: a finding is not in the vocabulary")

    def read(self) -> bytes:
        """Read the file's bytes.

        Raises
        ------
        DataError
            It cannot be read; the message names it.
        """
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror}") from error

    @property
    def label(self) -> str:
        """The findings present as one word, `a+b`, or `none`: what a split is stratified by."""
        return "+".join(sorted(self.present)) or "none"


@dataclass(frozen=True)
class DataSet:
    """Labelled frames of one origin; `findings` are in the order of the network's outputs."""

    name: str
    samples: tuple[Sample, ...]
    findings: tuple[str, ...]
    licence: str
    citation: str
    notice: str = ""

    def __post_init__(self) -> None:
        if not self.samples:
            raise DataLayout(f"{self.name}: there is no labelled frame")

    def counts(self) -> dict[str, int]:
        """Count the frames in which each finding is present, in order."""
        found = Counter(code for sample in self.samples for code in sample.present)
        return {code: found[code] for code in self.findings}


def union(data: Sequence[DataSet]) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """Put data sets together: all samples, and all findings in the order in which they come.

    A finding that one set labels and another does not stays unknown in the other's frames.

    Raises
    ------
    DataLayout
        Two of the sets have the same name, so that their files could not be told apart.
    """
    names = [item.name for item in data]
    if len(set(names)) != len(names):
        raise DataLayout(
            f"two data sets have the same name: {', '.join(names)}; name one of them, as in "
            "--data clinic-b=folder:PATH"
        )
    samples = tuple(sample for item in data for sample in item.samples)
    return samples, tuple(dict.fromkeys(code for item in data for code in item.findings))


def targets(
    samples: Sequence[Sample], findings: Sequence[str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Write the labels as two bool [N, findings] arrays: present, and known."""
    shape = (len(samples), len(findings))
    present, known = np.zeros(shape, bool), np.zeros(shape, bool)
    for row, sample in enumerate(samples):
        for column, code in enumerate(findings):
            present[row, column] = code in sample.present
            known[row, column] = code in sample.known
    return present, known


def images(folder: Path) -> list[Path]:
    """List the image files directly in `folder`, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
