"""Bearer tokens of an OpenID Connect provider: JSON Web Tokens, checked with its published keys.

OpenID Connect Discovery 1.0 says where the keys are; RFC 9068 and RFC 8725 what to check: the
signature by one of the provider's asymmetric keys, the issuer, the audience, and the times.
"""

import json
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.error import URLError
from urllib.parse import urlsplit

import jwt

from endolink.model.errors import IdentityUnreachable
from endolink.serving.access.principal import SCOPES, Principal, Scope

# Only signatures that the provider alone can make: none by a shared secret, and never "none".
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
# Clocks of two machines that keep time.
_LEEWAY_S: Final = 30
_FETCH_S: Final = 5
_MOST_BYTES: Final = 2**20
# Keys are fetched anew this often, and at most this often when a token names one that is unknown:
# whoever sends nonsense does not make us ask the provider for each.
_FRESH_S: Final = 3600.0
_AGAIN_S: Final = 10.0
# While nothing is known of its keys nobody gets in, so that it is asked sooner; but not by every
# request, each of which would hold a thread for as long as the provider takes not to answer.
_AWAY_S: Final = 2.0
_LONGEST_TOKEN: Final = 8192
_UNREACHABLE: Final = "the identity provider's keys cannot be fetched, and no token can be checked"
# What comes of an answer that is not what a provider publishes.
_UNFIT: Final = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Provider:
    """Which provider is trusted, for what.

    `audience` is this service's name there. `scope_claim` names the claim that says what somebody
    may do: `scope`, words in one text, or a list such as `roles`; dots lead inwards. `prefix`
    comes before our own names in it: `endolink:score`.
    """

    issuer: str
    audience: str
    scope_claim: str = "scope"
    prefix: str = "endolink:"

    def __post_init__(self) -> None:
        parts = urlsplit(self.issuer)
        local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise ValueError("an issuer is reached by https, or is on this machine")

    def scopes(self, claims: Mapping[str, Any]) -> frozenset[Scope]:
        """Read what the claims allow."""
        found: Any = claims
        for part in self.scope_claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        words = found.split() if isinstance(found, str) else found
        named = {word for word in words if isinstance(word, str)} if isinstance(words, list) else ()
        return frozenset(scope for scope in SCOPES if f"{self.prefix}{scope}" in named)


class Tokens:
    """Recognises the tokens of one provider; may be used by any thread, and may wait for it."""

    waits: ClassVar[bool] = True

    def __init__(self, provider: Provider, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.provider = provider
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched = self._failed = float("-inf")

    def recognise(self, token: str) -> Principal | None:
        """Give whose token this is; None for whatever is wrong with it.

        Raises
        ------
        IdentityUnreachable
            Its keys have never been fetched, and could not be now or a moment ago.
        """
        try:
            if len(token) > _LONGEST_TOKEN:
                return None
            header = jwt.get_unverified_header(token)
            key = self._key(header.get("kid"))
            if key is None or header.get("alg") not in _ALGORITHMS:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=list(_ALGORITHMS),
                audience=self.provider.audience,
                issuer=self.provider.issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
            return Principal(
                f"oidc:{claims['sub']}"[:200], self.provider.scopes(claims), float(claims["exp"])
            )
        # JSON may be nested too deeply to be read, and hold numbers too large for a clock.
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return None

    def _key(self, key_id: str | None) -> jwt.PyJWK | None:
        """Give a key of the provider; an unknown one may be new, and is looked for."""
        age = self._clock() - self._fetched
        if age > _FRESH_S or (key_id not in self._keys and age > _AGAIN_S):
            with self._lock:
                age = self._clock() - self._fetched
                if age > _FRESH_S or (key_id not in self._keys and age > _AGAIN_S):
                    self._refresh()
        return self._keys.get(key_id)

    def _refresh(self) -> None:
        if not self._keys and self._clock() - self._failed < _AWAY_S:
            raise IdentityUnreachable(_UNREACHABLE)
        try:
            keys = _published(self.provider.issuer)
        except (*_UNFIT, URLError, jwt.PyJWTError) as error:
            if not self._keys:
                self._failed = self._clock()
                raise IdentityUnreachable(_UNREACHABLE) from error
            # With the keys that are known tokens go on to be checked while it is away.
            self._fetched = self._clock() - _FRESH_S + _AGAIN_S
            return
        self._keys = {key.key_id: key for key in keys}
        self._fetched = self._clock()


def _published(issuer: str) -> list[jwt.PyJWK]:
    discovered = _fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if discovered.get("issuer") != issuer:
        raise ValueError("the configuration is of another issuer")
    described = _fetch(str(discovered["jwks_uri"]))
    keys = []
    for each in described["keys"]:
        # A kind that is not known here is passed over (RFC 7517, section 5).
        with suppress(jwt.PyJWTError):
            if each.get("use", "sig") == "sig":
                keys.append(jwt.PyJWK(each))
    if not keys:
        raise ValueError("none of its keys can be used")
    return keys


def _fetch(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise ValueError("not https")
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310
    context = ssl.create_default_context()
    with urllib.request.urlopen(request, timeout=_FETCH_S, context=context) as answer:  # noqa: S310
        found = json.loads(answer.read(_MOST_BYTES))
    if not isinstance(found, dict):
        raise TypeError("not an object")
    return found
