"""Whatever is wrong with a credential, the answer is the same, and takes as long."""

import re
import statistics
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from endolink.serving.access import oidc
from endolink.serving.access.keys import KeyRing
from endolink.serving.access.principal import SCOPES, Scope
from endolink.serving.access.rules import needed
from endolink.serving.http import assets
from endolink.serving.http.streams import ROUTE as STREAM
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.access.providers import token, unsigned
from tests.serving.service import Running, picture, serve

pytestmark = [pytest.mark.program("node"), pytest.mark.program("npm")]

EVERYTHING = " ".join(f"endolink:{scope}" for scope in SCOPES)
ROUNDS = 15


@dataclass(frozen=True)
class Door:
    """A service that takes keys and tokens, and what is good and bad for it."""

    running: Running
    keys: Mapping[Scope, str]
    token: str
    bad: Mapping[str, str | None]


@pytest.fixture(scope="module")
def door(
    issuer: str, classifier_bundle: Path, models: Models, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    ring = KeyRing(tmp_path_factory.mktemp("strangers") / "keys.json")
    keys = {scope: ring.create(scope, [scope])[1] for scope in SCOPES}
    gone, revoked = ring.create("gone", SCOPES)
    ring.revoke(gone.id)
    good = token(issuer, EVERYTHING)
    head, body, signature = good.split(".")
    bad: dict[str, str | None] = {
        "none": None,
        "nonsense": "nonsense",
        "a key that never was": f"endolink_{'0' * 12}_{'A' * 43}",
        "a key with another secret": keys["admin"][:-43] + "A" * 43,
        "an expired key": KeyRing(ring.path, clock=lambda: 1.0).create("old", SCOPES, days=1)[1],
        "a revoked key": revoked,
        "a token for another service, replayed here": token(issuer, EVERYTHING, "pacs"),
        "a token with a garbled signature": f"{head}.{body}.{signature[::-1]}",
        "a token with another's claims": f"{head}.{token(issuer).split('.')[1]}.{signature}",
        "a token that nobody signed": unsigned({"sub": "x"}, "first"),
        "half a token": f"{head}.{body}",
    }
    settings = Settings(
        port=0, bundles=(classifier_bundle,), keys=ring.path, oidc_issuer=issuer, rate_burst=1000
    )
    with serve(settings, models) as running:
        yield Door(running, keys, good, bad)


@pytest.fixture
def stranger(door: Door) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=door.running.url, timeout=60) as client:
        yield client


def sent(credential: str | None) -> dict[str, str]:
    return {} if credential is None else {"Authorization": f"Bearer {credential}"}


def closed(client: httpx.Client) -> list[tuple[str, str]]:
    """Every call that the interface describes and that not everybody may make."""
    paths = client.get("/openapi.json").json()["paths"]
    found = [(method.upper(), path) for path, of in paths.items() for method in of]
    return [call for call in found if needed(*call) is not None]


def told(answer: httpx.Response) -> tuple[Any, ...]:
    """All that an answer tells, but for its own name, the time, and how long it took."""
    headers = dict(answer.headers)
    assert re.fullmatch(r"total;dur=[0-9.]+", headers.pop("server-timing"))
    name = headers.pop("x-request-id")
    headers.pop("date", None)
    body = answer.json()
    assert body.pop("instance") == f"urn:ulid:{name}"
    return answer.status_code, sorted(headers.items()), sorted(body.items())


def test_nothing_is_served_that_is_not_described(door: Door, stranger: httpx.Client) -> None:
    """A route that the description lacks would be one that the tests below never ask for."""
    described = set(stranger.get("/openapi.json").json()["paths"])
    served = set()
    for route in door.running.app.routes:
        assert isinstance(route, Route | WebSocketRoute | Mount)
        served.add(route.path)
    beside = {"/", "/docs", "/openapi.json", assets.ROUTE.path, STREAM.path}
    assert served - described == beside


def test_the_page_and_its_health_are_public_and_nothing_else(stranger: httpx.Client) -> None:
    public = ["/", "/docs", "/openapi.json", "/healthz", "/readyz", "/v1/access"]
    page = stranger.get("/").text
    parts = sorted(set(re.findall(r'(?:src|href)="(/?viewer/[^"]+)"', page)))
    assert parts, page
    for path in public + [f"/{each.lstrip('/')}" for each in parts]:
        assert stranger.get(path).status_code == 200, path
    assert len(closed(stranger)) >= 10


def test_every_closed_resource_answers_every_stranger_alike(
    door: Door, stranger: httpx.Client
) -> None:
    for method, path in closed(stranger):

        def ask(credential: str | None, method: str = method, path: str = path) -> httpx.Response:
            return stranger.request(method, path, headers=sent(credential), content=b"x")

        with ThreadPoolExecutor(len(door.bad)) as pool:
            answers = {
                str(told(answer)): name
                for name, answer in zip(door.bad, pool.map(ask, door.bad.values()), strict=True)
            }
        assert len(answers) == 1, answers
        assert next(iter(answers)).startswith("(401, "), (method, path)


def test_an_expired_token_is_answered_like_no_credential(
    door: Door, stranger: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = sent(door.token)
    assert stranger.get("/v1/models", headers=headers).status_code == 200
    # As if more time had gone by than it is good for.
    monkeypatch.setattr(oidc, "_LEEWAY_S", -601)
    assert told(stranger.get("/v1/models", headers=headers)) == told(stranger.get("/v1/models"))


def test_who_is_known_and_may_not_hears_that(door: Door, stranger: httpx.Client) -> None:
    for method, path in closed(stranger):
        wanted = needed(method, path)
        for scope in SCOPES:
            answer = stranger.request(method, path, headers=sent(door.keys[scope]), content=b"x")
            assert (answer.status_code == 403) == (scope != wanted), (method, path, scope)


def hear(door: Door, credential: str | None) -> tuple[str, int | None]:
    """Say hello on a stream; give the first answer, and the code that it is closed with."""
    given = "" if credential is None else f', "credential": "{credential}"'
    with connect(f"ws://127.0.0.1:{door.running.port}/v1/streams") as socket:
        socket.send(f'{{"type": "hello", "clock_us": 1{given}}}')
        first = str(socket.recv(60))
        if '"ready"' in first:
            return first, None
        with pytest.raises(ConnectionClosed):
            pytest.fail(f"nothing follows a refusal, but {socket.recv(60)!r}")
        return first, socket.close_code


def test_the_stream_answers_every_stranger_alike(door: Door) -> None:
    answers = {hear(door, credential) for credential in door.bad.values()}
    ((said, code),) = answers
    assert '"unauthenticated"' in said
    assert code == 1008
    for scope in SCOPES:
        said, code = hear(door, door.keys[scope])
        assert ('"forbidden"' in said) == (scope != "stream")
        assert (code == 1008) == (scope != "stream")
    assert '"ready"' in hear(door, door.token)[0]


def test_how_long_a_refusal_takes_tells_nothing(door: Door, stranger: httpx.Client) -> None:
    took: dict[str, list[float]] = {name: [] for name in door.bad}
    frame = picture()
    for _ in range(ROUNDS):
        for name, credential in door.bad.items():
            begun = time.perf_counter()
            answer = stranger.post("/v1/frames", headers=sent(credential), content=frame)
            took[name].append(time.perf_counter() - begun)
            assert answer.status_code == 401
    medians = {name: statistics.median(each) for name, each in took.items()}
    # Without the pause of `gate.py` the slowest takes 1.7 times as long as the quickest.
    assert max(medians.values()) < 1.3 * min(medians.values()), medians
