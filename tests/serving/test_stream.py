import asyncio
import shutil
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image

from endolink import sample_data
from endolink.model import video
from endolink.model.temporal import Watch
from endolink.serving.models import Models
from endolink.serving.scheduler import Scheduler
from endolink.serving.settings import Settings
from endolink.serving.stream import CONNECTIONS, Session
from endolink.serving.stream_metrics import StreamCounts
from endolink.serving.wire import (
    Alert,
    Dropped,
    Hello,
    Judged,
    Ready,
    ServerMessage,
    StreamFrame,
    Switched,
)
from tests.bundles import FINDINGS, tiny_bundle
from tests.serving.service import Running, picture, serve
from tests.serving.talk import Talk, clock_us, greeted, talk

SMALL = picture(size=(320, 256))


class Ear:
    """A connection that only listens."""

    def __init__(self) -> None:
        self.heard: list[ServerMessage] = []
        self.is_open = True

    def send(self, message: ServerMessage) -> None:
        self.heard.append(message)

    def close(self) -> None:
        self.is_open = False


def test_frames_are_judged_in_the_order_of_capture_whatever_way_they_came(models: Models) -> None:
    async def main() -> list[int]:
        scheduler = Scheduler(workers=2, queue=4)
        hello = Hello(clock_us(), deadline_ms=10_000)
        session = Session("s", hello, models, scheduler, counts=StreamCounts())
        first, second = Ear(), Ear()
        session.attach(first, hello, resumed=False)
        session.attach(second, hello, resumed=True)
        now = clock_us()
        for sequence in (1, 0, 3, 2):
            frame = StreamFrame(sequence, now + sequence, SMALL)
            session.receive(first if sequence % 2 else second, frame.pack())
        ends: list[ServerMessage] = []
        async with asyncio.timeout(10):
            while len(ends) < 4:
                await asyncio.sleep(0.01)
                heard = [*first.heard, *second.heard]
                ends = [message for message in heard if isinstance(message, Judged | Dropped)]
        assert all(m.sequence % 2 for m in first.heard if isinstance(m, Judged | Dropped))
        await session.close()
        await scheduler.drain()
        assert not first.is_open
        return [message.sequence for message in ends if isinstance(message, Judged)]

    judged = asyncio.run(main())
    assert judged
    assert 3 in judged


def test_an_answer_takes_another_connection_where_its_own_is_closed(models: Models) -> None:
    async def main() -> bool:
        scheduler = Scheduler(workers=1, queue=4)
        hello = Hello(clock_us(), deadline_ms=10_000)
        session = Session("s", hello, models, scheduler, counts=StreamCounts())
        first, second = Ear(), Ear()
        session.attach(first, hello, resumed=False)
        session.attach(second, hello, resumed=True)
        session.receive(first, StreamFrame(0, clock_us(), SMALL).pack())
        first.close()
        async with asyncio.timeout(10):
            while not any(isinstance(message, Judged) for message in second.heard):
                await asyncio.sleep(0.01)
        await session.close()
        await scheduler.drain()
        return any(isinstance(message, Judged) for message in first.heard)

    assert not asyncio.run(main())


def test_no_more_connections_than_needed_are_kept(models: Models) -> None:
    async def main() -> list[bool]:
        scheduler = Scheduler(workers=1, queue=4)
        hello = Hello(clock_us(), deadline_ms=10_000)
        session = Session("s", hello, models, scheduler, counts=StreamCounts())
        ears = [Ear() for _ in range(CONNECTIONS + 2)]
        for ear in ears:
            session.attach(ear, Hello(clock_us()), resumed=True)
        await session.close()
        await scheduler.drain()
        assert all(isinstance(ear.heard[0], Ready) for ear in ears)
        return [ear.is_open for ear in ears[:2]]

    assert asyncio.run(main()) == [False, False]


def _polyp() -> bytes:
    """Give a rendered polyp's frame, as small as SMALL."""
    (path,) = [path for path in sample_data.frames() if path.stem == "polyp-sessile"]
    file = BytesIO()
    with Image.open(path) as frame:
        frame.resize((320, 256)).save(file, "JPEG", quality=85)
    return file.getvalue()


def test_an_alert_comes_on_once_stays_through_a_reconnect_and_ends_when_frames_do(
    running: Running, models: Models
) -> None:
    polyp = _polyp()
    classifier = models.get(None)
    (verdict,) = classifier.score([polyp])
    expected = {finding.code for finding in verdict.findings if finding.present}
    assert expected, "the picture shows something to be alerted of"

    async def main() -> None:
        async with talk(running.url) as it:
            ready = await greeted(it)
            # For as long as a busy machine needs to judge enough of them.
            sequence = 0
            while sequence < 30 or len(it.all(Alert)) < len(expected):
                assert sequence < 500
                await it.frame(sequence, polyp)
                sequence += 1
                await asyncio.sleep(0.04)
            assert {alert.finding for alert in it.all(Alert)} == expected
            assert all(alert.on for alert in it.all(Alert))
        async with talk(running.url, Hello(clock_us(), resume=ready.session)) as it:
            again = await greeted(it)
            assert again.resumed
            assert again.sequence == sequence - 1
            assert set(again.condition.alerts) == expected
            await it.until(lambda: len(it.all(Alert)) == len(expected))
            for alert in it.all(Alert):
                assert not alert.on
                assert alert.start_us is not None
                assert alert.peak_us is not None
                assert alert.start_us <= alert.peak_us < alert.at_us

    asyncio.run(main())


