"""A report's figures: everything that an evaluation measured, as data. The page is drawn from it.

report.json       what is here; no pixel of any frame
report.html       the page, one file that needs nothing else
"""

from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from endolink.model.errors import DataError
from endolink.model.manifest import Evaluation, Figure
from endolink.model.verdict import ModelIdentity
from endolink.training.evaluate import Agreement
from endolink.training.stress import Stressed

JSON = "report.json"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Report:
    """What was measured of `model`; a part that was not asked for is empty."""

    model: ModelIdentity
    evaluation: Evaluation
    localisation: tuple[Figure, ...] = ()
    stress: tuple[Stressed, ...] = ()
    decode: Agreement | None = None
    schema_version: int = 1

    def to_json(self) -> bytes:
        """Write the report as indented UTF-8 JSON."""
        return _JSON.dump_json(self, indent=2, exclude_none=True) + b"\n"

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
