"""One file over HTTP: resumed where the connection dropped, and checked when it is whole."""

import hashlib
import http.client
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

from endolink import __version__
from endolink.model.errors import DownloadFailed, DownloadMismatch
from endolink.training.datasets.catalogue import RemoteFile

Progress = Callable[[int], None]

TRIES: Final = 6  # in a row without a byte received
_CHUNK: Final = 1 << 18
_TIMEOUT: Final = 60.0  # seconds without a byte
_LONGEST_WAIT: Final = 30.0
_LARGEST: Final = 1 << 38  # bytes, of a file whose size nobody states
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_DISTRUSTED: Final = (
    "its certificate cannot be verified. Download the file in a browser, from {home}, then give it "
    "with --archive FILE"
)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from an encrypted connection to one that is not."""

    def redirect_request(  # noqa: PLR0917 - the base class's signature
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        target = urlsplit(newurl).scheme
        if target not in {"http", "https"} or (req.type == "https" and target != "https"):
            raise DownloadFailed(f"{urlsplit(req.full_url).netloc} redirects to an unsafe address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_Redirects)


def get_json(url: str, most: int = 1 << 24) -> Any:
    """Ask for a JSON document of at most `most` bytes.

    Raises
    ------
    DownloadFailed
        It does not come, or is no JSON.
    """
    for tried in range(TRIES):
        try:
            with _open(url, {"Accept": "application/json"}) as answer:
                return json.loads(answer.read(most))
        except (http.client.HTTPException, OSError):
            _wait(tried)
        except ValueError as error:
            raise DownloadFailed(f"{url} did not answer with JSON") from error
    raise DownloadFailed(f"{url} does not answer; try again later")


def download(file: RemoteFile, folder: Path, progress: Progress, home: str = "") -> Path:
    """Download `file` into `folder`, or the rest of what an earlier try left there.

    `progress` is told how many more bytes are there, those of an earlier try first. The file stands
    under its name only when it is whole and its size and hash are right.

    Raises
    ------
    DownloadFailed
        It did not come whole; what came is kept for the next try.
    DownloadMismatch
        It came, and is not what was published; it is not kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole, part = folder / file.name, folder / f"{file.name}.part"
    if whole.is_file():
        progress(whole.stat().st_size)
        return whole
    state = _State(part, file)
    progress(state.received)
    tried = 0
    while not state.finished:
        before = state.received
        try:
            _receive(file, state, progress)
        except ssl.SSLError as error:
            raise DownloadFailed(
                f"{urlsplit(file.url).netloc}: {_DISTRUSTED.format(home=home or file.url)}"
            ) from error
        except (http.client.HTTPException, OSError) as error:
            tried = 0 if state.received > before else tried + 1
            if tried >= TRIES:
                raise DownloadFailed(
                    f"{file.name} stopped at {state.received:,} bytes"
                    f"{f' of {state.size:,}' if state.size else ''} ({error}). Give the command "
                    "again: it goes on from there"
                ) from error
            _wait(tried)
    check(file, part)
    part.replace(whole)
    state.forget()
    return whole


def check(file: RemoteFile, path: Path) -> None:
    """Hold a downloaded file to its published size and hash; a wrong one is removed.

    Raises
    ------
    DownloadMismatch
        One of them is otherwise.
    """
    size = path.stat().st_size
    wrong = None
    if file.size is not None and size != file.size:
        wrong = f"it has {size:,} bytes, and {file.size:,} were published"
    for kind, published in (("sha256", file.sha256), ("md5", file.md5)):
        if wrong is None and published is not None:
            with path.open("rb") as opened:
                found = hashlib.file_digest(opened, kind).hexdigest()
            if found != published:
                wrong = f"its {kind} is {found}, and {published} was published"
    if wrong is not None:
        if path.suffix == ".part":
            path.unlink()
        raise DownloadMismatch(
            f"{file.name}: {wrong}. It was damaged on its way, or its authors have changed it; "
            "compare with the data set's own page"
        )


