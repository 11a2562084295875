"""`/viewer/...`: what a browser loads from the service itself, so that it needs nobody else."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FOLDER = Path(__file__).parents[1] / "viewer"
_MEDIA_TYPES = {".js": "text/javascript; charset=utf-8"}


@dataclass(frozen=True)
class _Asset:
    content: bytes
    media_type: str
    etag: str


def _load() -> dict[str, _Asset]:
    assets = {}
    for path in _FOLDER.iterdir():
        if (media_type := _MEDIA_TYPES.get(path.suffix)) is not None:
            content = path.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            assets[path.name] = _Asset(content, media_type, etag)
    return assets


# A handful of small files, read once: a name is looked up and never becomes a path.
_ASSETS = _load()


async def asset(request: Request) -> Response:
    """Give one file of the viewer; a browser asks each time whether it has changed."""
    found = _ASSETS.get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    headers = {
        "ETag": found.etag,
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        # A hospital's own page may load the client; there is nothing secret in it.
        "Access-Control-Allow-Origin": "*",
    }
    if request.headers.get("if-none-match") == found.etag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


ROUTE = Route("/viewer/{name}", asset)
