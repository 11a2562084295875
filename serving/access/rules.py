"""Which part of the service needs which scope: one table, closed to what it does not name."""

import re
from typing import Final

from endolink.serving.access.principal import Scope

# The page and its assets, the descriptions of the interface, liveness and readiness: nothing that
# a stranger could learn a patient's or a hospital's matters from.
_PUBLIC: Final = re.compile(
    r"/|/docs|/openapi\.json|/healthz|/readyz|/v1/access|/v2/health/(live|ready)"
    r"|/viewer/[A-Za-z0-9._/-]*",
    re.ASCII,
)
_NEEDED: Final[tuple[tuple[str, re.Pattern[str], Scope], ...]] = (
    ("POST", re.compile(r"/v1/frames(:batch)?", re.ASCII), "score"),
    ("GET", re.compile(r"/v1/models", re.ASCII), "score"),
    ("POST", re.compile(r"/v1/models:(reload|activate)", re.ASCII), "admin"),
    ("GET", re.compile(r"/metrics", re.ASCII), "metrics"),
    ("GET", re.compile(r"/v2(/models/.*)?", re.ASCII), "score"),
    ("POST", re.compile(r"/v2/models/.*/infer", re.ASCII), "score"),
)


def needed(method: str, path: str) -> Scope | None:
    """Say what it takes to call `path`: a scope, or None where anybody may.

    What is not in the table takes `admin`: a new resource is closed until it is named here.
    """
    if method == "HEAD":
        method = "GET"
    if method == "GET" and _PUBLIC.fullmatch(path):
        return None
    for named, pattern, scope in _NEEDED:
        if method == named and pattern.fullmatch(path):
            return scope
    return "admin"