class _State:
    """What has been received of a file, and which version of it that is a part of."""

    def __init__(self, part: Path, file: RemoteFile) -> None:
        self._part, self._note = part, part.with_name(f"{part.name}.json")
        self._url = file.url
        self.size = file.size
        self.validator: str | None = None
        self.finished = False
        known = self._read()
        if known.get("url") == file.url and part.is_file():
            self.validator = known.get("validator")
            self.size = self.size or known.get("size")
        else:
            part.unlink(missing_ok=True)
        self.received = part.stat().st_size if part.is_file() else 0

    def begin(self, *, again: bool, size: int | None, validator: str | None) -> None:
        """Note which version comes; `again` says that it comes from its first byte."""
        if again:
            self._part.unlink(missing_ok=True)
            self.received = 0
        self.size, self.validator = size or self.size, validator
        note = {"url": self._url, "size": self.size, "validator": validator}
        self._note.write_text(json.dumps(note))

    def open(self) -> IO[bytes]:
        return self._part.open("ab")

    def forget(self) -> None:
        self._note.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        try:
            note = json.loads(self._note.read_text())
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}


def _receive(file: RemoteFile, state: _State, progress: Progress) -> None:
    """Receive until the file is whole or the connection drops."""
    if state.size is not None and state.received == state.size:
        state.finished = True
        return
    headers = {"Accept-Encoding": "identity"}
    if state.received:
        headers["Range"] = f"bytes={state.received}-"
        if state.validator is not None:
            headers["If-Range"] = state.validator
    with _open(file.url, headers) as answer:
        again, size = _begins(answer, state)
        if file.size is not None and size is not None and size != file.size:
            raise DownloadMismatch(
                f"{file.name}: the server has {size:,} bytes, and {file.size:,} were published; "
                "compare with the data set's own page"
            )
        before = state.received
        state.begin(again=again, size=size, validator=_validator(answer))
        if again and before:
            progress(-before)
        limit = state.size or _LARGEST
        with state.open() as part:
            while block := answer.read(_CHUNK):
                state.received += len(block)
                if state.received > limit:
                    raise DownloadMismatch(f"{file.name}: more than its {limit:,} bytes are sent")
                part.write(block)
                progress(len(block))
            part.flush()
            os.fsync(part.fileno())
    # Without a stated size, the connection's end is the file's.
    if state.size is not None and state.received < state.size:
        raise ConnectionError("the connection dropped")
    state.finished = True


def _begins(answer: http.client.HTTPResponse, state: _State) -> tuple[bool, int | None]:
    """Say whether an answer begins at the first byte, and how large the whole file is."""
    length = answer.headers.get("Content-Length")
    if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
        return True, int(length) if length and length.isdecimal() else None
    unit, _, rest = answer.headers.get("Content-Range", "").partition(" ")
    span, _, total = rest.partition("/")
    if unit != "bytes" or span.partition("-")[0] != str(state.received):
        raise ConnectionError("the server sent another part than was asked for")
    return False, int(total) if total.isdecimal() else None


def _validator(answer: http.client.HTTPResponse) -> str | None:
    tag = answer.headers.get("ETag")
    # A weak tag does not promise the same bytes (RFC 9110, 13.1.5).
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified")


def _open(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    agent = {"User-Agent": f"endolink/{__version__}"}
    request = urllib.request.Request(url, headers=headers | agent)  # noqa: S310 - http, https
    try:
        answer: http.client.HTTPResponse = _OPENER.open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            if error.code in _AGAIN:
                after = error.headers.get("Retry-After", "")
                time.sleep(min(float(after) if after.isdecimal() else 0.0, _LONGEST_WAIT))
                raise ConnectionError(f"the server answered {error.code}") from error
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise DownloadMismatch(
                    f"{url}: the server has fewer bytes than were received; delete the .part file"
                ) from error
            raise DownloadFailed(
                f"{url} answered {error.code} {error.reason}; see the data set's own page, and "
                "give a file that you downloaded yourself with --archive"
            ) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            raise error.reason from error
        raise
    return answer


def _wait(tried: int) -> None:
    time.sleep(min(2.0**tried / 2, _LONGEST_WAIT))
