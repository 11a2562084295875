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


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_loads_nothing_and_runs_nothing(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
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


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_every_link_leads_somewhere(client: httpx.Client, path: str) -> None:
    leads = Page(client.get(path).text).leads
    assert leads
    for lead in leads:
        assert client.get(lead).status_code == 200


def test_home_says_what_is_served(client: httpx.Client) -> None:
    (model,) = client.get("/v1/models").json()["models"]
    text = Page(client.get("/").text).text
    assert "ready" in text
    assert f"{model['name']} {model['version']}" in text
    for finding in model["findings"]:
        assert finding["labels"]["en"] in text


def test_docs_show_every_command_and_parameter(client: httpx.Client) -> None:
    text = Page(client.get("/docs").text).text
    for operations in client.get("/openapi.json").json()["paths"].values():
        for operation in operations.values():
            for sample in operation["x-codeSamples"]:
                assert sample["source"] in text
            for parameter in operation.get("parameters", []):
                assert parameter["name"] in text
