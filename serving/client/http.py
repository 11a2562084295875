"""Frames in, verdicts out, over HTTP.

with Client("http://127.0.0.1:8000") as client:
    verdict = client.score(Path("frame.jpg").read_bytes())
    print(verdict.top.code, verdict.top.probability)
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self, TypedDict, Unpack

import httpx

from endolink.model.errors import EndoLinkError, ServiceUnreachable
from endolink.model.verdict import EXPLAINED_JSON, VERDICT_JSON, ExplainedVerdict, Verdict
from endolink.serving.client.problem import as_error

# Connecting included: whoever waits longer wants a newer frame.
TIMEOUT_S = 10.0

Scored = Verdict | EndoLinkError
"""What became of one frame of several: its verdict, or why it has none."""


class Options(TypedDict, total=False):
    """What may be said of every request; docs/service.md has the meaning of each.

    With `explain="heatmap"` verdicts are `ExplainedVerdict`. `deadline_ms` is counted from the
    request's arrival.
    """

    explain: Literal["none", "box", "heatmap"]
    model: str
    version: str
    deadline_ms: float
    priority: Literal["interactive", "bulk"]


class FrameOptions(Options, total=False):
    """What may be said of one frame besides; both come back in its verdict."""

    captured_at: datetime
    sequence: int


class Client:
    """Scores frames over kept connections, which may be used from several threads.

    `credential` is an API key or an access token, where the service asks who is there.
    """

    def __init__(
        self, url: str, *, credential: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout_s, headers=_headers(credential))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def score(self, image: bytes, **options: Unpack[FrameOptions]) -> Verdict:
        """Send one image file's bytes as they are; give what the service points at in it.

        Raises
        ------
        FrameError, RequestError
            As the service says; Overloaded knows when to try again.
        ServiceUnreachable
            There was no answer, or none of EndoLink's.
        """
        return _read(self._post("/v1/frames", options, content=image))

    def score_all(self, images: Sequence[bytes], **options: Unpack[Options]) -> list[Scored]:
        """Send several at once, and give for each, in order, its verdict or its error.

        Such a request is `bulk` unless `priority` says otherwise. Raises as `score` does for what
        concerns all of them.
        """
        if not images:
            return []
        return _read_all(self._post("/v1/frames:batch", options, files=_form(images)))

    def _post(self, path: str, options: Mapping[str, Any], **body: Any) -> httpx.Response:
        try:
            return self._http.post(path, params=_query(options), **body)
        except httpx.TransportError as error:
            raise _unreachable(error) from error


class AsyncClient:
    """The same as `Client`, for an event loop; a task that is cancelled takes its work with it."""

    def __init__(
        self, url: str, *, credential: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, timeout=timeout_s, headers=_headers(credential)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    async def score(self, image: bytes, **options: Unpack[FrameOptions]) -> Verdict:
        """As `Client.score` does."""
        return _read(await self._post("/v1/frames", options, content=image))

    async def score_all(self, images: Sequence[bytes], **options: Unpack[Options]) -> list[Scored]:
        """As `Client.score_all` does."""
        if not images:
            return []
        return _read_all(await self._post("/v1/frames:batch", options, files=_form(images)))

    async def _post(self, path: str, options: Mapping[str, Any], **body: Any) -> httpx.Response:
        try:
            return await self._http.post(path, params=_query(options), **body)
        except httpx.TransportError as error:
            raise _unreachable(error) from error


def _headers(credential: str | None) -> dict[str, str]:
    return {} if credential is None else {"Authorization": f"Bearer {credential}"}


def _query(options: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in options.items()
        if value is not None
    }


def _form(images: Sequence[bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    # A file needs a name; the service does not look at it.
    return [("frame", (str(number), image)) for number, image in enumerate(images)]


def _read(answer: httpx.Response) -> Verdict:
    if answer.status_code != httpx.codes.OK:
        raise as_error(_problem(answer))
    try:
        return _verdict(answer.json())
    except ValueError:
        raise _not_ours() from None


def _read_all(answer: httpx.Response) -> list[Scored]:
    if answer.status_code != httpx.codes.OK:
        raise as_error(_problem(answer))
    try:
        return [
            _verdict(frame["verdict"]) if "verdict" in frame else as_error(frame["error"])
            for frame in answer.json()["frames"]
        ]
    except (KeyError, TypeError, ValueError):
        raise _not_ours() from None


def _verdict(value: Any) -> Verdict | ExplainedVerdict:
    kind = EXPLAINED_JSON if "heatmaps" in value else VERDICT_JSON
    verdict: Verdict = kind.validate_python(value)
    return verdict


def _not_ours() -> ServiceUnreachable:
    return ServiceUnreachable("The answer is not a verdict; is this EndoLink, and of this version?")


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        problem: Mapping[str, Any] = answer.json()
        return problem
    return {"code": f"http-{answer.status_code}", "detail": "The answer is not one of EndoLink's."}


def _unreachable(error: httpx.TransportError) -> ServiceUnreachable:
    return ServiceUnreachable(f"There was no answer: {type(error).__name__}.")
