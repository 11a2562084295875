"""Somebody who has shown who they are, and what they may do."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

Scope = Literal["score", "stream", "admin", "metrics"]
"""`score` frames and list models; open a `stream`; change models (`admin`); read `metrics`."""

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


@dataclass(frozen=True)
class Principal:
    """Somebody known: `name` is what the audit log calls them, and never a secret.

    `expires` is in seconds since 1970; None where nothing ends it but being revoked.
    """

    name: str
    scopes: frozenset[Scope]
    expires: float | None = None

    def may(self, scope: Scope) -> bool:
        """Say whether they may; `admin` alone does not imply the rest."""
        return scope in self.scopes


# Where nobody is asked, everybody may do everything.
ANYBODY: Final = Principal("anybody", frozenset(SCOPES))
