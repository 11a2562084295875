"""The service's errors as they are raised in the client: the same tree, by the same codes."""

from collections.abc import Iterator, Mapping
from typing import Any

from endolink.model.errors import EndoLinkError, Overloaded, RateLimited, ServiceUnreachable

# What is worth waiting where the service did not say how long.
_RETRY_S = 1.0


def as_error(problem: Mapping[str, Any]) -> EndoLinkError:
    """Make the error that a problem document or a stream's error message tells of.

    A code that this version does not know, `internal` among them, becomes ServiceUnreachable.
    """
    detail = str(problem.get("detail") or "The service gave no reason.")
    code = str(problem.get("code"))
    for busy in (Overloaded, RateLimited):
        if code == busy.code:
            return busy(detail, float(problem.get("retry_after") or _RETRY_S))
    for kind in _tree(EndoLinkError):
        if kind.code == code:
            return kind(detail)
    return ServiceUnreachable(f"The service failed ({code[:60]}): {detail}")


def _tree(kind: type[EndoLinkError]) -> Iterator[type[EndoLinkError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _tree(child)
