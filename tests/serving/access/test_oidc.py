"""Tokens of a real OpenID Connect provider, the npm package `oidc-provider`."""

import hmac
import socket
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from endolink.model.errors import IdentityUnreachable
from endolink.serving.access import oidc
from endolink.serving.access.oidc import Provider, Tokens
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.access.providers import provider, token, unsigned
from tests.serving.service import picture, serve

pytestmark = [pytest.mark.program("node"), pytest.mark.program("npm")]


def test_a_token_says_who_and_what_for(issuer: str) -> None:
    found = Tokens(Provider(issuer, "endolink")).recognise(
        token(issuer, "endolink:score endolink:stream")
    )
    assert found is not None
    assert found.name == "oidc:room-2"
    assert found.scopes == {"score", "stream"}
    assert found.expires is not None
    assert found.expires > time.time()


def test_a_token_for_another_service_is_nobodys(issuer: str) -> None:
    assert Tokens(Provider(issuer, "endolink")).recognise(token(issuer, audience="pacs")) is None


def test_a_changed_token_is_nobodys(issuer: str) -> None:
    good = token(issuer)
    tokens = Tokens(Provider(issuer, "endolink"))
    head, body, signature = good.split(".")
    other = token(issuer, "endolink:stream").split(".")
    for bad in (f"{head}.{other[1]}.{signature}", f"{head}.{body}.", good[:-5], "a.b.c", ""):
        assert tokens.recognise(bad) is None


def test_a_token_that_anybody_can_make_is_nobodys(issuer: str) -> None:
    tokens = Tokens(Provider(issuer, "endolink"))
    claims = jwt.decode(token(issuer), options={"verify_signature": False})
    known = jwt.get_unverified_header(token(issuer))["kid"]
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    published = httpx.get(f"{issuer}/jwks").json()["keys"][0]
    public = jwt.PyJWK(published).key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert tokens.recognise(jwt.encode(claims, own, "RS256", {"kid": known})) is None
    assert tokens.recognise(unsigned(claims, known)) is None
    # The classic confusion: the public key as a shared secret (RFC 8725, section 2.1).
    head = jwt.encode(claims, "x" * 32, "HS256", {"kid": known}).rpartition(".")[0]
    forged = urlsafe_b64encode(hmac.digest(public, head.encode(), "sha256")).rstrip(b"=")
    assert tokens.recognise(f"{head}.{forged.decode()}") is None


def test_an_expired_token_is_nobodys(issuer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, given = Tokens(Provider(issuer, "endolink")), token(issuer)
    assert tokens.recognise(given)
    # As if more time had gone by than it is good for.
    monkeypatch.setattr(oidc, "_LEEWAY_S", -601)
    assert tokens.recognise(given) is None


def test_keys_roll_over_and_a_provider_may_be_away(
    modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "_AGAIN_S", 0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    with provider(modules, number, key="old") as url:
        tokens, old = Tokens(Provider(url, "endolink")), token(url)
        assert tokens.recognise(old)
    assert tokens.recognise(old), "with the keys that are known it goes on"
    with provider(modules, number, key="new") as url:
        assert tokens.recognise(token(url)), "a key that is not known yet is fetched"
        assert tokens.recognise(old) is None, "one that is withdrawn is not taken any more"


def test_a_kind_of_key_that_is_not_known_here_keeps_nobody_out(
    issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a provider adds one beside its others (RFC 7517, section 5).
    fetch = oidc._fetch

    def with_another(url: str) -> dict[str, Any]:
        found = fetch(url)
        if "keys" in found:
            found["keys"].insert(0, {"kty": "AKP", "alg": "ML-DSA-65", "kid": "new", "pub": "AA"})
        return found

    monkeypatch.setattr(oidc, "_fetch", with_another)
    assert Tokens(Provider(issuer, "endolink")).recognise(token(issuer))


def test_nonsense_does_not_make_us_ask_the_provider(issuer: str) -> None:
    tokens = Tokens(Provider(issuer, "endolink"))
    tokens.recognise(token(issuer))
    fetched = tokens._fetched
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for number in range(5):
        tokens.recognise(jwt.encode({"sub": "x"}, own, "RS256", {"kid": str(number)}))
    assert tokens._fetched == fetched


def test_without_any_key_it_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    with pytest.raises(IdentityUnreachable):
        Tokens(Provider(f"http://127.0.0.1:{number}", "endolink")).recognise(
            unsigned({"sub": "x"}, "any")
        )


def test_a_provider_that_is_away_is_not_asked_by_every_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def away(url: str) -> dict[str, Any]:
        asked.append(url)
        raise OSError("nobody there")

    monkeypatch.setattr(oidc, "_fetch", away)
    now = 1000.0
    tokens = Tokens(Provider("https://login.example", "endolink"), clock=lambda: now)
    for _ in range(20):
        with pytest.raises(IdentityUnreachable):
            tokens.recognise(unsigned({"sub": "x"}, "any"))
    assert len(asked) == 1
    now += oidc._AWAY_S
    with pytest.raises(IdentityUnreachable):
        tokens.recognise(unsigned({"sub": "x"}, "any"))
    assert len(asked) == 2


def test_roles_may_say_what_somebody_may() -> None:
    by_roles = Provider("https://login.example", "endolink", "realm.roles", prefix="")
    assert by_roles.scopes({"realm": {"roles": ["score", "other"]}}) == {"score"}
    for claims in ({}, {"realm": "score"}, {"realm": {"roles": 7}}, {"realm": {"roles": [7]}}):
        assert by_roles.scopes(claims) == frozenset()


def test_the_service_takes_tokens(issuer: str, classifier_bundle: Path, models: Models) -> None:
    settings = Settings(port=0, bundles=(classifier_bundle,), oidc_issuer=issuer)
    with serve(settings, models) as running, httpx.Client(base_url=running.url) as client:
        statuses = []
        for given in (
            token(issuer),
            token(issuer, audience="pacs"),
            token(issuer, "endolink:stream"),
        ):
            headers = {"Authorization": f"Bearer {given}"}
            statuses.append(
                client.post("/v1/frames", content=picture(), headers=headers).status_code
            )
        assert statuses == [200, 401, 403]
