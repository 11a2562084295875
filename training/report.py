"""A report's figures: everything that an evaluation measured, as data. The page is drawn from it.

report.json       what is here; no pixel of any frame
report.html       the page, one file that needs nothing else
"""

from dataclasses import replace
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from endolink import __version__
from endolink.model.errors import DataError
from endolink.model.manifest import Evaluation, Figure
from endolink.model.verdict import ModelIdentity
from endolink.training.curves import Curves
from endolink.training.evaluate import Agreement
from endolink.training.lesions import VideoFigures
from endolink.training.mistakes import Mistake
from endolink.training.outside import Flagged
from endolink.training.stress import Stressed

JSON, PAGE = "report.json", "report.html"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Shown:
    """One finding of the model: in how many frames it is, and where it begins to be called."""

    code: str
    threshold: float
    present: int
    absent: int


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Acceptance:
    """How many of the evaluated frames were called familiar, and how many from outside were not."""

    threshold: float
    accepted: Figure
    outside: tuple[Flagged, ...] = ()


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Report:
    """What was measured of `model`; a part that was not asked for is empty.

    `thin` says in words which figures rest on few groups.
    """

    model: ModelIdentity
    evaluation: Evaluation
    findings: tuple[Shown, ...]
    notice: str = ""
    curves: Curves | None = None
    familiarity: Acceptance | None = None
    localisation: tuple[Figure, ...] = ()
    stress: tuple[Stressed, ...] = ()
    decode: Agreement | None = None
    videos: tuple[VideoFigures, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    thin: tuple[str, ...] = ()
    endolink: str = __version__
    schema_version: int = 1

    def to_json(self) -> bytes:
        """Write the report as UTF-8 JSON, without a pixel of any frame."""
        bare = replace(self, mistakes=tuple(replace(item, thumbnail="") for item in self.mistakes))
        return _JSON.dump_json(bare, indent=1, exclude_none=True) + b"\n"

    def figure(self, name: str, finding: str | None = None) -> Figure | None:
        """Give one figure of the evaluation; None where the frames did not determine it."""
        wanted = (f for f in self.evaluation.figures if (f.name, f.finding) == (name, finding))
        return next(wanted, None)

    @classmethod
    def read(cls, path: Path) -> "Report":
        """Read such a file.

        Raises
        ------
        DataError
            It cannot be read, or is no report.
        """
        try:
            return _JSON.validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise DataError(
                f"{path} is not a report.json that `endolink evaluate` wrote"
            ) from error


_JSON: TypeAdapter[Report] = TypeAdapter(Report)
