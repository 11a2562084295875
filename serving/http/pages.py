"""The pages for people: the viewer at `/`, and `/docs`, which loads nothing and runs nothing."""

import base64
import hashlib
import json
from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from endolink.serving.http import assets, problems
from endolink.serving.http.resource import service_of

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2b33; --soft: #5c6f78; --line: #d5dee2;
        --paper: #fbfcfc; --tint: #eef3f4; --mark: #0b6b62; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4ecee; --soft: #9db0b8; --line: #33444c; --paper: #12191d; --tint: #1b252a;
          --mark: #63c8bb; } }
body { margin: 0 auto; max-width: 52rem; padding: 3rem 1.25rem; background: var(--paper);
       color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; }
h1 { font-weight: 600; margin: 0 0 .25rem; } h2 { margin: 2.5rem 0 .5rem; font-size: 1.2rem; }
h3 { margin: 1.5rem 0 .25rem; font-size: 1rem; }
p { margin: .5rem 0; } .soft { color: var(--soft); } a { color: var(--mark); }
code, pre { font: .875rem/1.5 ui-monospace, monospace; background: var(--tint);
            border-radius: .25rem; }
code { padding: .1rem .3rem; } pre { padding: .75rem 1rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0;
         border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; }
""".strip()

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def _page(title: str, body: str) -> HTMLResponse:
    return HTMLResponse(
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>{body}</body></html>\n",
        headers=_HEADERS,
    )


# The viewer loads its own files, and talks to its own service, and does neither with anybody else
# but the identity provider, where people sign in at one: it exchanges its code for tokens there.
# `blob:` are pictures and recordings that the user chose, on their way to the screen.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src {asked}; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_VIEWER_HEADERS = {
    "Permissions-Policy": "camera=(self), display-capture=(self), fullscreen=(self), "
    "microphone=(), geolocation=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_VIEWER, _VIEWER_ETAG = assets.page()


async def home(request: Request) -> Response:
    """Give the viewer."""
    settings = service_of(request).settings
    asked = ["'self'"]
    if settings.oidc_issuer is not None and settings.oidc_client is not None:
        issuer = urlsplit(settings.oidc_issuer)
        asked.append(f"{issuer.scheme}://{issuer.netloc}")
    policy = _POLICY.format(asked=" ".join(asked))
    headers = {**_VIEWER_HEADERS, "Content-Security-Policy": policy, "ETag": _VIEWER_ETAG}
    if request.headers.get("if-none-match") == _VIEWER_ETAG:
        return Response(status_code=304, headers=headers)
    return HTMLResponse(_VIEWER, headers=headers)


def docs(api: dict[str, Any]) -> HTMLResponse:
    """Show `api`, which is `/openapi.json`, to a person."""
    return _page(f"{api['info']['title']}: how to use it", "".join(_render(api)))


def _render(api: dict[str, Any]) -> Iterator[str]:
    yield f"<h1>{escape(api['info']['title'])} {escape(api['info']['version'])}</h1>"
    yield f"<p>{_prose(api['info']['description'])}</p>"
    yield '<p class="soft">For programs: <a href="/openapi.json">openapi.json</a>.</p>'
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            yield from _operation(f"{method.upper()} {path}", operation)
    yield "<h2>Problems</h2><p>What is not answered is explained as "
    yield f"<code>{problems.MEDIA_TYPE}</code> (RFC 9457) with one of these codes.</p>"
    yield "<table><tr><th>Code</th><th>Status</th><th>Meaning</th></tr>"
    for code, title, status in problems.catalogue():
        yield f'<tr id="{code}"><td><code>{code}</code></td><td>{status:d}</td>'
        yield f"<td>{escape(title)}</td></tr>"
    yield "</table>"


def _operation(heading: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{escape(heading)}</code></h2>"
    yield f"<p>{escape(operation['summary'])}</p>"
    for paragraph in operation["description"].split("\n\n"):
        yield f"<p>{_prose(paragraph)}</p>"
    if body := operation.get("requestBody"):
        yield f"<h3>Body</h3><p>{_prose(body['description'])}</p>"
    if parameters := operation.get("parameters"):
        yield "<h3>Query</h3><table>"
        for parameter in parameters:
            yield f"<tr><td><code>{escape(parameter['name'])}</code></td>"
            yield f"<td>{_prose(parameter['description'])}</td></tr>"
        yield "</table>"
    for sample in operation["x-codeSamples"]:
        yield f"<pre>{escape(sample['source'])}</pre>"
    answer, *_ = operation["responses"]["200"]["content"].values()
    if example := answer.get("example"):
        yield "<h3>Answer</h3>"
        yield f"<pre>{escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>"


def _prose(text: str) -> str:
    """Turn a description's `code` marks into HTML."""
    pieces = escape(text, quote=False).split("`")
    return "".join(
        f"<code>{piece}</code>" if odd % 2 else piece for odd, piece in enumerate(pieces)
    )
