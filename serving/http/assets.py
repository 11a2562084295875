"""`/viewer/...`: what a browser loads from the service itself, so that it needs nobody else.

Every file has two addresses. `/viewer/NAME` is for good, and a browser asks each time whether it
has changed: a hospital's own page loads the client from there. `/viewer/RELEASE/NAME` names the
contents of the whole folder too, and is kept: the page at `/` leads there, so that its modules are
always of one release and are fetched once.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from endolink import sample_data

_FOLDER = Path(__file__).parents[1] / "viewer"
_MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
SAMPLE: Final = "sample.webm"
"""The rendered clip, which shows the viewer at work without a patient."""

_PAGE: Final = "index.html"
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    # A hospital's own page may load the viewer; there is nothing secret in it.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_ASK: Final = "no-cache"
_KEEP: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class _Asset:
    content: bytes
    media_type: str
    etag: str


def _load() -> dict[str, _Asset]:
    assets = {}
    for path in sorted(_FOLDER.rglob("*")):
        if (media_type := _MEDIA_TYPES.get(path.suffix)) is not None:
            content = path.read_bytes()
            name = path.relative_to(_FOLDER).as_posix()
            assets[name] = _Asset(content, media_type, _etag(content))
    return assets


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


# Some dozens of small files, read once: a name is looked up and never becomes a path.
_ASSETS = _load()
RELEASE: Final = hashlib.sha256(
    "".join(f"{name} {asset.etag}\n" for name, asset in _ASSETS.items()).encode()
).hexdigest()[:12]


def page() -> tuple[bytes, str]:
    """Give the viewer's page, which leads to the files of this release, and its ETag."""
    text = (_FOLDER / _PAGE).read_text(encoding="utf-8")
    content = text.replace("/viewer/", f"/viewer/{RELEASE}/").encode()
    return content, _etag(content)


async def asset(request: Request) -> Response:
    """Give one file of the viewer."""
    name: str = request.path_params["name"]
    release, _, inside = name.partition("/")
    kept = release == RELEASE
    if kept:
        name = inside
    headers = {**_HEADERS, "Cache-Control": _KEEP if kept else _ASK}
    if name == SAMPLE:
        # It answers to ranges, which is how a browser moves about in a recording.
        return FileResponse(sample_data.clip(), media_type="video/webm", headers=headers)
    found = _ASSETS.get(name)
    if found is None:
        raise HTTPException(404)
    headers["ETag"] = found.etag
    if request.headers.get("if-none-match") == found.etag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


ROUTE = Route("/viewer/{name:path}", asset)
