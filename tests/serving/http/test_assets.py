import httpx
import pytest

from endolink.serving.http.assets import _FOLDER


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


@pytest.mark.parametrize("name", ["nothing.js", "%2e%2e%2fapp.py", "..%2fapp.py", ""])
def test_nothing_else_is(client: httpx.Client, name: str) -> None:
    answer = client.get(f"/viewer/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
