import asyncio
import re
from typing import Any

import httpx
import pytest
from starlette.requests import ClientDisconnect, Request

from endolink.serving.app import RESOURCES
from endolink.serving.http.resource import Resource, client_of, while_connected
from tests.serving.service import Running


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.path)
def test_a_resource_describes_itself(resource: Resource) -> None:
    assert resource.description.endswith(".")
    assert "\n    " not in resource.description
    assert resource.summary
    path = re.sub(r"{\w+}", "[^/']+", resource.path)
    assert all(re.search(f"{path}['?]", command) for command in resource.commands)
    assert resource.route.path == resource.path
    assert resource.route.methods is not None
    assert resource.method in resource.route.methods


@pytest.mark.parametrize(
    "resource",
    [resource for resource in RESOURCES if resource.method == "GET"],
    ids=lambda resource: resource.path,
)
def test_what_is_answered_holds_for_now_only(
    running: Running, client: httpx.Client, resource: Resource
) -> None:
    identity = running.service.models.get().identity
    path = resource.path.format(model=identity.name, version=identity.version)
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == resource.media_type
    assert answer.headers["cache-control"] == "no-store"


def request(*, leaves_after: float = 60.0, **scope: Any) -> Request:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(leaves_after)
        return {"type": "http.disconnect"}

    return Request({"type": "http", "headers": [], "client": ("10.0.0.7", 1), **scope}, receive)


def test_clients_are_told_apart_by_address_or_by_what_a_proxy_says() -> None:
    assert client_of(request()) == "10.0.0.7"
    named = client_of(request(headers=[(b"x-client-id", b"10.0.0.7" + b"x" * 200)]))
    assert named.startswith("id 10.0.0.7x")
    assert len(named) < 140
    assert client_of(request(client=None)) == ""


def test_work_is_awaited_while_the_client_is_there_and_no_longer() -> None:
    ended: list[str] = []

    async def work(seconds: float) -> str:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return "done"

    async def main() -> None:
        assert await while_connected(request(), work(0.01)) == "done"
        with pytest.raises(ClientDisconnect):
            await while_connected(request(leaves_after=0.01), work(60))
        # Who is cancelled from elsewhere hears of that, and not of a client that went away.
        task = asyncio.create_task(while_connected(request(), work(60)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    assert ended == ["cancelled"] * 2
