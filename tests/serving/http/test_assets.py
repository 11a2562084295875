import re

import httpx
import pytest

from endolink import sample_data
from endolink.serving.http.assets import _FOLDER, RELEASE, SAMPLE


def test_the_client_for_browsers_is_served_as_it_is(client: httpx.Client) -> None:
    answer = client.get("/viewer/endolink-client.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.content == (_FOLDER / "endolink-client.js").read_bytes()
    again = client.get(
        "/viewer/endolink-client.js", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("client/stream.js", "text/javascript; charset=utf-8"),
        ("viewer.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_a_file_of_this_release_is_kept(client: httpx.Client, name: str, media_type: str) -> None:
    kept = client.get(f"/viewer/{RELEASE}/{name}")
    assert kept.headers["content-type"] == media_type
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    asked = client.get(f"/viewer/{name}")
    assert asked.content == kept.content == (_FOLDER / name).read_bytes()
    assert asked.headers["cache-control"] == "no-cache"
    assert asked.headers["x-content-type-options"] == "nosniff"


def test_every_module_imports_what_is_there() -> None:
    modules = list(_FOLDER.rglob("*.js"))
    assert len(modules) > 30
    for module in modules:
        for name in re.findall(r"(?:from|URL\()\s*\"(\./[^\"]+)\"", module.read_text()):
            assert (module.parent / name).is_file() or name.endswith(SAMPLE), (module.name, name)


def test_the_sample_can_be_moved_about_in(client: httpx.Client) -> None:
    whole = sample_data.clip().read_bytes()
    part = client.get(f"/viewer/{SAMPLE}", headers={"Range": "bytes=1000-1999"})
    assert part.status_code == 206
    assert part.content == whole[1000:2000]
    assert part.headers["content-type"] == "video/webm"
    assert client.get(f"/viewer/{RELEASE}/{SAMPLE}").content == whole


@pytest.mark.parametrize(
    "name",
    [
        "nothing.js",
        "index.html",
        f"{RELEASE}/nothing.js",
        "0/viewer.css",
        "%2e%2e%2fapp.py",
        "..%2fapp.py",
        "",
    ],
)
def test_nothing_else_is(client: httpx.Client, name: str) -> None:
    answer = client.get(f"/viewer/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
