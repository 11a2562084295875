"""May this kind of data leave for that destination? One rule, asked by everything that writes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, cast, get_args
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from endolink.model.errors import EgressRefused

DataKind = Literal["pixels", "verdicts", "identifiers", "aggregates", "model-updates"]
"""`pixels`: a frame or a part of one. `verdicts`: what was said of single frames and studies, under
a pseudonym. `identifiers`: whatever names a patient, a study or a file. `aggregates`: counts over
many studies. `model-updates`: weights or gradients."""

LOCAL: Final = "local"
_KINDS: Final[frozenset[str]] = frozenset(get_args(DataKind))


@dataclass(frozen=True)
class EgressRule:
    """These kinds of data may go to what begins with `destination`.

    A destination is `local`, which is any folder of this machine, an absolute path with all below
    it, or an address (`https://pacs.example.org/dicom-web`) with all below it. Raises ValueError
    for a kind or a destination that is none.
    """

    kinds: frozenset[DataKind]
    destination: str

    def __post_init__(self) -> None:
        unknown = self.kinds - _KINDS
        if unknown or not self.kinds:
            raise ValueError(f"{sorted(unknown)} are no kinds of data; {sorted(_KINDS)} are")
        if self.destination != LOCAL and not (
            _is_address(self.destination) or Path(self.destination).is_absolute()
        ):
            raise ValueError(f"{self.destination!r} is neither local, an absolute path nor http(s)")

    @classmethod
    def parse(cls, text: str) -> "EgressRule":
        """Read `pixels,verdicts=https://pacs.example.org`."""
        kinds, equals, destination = text.partition("=")
        if not equals:
            raise ValueError(f"{text!r} is not KIND,KIND=DESTINATION")
        names = frozenset(kind.strip() for kind in kinds.split(","))
        # The constructor says whether they are kinds.
        return cls(cast("frozenset[DataKind]", names), destination.strip())

    def covers(self, destination: str) -> bool:
        """Say whether `destination`, a path or an address, is within this rule's."""
        if _is_address(destination):
            if not _is_address(self.destination):
                return False
            ours, theirs = urlsplit(self.destination), urlsplit(destination)
            same = (ours.scheme, ours.hostname, _port(ours.geturl())) == (
                theirs.scheme,
                theirs.hostname,
                _port(destination),
            )
            return same and _within(theirs.path, ours.path)
        if self.destination == LOCAL:
            return True
        if _is_address(self.destination):
            return False
        return Path(destination).resolve().is_relative_to(Path(self.destination).resolve())


@dataclass(frozen=True)
class Decision:
    """Whether it may leave, and why."""

    allowed: bool
    reason: str


class EgressSettings(BaseSettings):
    """What may leave, from `ENDOLINK_EGRESS`: rules separated by `;`, in place of the default.

    By default everything but model updates may be written on this machine, identifiers only where
    they were asked for, and nothing goes over the network.
    """

    model_config = SettingsConfigDict(env_prefix="ENDOLINK_", frozen=True)

    egress: Annotated[tuple[EgressRule, ...], NoDecode] = Field(
        (EgressRule(frozenset({"pixels", "verdicts", "identifiers", "aggregates"}), LOCAL),),
        description="KIND,KIND=DESTINATION;... with the kinds pixels, verdicts, identifiers, "
        "aggregates and model-updates; a destination is `local`, a folder or an address.",
    )

    @field_validator("egress", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(EgressRule.parse(part) for part in value.split(";") if part.strip())
        return value


def may_leave(kind: DataKind, destination: Path | str, rules: EgressSettings) -> Decision:
    """Say whether data of `kind` may go to `destination`, a path of this machine or an address."""
    if any(kind in rule.kinds and rule.covers(str(destination)) for rule in rules.egress):
        return Decision(True, f"ENDOLINK_EGRESS lets {kind} go there.")
    place = "the address" if _is_address(str(destination)) else "the folder"
    return Decision(
        False,
        f"No rule lets {kind} go to {place} {destination}; ENDOLINK_EGRESS holds the rules, "
        f"and {kind}={destination} would be one.",
    )


def require(kinds: frozenset[DataKind], destination: Path | str, rules: EgressSettings) -> None:
    """Raise EgressRefused, with the reason, unless all of `kinds` may go to `destination`."""
    for kind in sorted(kinds):
        decision = may_leave(kind, destination, rules)
        if not decision.allowed:
            raise EgressRefused(decision.reason)


def _is_address(destination: str) -> bool:
    return destination.startswith(("http://", "https://"))


def _port(address: str) -> int:
    parts = urlsplit(address)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _within(path: str, folder: str) -> bool:
    """Say whether a URL's path lies in another's; one that climbs lies nowhere."""
    steps = path.strip("/").split("/")
    whole = folder.strip("/").split("/") if folder.strip("/") else []
    return ".." not in steps and steps[: len(whole)] == whole