def test_a_clips_alerts_are_those_that_its_verdicts_make_of_a_study(
    running: Running, models: Models
) -> None:
    """Play three seconds of the phantom, and let the temporal rule watch the same verdicts."""
    pytest.importorskip("av", reason="reading the clip needs the archive extra")
    images = []
    for timed in video.frames(sample_data.clip()):
        if 4.4 < timed.time_s < 7.4:
            file = BytesIO()
            Image.fromarray(timed.frame.pixels).resize((320, 256)).save(file, "JPEG", quality=85)
            images.append(file.getvalue())
    captured: dict[int, int] = {}

    async def main() -> list[ServerMessage]:
        async with talk(running.url) as it:
            await greeted(it)
            begin_us = clock_us()
            for sequence, image in enumerate(images):
                captured[sequence] = begin_us + 40_000 * sequence
                await asyncio.sleep(max(0.0, (captured[sequence] - clock_us()) / 1e6))
                # A busy machine that left out most of them would see no polyp to alert of.
                while len(it.all(Judged)) + len(it.all(Dropped)) < sequence - 2:
                    await asyncio.sleep(0.005)
                await it.socket.send(StreamFrame(sequence, captured[sequence], image).pack())
            await it.until(lambda: len(it.all(Judged)) + len(it.all(Dropped)) == len(images), 30)
            return list(it.heard)

    heard = asyncio.run(main())
    watch = Watch(models.get(None).thresholds)
    expected = []
    for judged in (message for message in heard if isinstance(message, Judged)):
        chances = {finding.code: finding.probability for finding in judged.verdict.findings}
        at_s = captured[judged.sequence] / 1e6
        expected += [
            (change.finding, change.present, round(change.time_s * 1e6))
            for change in watch.update(at_s, chances, usable=judged.verdict.usable)
        ]
        assert set(judged.alerts) == watch.present
    alerts = [message for message in heard if isinstance(message, Alert)]
    assert [(alert.finding, alert.on, alert.at_us) for alert in alerts] == expected
    assert expected


def test_a_switch_under_load_drops_no_stream_and_every_verdict_names_who_gave_it(
    tmp_path: Path,
) -> None:
    folder = tiny_bundle(tmp_path / "tiny", version="1.0.0")
    settings = Settings(port=0, bundles=(folder,), provider="cpu")
    frame = picture("PNG", (64, 64))
    with serve(settings, Models.open(settings)) as running:

        async def main() -> list[Talk]:
            talks: list[Talk] = []
            switched = asyncio.Event()

            async def watch() -> None:
                async with talk(running.url) as it:
                    talks.append(it)
                    await greeted(it)
                    sequence = 0
                    while not switched.is_set():
                        await it.frame(sequence, frame)
                        sequence += 1
                        await asyncio.sleep(0.02)
                    await it.until(lambda: len(it.all(Judged)) + len(it.all(Dropped)) == sequence)

            async with (
                asyncio.TaskGroup() as group,
                httpx.AsyncClient(base_url=running.url, timeout=20) as client,
            ):
                for _ in range(4):
                    group.create_task(watch())
                await asyncio.sleep(0.5)
                for minor in (1, 2):
                    shutil.rmtree(folder)
                    tiny_bundle(folder, version=f"1.{minor}.0", seed=minor)
                    assert (await client.post("/v1/models:reload")).status_code == 200
                    await asyncio.sleep(0.4)
                back = await client.post("/v1/models:activate?model=tiny&version=1.1.0")
                assert back.status_code == 200
                await asyncio.sleep(0.4)
                switched.set()
            return talks

        talks = asyncio.run(main())
        text = httpx.get(f"{running.url}/metrics").text
    for it in talks:
        assert {message.reason for message in it.all(Dropped)} <= {"superseded", "late"}
        judging, order = None, []
        for message in it.heard:
            if isinstance(message, Switched):
                judging = message.model
                order.append(judging.version)
                assert [known.code for known in message.findings] == list(FINDINGS)
            elif isinstance(message, Judged) and judging is not None:
                assert message.verdict.model == judging
            elif isinstance(message, Judged):
                assert message.verdict.model.version == "1.0.0"
        assert order == ["1.1.0", "1.2.0", "1.1.0"]
    assert "endolink_stream_model_switches_total 12.0" in text


def test_whose_model_is_taken_away_goes_on_with_it(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "tiny")
    settings = Settings(port=0, bundles=(folder,), provider="cpu")
    frame = picture("PNG", (64, 64))
    with serve(settings, Models.open(settings)) as running:

        async def main() -> Judged:
            async with talk(running.url, Hello(clock_us(), model="tiny")) as it:
                await greeted(it)
                shutil.rmtree(folder)
                tiny_bundle(folder, name="another")
                await asyncio.to_thread(running.service.models.reload)
                await it.frame(0, frame)
                return await it.one(Judged)

        assert asyncio.run(main()).verdict.model.name == "tiny"
