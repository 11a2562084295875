"""May this kind of data leave for that destination? One rule, asked by everything that writes.

Whoever writes or sends asks `require` first, with the kinds of data it holds; a test goes through
the sources and finds what writes and does not ask. The answers can be told to a log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, Self, cast, get_args
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, PrivateAttr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from endolink.model.errors import EgressRefused

DataKind = Literal["pixels", "verdicts", "identifiers", "aggregates", "model-updates"]
"""`pixels`: a frame or a part of one. `verdicts`: what was said of single frames and studies, under
a pseudonym. `identifiers`: whatever names a patient, a study or a file. `aggregates`: counts over
many studies, and how long the service took. `model-updates`: weights or gradients."""

LOCAL: Final = "local"
SCREEN: Final = Path("/dev/stdout")
"""Standard output as a destination: the file, the pipe or the terminal that it is."""

_KINDS: Final[frozenset[str]] = frozenset(get_args(DataKind))
# What can be an address, and its port where that is not said.
_PORTS: Final = {"http": 80, "https": 443, "postgresql": 5432, "ray": 10001}


@dataclass(frozen=True)
class EgressRule:
    """These kinds of data may go to what begins with `destination`.

    A destination is `local`, which is any folder of this machine, an absolute path with all below
    it, or an address (`https://pacs.example.org/dicom-web`, `postgresql://db.example.org/audit`)
    with all below it. Raises ValueError for a kind or a destination that is none.
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
            raise ValueError(
                f"{self.destination!r} is neither local, an absolute path nor an address "
                f"({', '.join(_PORTS)})"
            )

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
            theirs = urlsplit(destination)
            if not theirs.hostname:
                # A socket of this machine.
                return self.destination == LOCAL
            if not _is_address(self.destination):
                return False
            ours = urlsplit(self.destination)
            return _door(ours) == _door(theirs) and _within(theirs.path, ours.path)
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


@dataclass(frozen=True)
class Passage:
    """What was asked, and the answer: `host` is `local`, or scheme, name and port; never a path."""

    kinds: tuple[str, ...]
    host: str
    allowed: bool


Note = Callable[[Passage], None]


class EgressSettings(BaseSettings):
    """What may leave, from `ENDOLINK_EGRESS`: rules separated by `;`, in place of the default.

    By default everything may be written on this machine, identifiers only where they were asked
    for, and nothing goes over the network.
    """

    model_config = SettingsConfigDict(env_prefix="ENDOLINK_", frozen=True)

    egress: Annotated[tuple[EgressRule, ...], NoDecode] = Field(
        (EgressRule(frozenset(get_args(DataKind)), LOCAL),),
        description="What may leave, and to where: KIND,KIND=DESTINATION;... with the kinds "
        "pixels, verdicts, identifiers, aggregates and model-updates; a destination is `local`, a "
        "folder or an address.",
    )
    _note: Note | None = PrivateAttr(default=None)

    @field_validator("egress", mode="before")
    @classmethod
    def _read_rules(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(EgressRule.parse(part) for part in value.split(";") if part.strip())
        return value

    def told_to(self, note: Note) -> Self:
        """Give the same rules, whose answers are told to `note`, each once."""
        told = self.model_copy()
        seen: set[Passage] = set()

        def once(passage: Passage) -> None:
            if passage not in seen:
                note(passage)
                seen.add(passage)

        told._note = once  # noqa: SLF001 - a copy of our own
        return told


def may_leave(kind: DataKind, destination: Path | str, rules: EgressSettings) -> Decision:
    """Say whether data of `kind` may go to `destination`, a path of this machine or an address."""
    if any(kind in rule.kinds and rule.covers(str(destination)) for rule in rules.egress):
        return Decision(True, f"ENDOLINK_EGRESS lets {kind} go there.")
    place = _public(str(destination))
    what = "the address" if _is_address(place) else "the folder"
    return Decision(
        False,
        f"No rule lets {kind} go to {what} {place}; ENDOLINK_EGRESS holds the rules, "
        f"and {kind}={place} would be one.",
    )


def require(
    kinds: frozenset[DataKind], destination: Path | str, rules: EgressSettings | None = None
) -> None:
    """Raise EgressRefused, with the reason, unless all of `kinds` may go to `destination`.

    `rules` are those of the environment unless given. Where they tell somebody, the answer is told
    before anything is written.
    """
    rules = EgressSettings() if rules is None else rules
    answers = [may_leave(kind, destination, rules) for kind in sorted(kinds)]
    refused = next((answer for answer in answers if not answer.allowed), None)
    if rules._note is not None:  # noqa: SLF001 - the one function that tells
        rules._note(  # noqa: SLF001
            Passage(tuple(sorted(kinds)), host_of(str(destination)), refused is None)
        )
    if refused is not None:
        raise EgressRefused(refused.reason)


def host_of(destination: str) -> str:
    """Name the host of `destination`: scheme, name and port of an address, else `local`."""
    if not _is_address(destination) or not urlsplit(destination).hostname:
        return LOCAL
    scheme, name, port = _door(urlsplit(destination))
    return f"{scheme}://{name}:{port}"


def _is_address(destination: str) -> bool:
    return destination.startswith(tuple(f"{scheme}://" for scheme in _PORTS))


def _door(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]


def _public(destination: str) -> str:
    """Give an address without a user's name and password."""
    if not _is_address(destination):
        return destination
    parts = urlsplit(destination)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _within(path: str, folder: str) -> bool:
    """Say whether a URL's path lies in another's; one that climbs lies nowhere."""
    steps = path.strip("/").split("/")
    whole = folder.strip("/").split("/") if folder.strip("/") else []
    return ".." not in steps and steps[: len(whole)] == whole
