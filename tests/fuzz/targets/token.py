"""What is sent as a bearer token of an OpenID Connect provider, before anybody is known."""

from base64 import urlsafe_b64encode
from functools import cache

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from endolink.serving.access.oidc import Provider, Tokens

LONGEST = 8192
_ISSUER = "https://identity.example.org"


def check(data: bytes) -> None:
    """Take one line as a token; of two, sign the header and the claims as the provider would."""
    tokens = _tokens()
    head, line, claims = data.partition(b"\n")
    if not line:
        assert tokens.recognise(data.decode("utf-8", "surrogateescape")) is None
        return
    message = _text(head) + b"." + _text(claims)
    principal = tokens.recognise((message + b"." + _text(_key().sign(message))).decode())
    assert principal is None or principal.name.startswith("oidc:")


@cache
def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(32))


@cache
def _tokens() -> Tokens:
    tokens = Tokens(Provider(_ISSUER, "endolink"), clock=lambda: 0.0)
    public = jwt.algorithms.OKPAlgorithm.to_jwk(_key().public_key(), as_dict=True)
    # As if they had been fetched a moment ago.
    tokens._keys = {"k": jwt.PyJWK(public | {"alg": "EdDSA"})}
    tokens._fetched = 0.0
    return tokens


def _text(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def seeds() -> dict[str, bytes]:
    """Claims that are good, those of another service, and what is no token."""
    head = b'{"alg":"EdDSA","kid":"k"}\n'
    good = (
        b'{"iss":"%b","aud":"endolink","sub":"s","iat":1,"exp":99999999999,'
        b'"scope":"endolink:score"}' % _ISSUER.encode()
    )
    return {
        "good": head + good,
        "none": b'{"alg":"none"}\n' + good,
        "secret": b'{"alg":"HS256","kid":"k"}\n' + good,
        "other": head + good.replace(b'"endolink"', b'["other"]'),
        "infinite": head + good.replace(b"99999999999", b"1e999"),
        "vast": head + good.replace(b"99999999999", b"9" * 400),
        "list": head + b"[]",
        "number": b'{"alg":"EdDSA","kid":7}\n' + good,
        "unhashable": b'{"alg":"EdDSA","kid":[]}\n' + good,
        "deep": b"[" * 5000 + b"\n{}",
        "deep-claims": head + b"[" * 5000,
        "raw": b"e30.e30.",
        "latin": b"\xff.\xff.\xff",
    }
