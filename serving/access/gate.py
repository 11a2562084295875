"""The gate before the service: who is there, and may they?"""

import asyncio
import time
from collections.abc import Sequence
from typing import ClassVar, Final, Protocol

from endolink.model.errors import Forbidden, Unauthenticated
from endolink.serving.access.principal import ANYBODY, Principal, Scope

# A refusal takes this long, whatever was wrong: how long a check took tells nothing then.
_REFUSAL_S: Final = 0.05
_DETAIL: Final = (
    "Show who you are: `Authorization: Bearer` with a key of `endolink key create`, or with a "
    "token of the hospital's identity provider."
)


class Recogniser(Protocol):
    """What knows some kind of credential; `waits` where it may have to ask another machine."""

    waits: ClassVar[bool]

    def recognise(self, text: str) -> Principal | None:
        """Give whose credential `text` is; None for whatever is wrong with it."""
        ...


class Gate:
    """Lets nobody through who is not known; without recognisers, everybody."""

    def __init__(self, recognisers: Sequence[Recogniser] = ()) -> None:
        self._recognisers = tuple(recognisers)

    @property
    def closed(self) -> bool:
        """Say whether anybody is asked at all."""
        return bool(self._recognisers)

    async def admit(self, credential: str | None, scope: Scope) -> Principal:
        """Give whose `credential` this is, if they may do what `scope` stands for.

        Raises
        ------
        Unauthenticated
            Nobody's, or no longer: the answer is the same, whatever is wrong.
        Forbidden
            Somebody's who may not.
        """
        if not self.closed:
            return ANYBODY
        arrived = time.monotonic()
        principal = await self._recognise(credential)
        if principal is None:
            await asyncio.sleep(max(0.0, arrived + _REFUSAL_S - time.monotonic()))
            raise Unauthenticated(_DETAIL)
        if not principal.may(scope):
            raise Forbidden(f"This takes the scope {scope!r}, which these credentials lack.")
        return principal

    async def _recognise(self, credential: str | None) -> Principal | None:
        if credential is None:
            return None
        for recogniser in self._recognisers:
            if recogniser.waits:
                found = await asyncio.to_thread(recogniser.recognise, credential)
            else:
                found = recogniser.recognise(credential)
            if found:
                return found
        return None


def bearer(header: str | None) -> str | None:
    """Read the credential out of an `Authorization` header (RFC 6750, section 2.1)."""
    kind, _, credential = (header or "").partition(" ")
    return credential.strip() or None if kind.lower() == "bearer" else None
