"""A real OpenID Connect provider, the npm package `oidc-provider`, and its tokens."""

import json
import shutil
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

SCRIPT = Path(__file__).with_name("provider.mjs")


@contextmanager
def provider(
    modules: Path, port: int, key: str = "first", *, page: str | None = None
) -> Iterator[str]:
    """Run it with a signing key named `key`; people sign in for `page`, 4 s at a time."""
    node = shutil.which("node")
    assert node
    command = [node, str(SCRIPT), str(modules), str(port), key, *([page] if page else [])]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "listening\n"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def token(issuer: str, scope: str = "endolink:score", audience: str = "endolink") -> str:
    answer = httpx.post(
        f"{issuer}/token",
        data={
            "grant_type": "client_credentials",
            "scope": scope,
            "resource": f"urn:service:{audience}",
        },
        auth=("room-2", "not-a-secret"),
    )
    return str(answer.raise_for_status().json()["access_token"])


def unsigned(claims: dict[str, object], key: str) -> str:
    """A token that says of itself that nobody signed it (RFC 7519, section 6)."""
    parts = ({"alg": "none", "typ": "JWT", "kid": key}, claims)
    head, body = (urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    return f"{head.decode()}.{body.decode()}."
