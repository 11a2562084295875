import asyncio
from datetime import UTC, datetime

import pytest

from endolink.model.errors import (
    DeadlineExceeded,
    FrameNotAnImage,
    ModelUnknown,
    RequestInvalid,
    ServiceUnreachable,
)
from endolink.model.verdict import ExplainedVerdict, Verdict
from endolink.serving.client.http import AsyncClient, Client
from endolink.serving.models import Models
from tests.serving.service import Running


def test_a_frame_is_scored(running: Running, models: Models, jpeg: bytes) -> None:
    now = datetime.now(UTC)
    with Client(running.url) as client:
        verdict = client.score(jpeg, explain="box", captured_at=now, sequence=5)
    (bare,) = models.get(None).score([jpeg], explain="box")
    assert verdict.findings == bare.findings
    assert verdict.frame.captured_at == now
    assert verdict.frame.sequence == 5


def test_a_frame_is_scored_from_an_event_loop(running: Running, jpeg: bytes) -> None:
    async def main() -> list[Verdict]:
        async with AsyncClient(running.url) as client:
            return await asyncio.gather(*(client.score(jpeg) for _ in range(4)))

    assert len({verdict.findings for verdict in asyncio.run(main())}) == 1


def test_the_services_errors_are_raised_as_what_they_are(running: Running, jpeg: bytes) -> None:
    with Client(running.url) as client:
        with pytest.raises(FrameNotAnImage):
            client.score(b"not an image")
        with pytest.raises(ModelUnknown):
            client.score(jpeg, model="none-such")


def test_a_service_that_is_not_there_is_unreachable(jpeg: bytes) -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(ServiceUnreachable):
        client.score(jpeg)

    async def main() -> None:
        async with AsyncClient("http://127.0.0.1:9") as client:
            with pytest.raises(ServiceUnreachable):
                await client.score(jpeg)

    asyncio.run(main())


def test_another_server_is_told_from_the_service(running: Running, jpeg: bytes) -> None:
    with Client(f"{running.url}/nothing") as client, pytest.raises(ServiceUnreachable):
        client.score(jpeg)


def test_several_are_scored_at_once_and_one_that_is_broken_stops_no_other(
    running: Running, models: Models, jpeg: bytes
) -> None:
    with Client(running.url) as client:
        first, broken, last = client.score_all([jpeg, b"not an image", jpeg], priority="bulk")
        assert isinstance(broken, FrameNotAnImage)
        assert isinstance(first, Verdict)
        assert isinstance(last, Verdict)
        (bare,) = models.get().score([jpeg])
        assert first.findings == last.findings == bare.findings
        assert (first.frame.sequence, last.frame.sequence) == (0, 2)
        assert client.score_all([]) == []
        with pytest.raises(RequestInvalid):
            client.score_all([jpeg] * 65)

    async def main() -> int:
        async with AsyncClient(running.url) as client:
            return len(await client.score_all([jpeg] * 2))

    assert asyncio.run(main()) == 2


def test_heatmaps_versions_and_deadlines_are_asked_for(
    running: Running, models: Models, jpeg: bytes
) -> None:
    identity = models.get().identity
    with Client(running.url) as client:
        explained = client.score(
            jpeg, explain="heatmap", model=identity.name, version=identity.version
        )
        assert isinstance(explained, ExplainedVerdict)
        shown = {heatmap.code for heatmap in explained.heatmaps}
        assert shown == {finding.code for finding in explained.findings if finding.present}
        with pytest.raises(DeadlineExceeded):
            client.score(jpeg, deadline_ms=0.001)
        with pytest.raises(ModelUnknown):
            client.score(jpeg, model=identity.name, version="0.0.0")
