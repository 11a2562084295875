import re
from html.parser import HTMLParser

import httpx
import pytest


class Page(HTMLParser):
    """Collects what a page would load, where it leads, and what a reader sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            if name == "src" or (name == "href" and tag != "a"):
                self.loads.append(value or "")
            elif name == "href":
                self.leads.append(value or "")
            elif name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_docs_load_nothing_and_run_nothing(client: httpx.Client) -> None:
    answer = client.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    page = Page(answer.text)
    assert not page.loads
    assert not page.tags & {"script", "link", "img", "iframe", "form"}
    assert re.search(r"clinician\s+decides", page.text)
    assert "not a diagnosis" in page.text


def test_the_viewer_is_let_do_only_what_it_does(client: httpx.Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    directives = answer.headers["content-security-policy"].split("; ")
    policy = dict(directive.split(" ", 1) for directive in directives)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    allowed = {"'self'", "'none'", "blob:", "data:"}
    assert {source for value in policy.values() for source in value.split()} <= allowed
    assert "camera=(self)" in answer.headers["permissions-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_viewer_loads_only_what_the_service_has(client: httpx.Client) -> None:
    answer = client.get("/")
    page = Page(answer.text)
    assert "style" not in page.tags
    assert len(page.loads) == 3
    for address in page.loads:
        assert address.startswith("/viewer/")
        found = client.get(address)
        assert found.status_code == 200
        assert "immutable" in found.headers["cache-control"]
    assert re.search(r"clinician\s+decides", page.text)
    assert "not a diagnosis" in page.text


def test_the_page_is_not_sent_twice(client: httpx.Client) -> None:
    etag = client.get("/").headers["etag"]
    again = client.get("/", headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_every_link_leads_somewhere(client: httpx.Client, path: str) -> None:
    leads = Page(client.get(path).text).leads
    assert leads
    for lead in leads:
        assert client.get(lead).status_code == 200


def test_docs_show_every_command_and_parameter(client: httpx.Client) -> None:
    text = Page(client.get("/docs").text).text
    for operations in client.get("/openapi.json").json()["paths"].values():
        for operation in operations.values():
            for sample in operation["x-codeSamples"]:
                assert sample["source"] in text
            for parameter in operation.get("parameters", []):
                assert parameter["name"] in text
