"""A real HTTP server on loopback that serves data sets, and fails in the ways that servers do."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from zipfile import ZipFile

from tests.training.pictures import fill_folder


@dataclass
class Site:
    """What is served, and how it goes wrong.

    Each entry of `drops` ends the next answer's body after so many bytes; each of `refusals` is
    answered instead of a file. `asked` notes every request's path and Range.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    drops: deque[int] = field(default_factory=deque)
    refusals: deque[int] = field(default_factory=deque)
    redirects: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    tag: str = '"v1"'
    sized: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@contextmanager
def serve(site: Site) -> Iterator[Site]:
    """Serve `site` on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        served: ClassVar[Site] = site

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            _answer(self, self.served)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, site: Site) -> None:
    span = request.headers.get("Range")
    path = request.path.split("?")[0]
    site.asked.append((path, span))
    if path in site.redirects:
        request.send_response(302)
        request.send_header("Location", site.redirects[path])
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    if site.refusals or path not in site.files:
        request.send_response(site.refusals.popleft() if site.refusals else 404)
        request.send_header("Content-Length", "0")
        request.send_header("Retry-After", "0")
        request.end_headers()
        return
    body, start = site.files[path], 0
    fresh = request.headers.get("If-Range") in {None, site.tag}
    if span is not None and site.ranges and fresh:
        start = int(span.removeprefix("bytes=").rstrip("-"))
        if start >= len(body):
            request.send_response(416)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
    else:
        request.send_response(200)
    request.send_header("ETag", site.tag)
    rest = body[start:]
    if site.sized:
        request.send_header("Content-Length", str(len(rest)))
    request.send_header("Connection", "close")
    request.end_headers()
    request.close_connection = True
    if site.drops:
        rest = rest[: site.drops.popleft()]
    request.wfile.write(rest)


def zip_of(folder: Path, *, top: str = "") -> bytes:
    """Pack a folder into a ZIP, below a folder `top`."""
    path = folder.with_name(f"{folder.name}.zip")
    with ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, Path(top) / file.relative_to(folder))
    return path.read_bytes()


def clinic_zip(folder: Path, each: int = 3) -> bytes:
    """Pack a small clinic's frames, three findings in folders."""
    return zip_of(fill_folder(folder / "clinic", each))
