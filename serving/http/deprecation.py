"""What is to go away says so with every answer, for a year: RFC 9745 and RFC 8594.

The rule stands in docs/service.md ("Versions of this interface"). A resource, or an option of one,
that is deprecated is given a `Deprecation` where it is declared; the description, `/docs`, the
answers' headers and the metrics follow from it.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

NOTICE: Final = timedelta(days=365)
"""How long what is deprecated goes on working, at least."""

_SCOPE: Final = "endolink.deprecation"


@dataclass(frozen=True)
class Deprecation:
    """Since when something is deprecated, when it goes (at 0:00 UTC), and what to use instead.

    `instead` is the path of a resource, or an option's name. Raises ValueError where the notice is
    shorter than a year.
    """

    since: date
    sunset: date
    instead: str

    def __post_init__(self) -> None:
        if self.sunset - self.since < NOTICE:
            raise ValueError(f"from {self.since} to {self.sunset} is less than a year's notice")

    @property
    def notice(self) -> str:
        """The sentence for people."""
        return (
            f"Deprecated since {self.since:%Y-%m-%d} and gone from {self.sunset:%Y-%m-%d} on: use "
            f"`{self.instead}`."
        )

    @property
    def headers(self) -> dict[str, str]:
        """What answers carry: a structured date (RFC 9651), an HTTP date, and where to go on."""
        relations = ['</docs>; rel="deprecation"; type="text/html"']
        if self.instead.startswith("/"):
            relations.append(f'<{self.instead}>; rel="successor-version"')
        return {
            "Deprecation": f"@{_midnight(self.since).timestamp():.0f}",
            "Sunset": format_datetime(_midnight(self.sunset), usegmt=True),
            "Link": ", ".join(relations),
        }


def used(request: Request, deprecation: Deprecation) -> None:
    """Take in that `request` uses what is deprecated: its answer, whatever it is, will say so."""
    known: Deprecation | None = request.scope.get(_SCOPE)
    # Of several, the one that goes first.
    if known is None or deprecation.sunset < known.sunset:
        request.scope[_SCOPE] = deprecation


def of(scope: Scope) -> Deprecation | None:
    """Give what a request used that is deprecated."""
    found: Deprecation | None = scope.get(_SCOPE)
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
