"""The whole service behind its gate, over real HTTP."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from endolink.model.errors import Unauthenticated
from endolink.serving.access.keys import KeyRing
from endolink.serving.access.principal import SCOPES, Scope
from endolink.serving.access.rules import needed
from endolink.serving.client.http import Client
from endolink.serving.client.live import Stream
from endolink.serving.client.stream import Answer, Event
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import Running, picture, serve


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing(tmp_path_factory.mktemp("access") / "keys.json")


@pytest.fixture(scope="module")
def keys(ring: KeyRing) -> dict[Scope, str]:
    return {scope: ring.create(scope, [scope])[1] for scope in SCOPES}


@pytest.fixture(scope="module")
def guarded(
    classifier_bundle: Path, models: Models, ring: KeyRing, keys: dict[Scope, str]
) -> Iterator[Running]:
    settings = Settings(port=0, bundles=(classifier_bundle,), keys=ring.path, rate_burst=1000)
    with serve(settings, models) as running:
        yield running


@pytest.fixture
def stranger(guarded: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=guarded.url, timeout=20) as client:
        yield client


def headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def calls(client: httpx.Client) -> list[tuple[str, str]]:
    """Every operation that the interface describes, and what it does not describe."""
    paths = client.get("/openapi.json").json()["paths"]
    described = [(method.upper(), path) for path, of in paths.items() for method in of]
    other = [("GET", "/v2"), ("GET", "/v2/models/colonoscopy"), ("GET", "/v1/nothing")]
    return described + other + [("POST", "/v2/models/colonoscopy/infer")]


def test_every_resource_refuses_strangers_alike(
    stranger: httpx.Client, ring: KeyRing, keys: dict[Scope, str]
) -> None:
    expired = KeyRing(ring.path, clock=lambda: 1.0).create("old", SCOPES, days=1)[1]
    key, revoked = ring.create("gone", SCOPES)
    ring.revoke(key.id)
    wrong = keys["admin"][:-1] + ("a" if keys["admin"][-1] != "a" else "b")
    answers = set()
    for method, path in calls(stranger):
        if needed(method, path) is None:
            continue
        for credential in (None, "nonsense", expired, revoked, wrong):
            given = {} if credential is None else headers(credential)
            answer = stranger.request(method, path, headers=given, content=b"x")
            problem = answer.json()
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
            problem.pop("instance")
            problem.pop("error", None)
            answers.add(str(sorted(problem.items())))
    assert len(answers) == 1


def test_every_resource_refuses_whoever_lacks_its_scope(
    stranger: httpx.Client, keys: dict[Scope, str]
) -> None:
    for method, path in calls(stranger):
        wanted = needed(method, path)
        for scope in SCOPES:
            answer = stranger.request(method, path, headers=headers(keys[scope]), content=b"x")
            refused = wanted is not None and scope != wanted
            assert (answer.status_code == 403) == refused, (method, path, scope)
            assert answer.status_code != 401


def test_who_may_is_answered(stranger: httpx.Client, keys: dict[Scope, str]) -> None:
    answer = stranger.post("/v1/frames", content=picture(), headers=headers(keys["score"]))
    assert answer.status_code == 200
    assert "ratelimit" in answer.headers
    assert stranger.get("/metrics", headers=headers(keys["metrics"])).status_code == 200


def test_what_is_public_says_how_to_sign_in(stranger: httpx.Client) -> None:
    assert stranger.get("/healthz").status_code == 200
    said = stranger.get("/v1/access").json()
    assert said == {"required": True, "methods": ["key"], "sign_in": None, "keeps": None}


def test_every_answer_has_the_security_headers(stranger: httpx.Client) -> None:
    for path in ("/", "/healthz", "/v1/frames", "/nothing"):
        answer = stranger.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def open_stream(guarded: Running, origin: str | None = None) -> ClientConnection:
    address = f"ws://127.0.0.1:{guarded.port}/v1/streams"
    opened: ClientConnection = connect(address, origin=Origin(origin) if origin else None)
    return opened


def hello(credential: str | None) -> str:
    given = "" if credential is None else f', "credential": "{credential}"'
    return f'{{"type": "hello", "clock_us": 1{given}}}'


def test_a_stream_says_who_it_is_in_its_first_message(
    guarded: Running, keys: dict[Scope, str]
) -> None:
    for credential, code in (
        (None, "unauthenticated"),
        ("nonsense", "unauthenticated"),
        (keys["score"], "forbidden"),
        (keys["stream"], None),
    ):
        with open_stream(guarded) as socket:
            socket.send(hello(credential))
            said = str(socket.recv(5))
            assert (f'"{code}"' if code else '"ready"') in said


def test_somebody_elses_session_is_not_resumed(
    guarded: Running, ring: KeyRing, keys: dict[Scope, str]
) -> None:
    _, other = ring.create("other", ["stream"])
    with open_stream(guarded) as socket:
        socket.send(hello(keys["stream"]))
        name = str(socket.recv(5)).split('"session":"')[1].split('"')[0]
        with open_stream(guarded) as thief:
            thief.send(hello(other)[:-1] + f', "resume": "{name}"}}')
            assert '"session-unknown"' in str(thief.recv(5))
        with open_stream(guarded) as again:
            again.send(hello(keys["stream"])[:-1] + f', "resume": "{name}"}}')
            assert '"resumed":true' in str(again.recv(5))


def test_another_sites_page_opens_no_stream(guarded: Running) -> None:
    with (
        pytest.raises(InvalidStatus, match="403"),
        open_stream(guarded, origin="https://evil.example"),
    ):
        pass
    with open_stream(guarded, origin=guarded.url):
        pass


def test_another_sites_page_reads_nothing(stranger: httpx.Client, keys: dict[Scope, str]) -> None:
    answer = stranger.get(
        "/v1/models", headers=headers(keys["score"]) | {"Origin": "https://evil.example"}
    )
    assert "access-control-allow-origin" not in answer.headers


def test_a_client_is_held_to_its_quota(
    classifier_bundle: Path, models: Models, ring: KeyRing, keys: dict[Scope, str]
) -> None:
    settings = Settings(
        port=0, bundles=(classifier_bundle,), keys=ring.path, rate=0.5, rate_burst=2
    )
    with serve(settings, models) as running, httpx.Client(base_url=running.url) as client:
        _, other = ring.create("other", ["score"])
        statuses = [
            client.get("/v1/models", headers=headers(keys["score"])).status_code for _ in range(3)
        ]
        refused = client.get("/v1/models", headers=headers(keys["score"]))
        assert statuses == [200, 200, 429]
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["code"] == "rate-limited"
        assert client.get("/v1/models", headers=headers(other)).status_code == 200


def test_our_clients_show_who_they_are(guarded: Running, keys: dict[Scope, str]) -> None:
    with Client(guarded.url, credential=keys["score"]) as client:
        assert client.score(picture()).model.name
    with Client(guarded.url) as client, pytest.raises(Unauthenticated):
        client.score(picture())
    with Stream(guarded.url, credential=keys["stream"], deadline_ms=10_000) as stream:
        stream.offer(picture())
        seen: list[Event] = []
        while not any(isinstance(event, Answer) for event in seen):
            came = list(stream.events(timeout_s=20))
            assert came, seen
            seen += came
