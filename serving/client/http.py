"""One frame, one verdict, over HTTP.

with Client("http://127.0.0.1:8000") as client:
    verdict = client.score(Path("frame.jpg").read_bytes())
    print(verdict.top.code, verdict.top.probability)
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Self

import httpx

from endolink.model.errors import ServiceUnreachable
from endolink.model.verdict import VERDICT_JSON, Verdict
from endolink.serving.client.problem import as_error

# Connecting included: whoever waits longer wants a newer frame.
TIMEOUT_S = 10.0


class Client:
    """Scores frames over kept connections, which may be used from several threads."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def score(
        self,
        image: bytes,
        *,
        explain: Literal["none", "box"] = "none",
        model: str | None = None,
        captured_at: datetime | None = None,
        sequence: int | None = None,
    ) -> Verdict:
        """Send one image file's bytes as they are; give what the service points at in it.

        Raises
        ------
        FrameError, RequestError
            As the service says; Overloaded knows when to try again.
        ServiceUnreachable
            There was no answer, or none of EndoLink's.
        """
        try:
            answer = self._http.post(
                "/v1/frames", content=image, params=_query(explain, model, captured_at, sequence)
            )
        except httpx.TransportError as error:
            raise _unreachable(error) from error
        return _read(answer)


class AsyncClient:
    """The same as `Client`, for an event loop."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    async def score(
        self,
        image: bytes,
        *,
        explain: Literal["none", "box"] = "none",
        model: str | None = None,
        captured_at: datetime | None = None,
        sequence: int | None = None,
    ) -> Verdict:
        """As `Client.score` does; a task that is cancelled takes the frame's work with it."""
        try:
            answer = await self._http.post(
                "/v1/frames", content=image, params=_query(explain, model, captured_at, sequence)
            )
        except httpx.TransportError as error:
            raise _unreachable(error) from error
        return _read(answer)


def _query(
    explain: str, model: str | None, captured_at: datetime | None, sequence: int | None
) -> dict[str, str]:
    options = {
        "explain": explain,
        "model": model,
        "captured_at": captured_at and captured_at.isoformat(),
        "sequence": sequence,
    }
    return {name: str(value) for name, value in options.items() if value is not None}


def _read(answer: httpx.Response) -> Verdict:
    if answer.status_code == httpx.codes.OK:
        try:
            return VERDICT_JSON.validate_json(answer.content)
        except ValueError:
            raise ServiceUnreachable(
                "The answer is not a verdict; is this EndoLink, and of this version?"
            ) from None
    raise as_error(_problem(answer))


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        problem: Mapping[str, Any] = answer.json()
        return problem
    return {"code": f"http-{answer.status_code}", "detail": "The answer is not one of EndoLink's."}


def _unreachable(error: httpx.TransportError) -> ServiceUnreachable:
    return ServiceUnreachable(f"There was no answer: {type(error).__name__}.")
