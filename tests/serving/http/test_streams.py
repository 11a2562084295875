import asyncio
import random
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.uri import parse_uri

from endolink.model.classifier import Classifier
from endolink.serving.access.keys import KeyRing
from endolink.serving.http import streams
from endolink.serving.mailbox import Connection
from endolink.serving.models import Models
from endolink.serving.pings import FIRST_PINGS
from endolink.serving.settings import Settings
from endolink.serving.stream import MAX_FRAME_BYTES, Session
from endolink.serving.wire import Bye, Dropped, Fault, Hello, Judged, StreamFrame, dump
from tests.serving.service import Running, picture, serve
from tests.serving.talk import Talk, clock_us, greeted, talk

SMALL = picture(size=(320, 256))


def test_a_stream_gives_the_verdict_that_the_bare_road_gives(
    running: Running, models: Models, jpeg: bytes
) -> None:
    async def main() -> Judged:
        async with talk(running.url) as it:
            ready = await greeted(it)
            assert ready.model == models.get(None).identity
            await it.frame(7, jpeg)
            return await it.one(Judged)

    judged = asyncio.run(main())
    classifier: Classifier = models.get(None)
    (bare,) = classifier.score([jpeg])
    assert judged.sequence == judged.verdict.frame.sequence == 7
    assert judged.verdict.findings == bare.findings
    assert judged.verdict.frame.sha256 == bare.frame.sha256
    assert judged.verdict.familiarity == bare.familiarity
    assert judged.verdict.age_ms is not None
    assert judged.verdict.age_ms >= judged.verdict.timing_ms.inference


def test_boxes_come_where_the_frame_asks_for_them(running: Running, models: Models) -> None:
    async def main() -> tuple[Judged, Judged]:
        async with talk(running.url) as it:
            await greeted(it)
            await it.frame(0, SMALL)
            plain = await it.one(Judged)
            await it.socket.send(StreamFrame(1, clock_us(), SMALL, box=True).pack())
            return plain, await it.one(Judged)

    plain, boxed = asyncio.run(main())
    (bare,) = models.get(None).score([SMALL], explain="box")
    assert boxed.verdict.findings == bare.findings
    assert all(finding.box is None for finding in plain.verdict.findings)


def test_the_age_is_counted_from_the_capture_on_the_clients_own_clock(running: Running) -> None:
    async def main() -> tuple[float, float]:
        async with talk(running.url) as it:
            await greeted(it)
            await it.until(lambda: it.pings >= FIRST_PINGS)
            sent_us = clock_us()
            await it.frame(0, SMALL, age_us=300_000)
            age = (await it.one(Judged)).verdict.age_ms
            assert age is not None
            return age, (clock_us() - sent_us) / 1000

    age_ms, took_ms = asyncio.run(main())
    # Of what it took, however long that was on a busy machine, a part is the answer's way back.
    assert 300 <= age_ms < 300 + took_ms + 50


def test_a_frame_past_the_deadline_is_said_to_be_late(running: Running) -> None:
    async def main() -> Dropped:
        async with talk(running.url, Hello(clock_us(), deadline_ms=100)) as it:
            await greeted(it)
            await it.frame(3, SMALL, age_us=200_000)
            return await it.one(Dropped)

    dropped = asyncio.run(main())
    assert (dropped.sequence, dropped.reason) == (3, "late")


def test_of_a_flood_the_freshest_is_judged_and_every_frame_is_answered(running: Running) -> None:
    async def main() -> Talk:
        async with talk(running.url) as it:
            await greeted(it)
            for sequence in range(100):
                await it.frame(sequence, SMALL)
            await it.until(lambda: len(it.all(Judged)) + len(it.all(Dropped)) == 100)
            return it

    it = asyncio.run(main())
    judged = [message.sequence for message in it.all(Judged)]
    assert judged == sorted(judged)
    assert judged[-1] == 99
    assert {message.reason for message in it.all(Dropped)} == {"superseded"}
    assert sorted(judged + [message.sequence for message in it.all(Dropped)]) == list(range(100))


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (b"", "frame-empty"),
        (b"not an image", "frame-not-an-image"),
        (SMALL[:2000], "frame-truncated"),
        (b"\xff\xd8" + b"\0" * MAX_FRAME_BYTES, "frame-too-large"),
    ],
)
def test_a_frame_that_cannot_be_read_is_answered_and_the_stream_goes_on(
    running: Running, image: bytes, code: str
) -> None:
    async def main() -> Dropped:
        async with talk(running.url) as it:
            await greeted(it)
            await it.frame(0, image)
            dropped = await it.one(Dropped)
            await it.frame(1, SMALL)
            await it.one(Judged)
            return dropped

    dropped = asyncio.run(main())
    assert (dropped.sequence, dropped.reason, dropped.code) == (0, "unreadable", code)


def test_a_capture_time_ahead_of_the_clients_clock_is_refused(running: Running) -> None:
    async def main() -> Dropped:
        async with talk(running.url) as it:
            await greeted(it)
            await it.frame(0, SMALL, age_us=-60_000_000)
            return await it.one(Dropped)

    dropped = asyncio.run(main())
    assert (dropped.reason, dropped.code) == ("unreadable", "stream-message-invalid")


@pytest.mark.parametrize(
    "hello", ["", "{}", '{"type": "bye"}', b"EL", StreamFrame(0, 0, b"").pack()]
)
def test_whatever_comes_before_hello_is_refused_and_hello_still_works(
    running: Running, hello: str | bytes
) -> None:
    async def main() -> None:
        async with talk(running.url, greet=False) as it:
            await it.socket.send(hello)
            fault = await it.one(Fault)
            assert (fault.code, fault.fatal) == ("stream-message-invalid", False)
            await it.socket.send(dump(Hello(clock_us())))
            await greeted(it)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        (Hello(0, model="none-such"), "model-unknown"),
        (Hello(0, resume="none-such"), "session-unknown"),
    ],
)
def test_a_hello_that_cannot_be_met_ends_the_connection(
    running: Running, hello: Hello, code: str
) -> None:
    async def main() -> tuple[Fault, tuple[int, str] | None]:
        async with talk(running.url, hello) as it:
            fault = await it.one(Fault)
            await it.until(lambda: it.closed)
            return fault, it.closed

    fault, closed = asyncio.run(main())
    assert (fault.code, fault.fatal) == (code, True)
    assert closed == (1008, "")


def test_who_says_nothing_is_not_waited_for(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HELLO_S", 0.1)
    monkeypatch.setattr(streams, "IDLE_S", 0.1)

    async def main() -> None:
        async with talk(running.url, greet=False) as it:
            assert (await it.one(Fault)).code == "request-invalid"
            await it.until(lambda: it.closed)
        address = running.url.replace("http", "ws") + "/v1/streams"
        async with connect(address, proxy=None) as mute:
            await mute.send(dump(Hello(clock_us())))
            last = [text async for text in mute][-1]
            assert '"request-invalid"' in str(last)

    asyncio.run(main())


def test_a_late_hello_may_be_tried_again_and_a_wrong_one_not(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whose link is down as it connects has done nothing wrong.
    monkeypatch.setattr(streams, "HELLO_S", 0.1)

    async def end(*said: str) -> Fault:
        async with talk(running.url, greet=False) as it:
            for text in said:
                await it.socket.send(text)
            await it.until(lambda: it.closed)
            return next(fault for fault in it.all(Fault) if fault.fatal)

    assert asyncio.run(end()).code == "request-invalid"
    assert asyncio.run(end('{"type": "hello", "clock_us": -1}')).code == "stream-message-invalid"


def test_too_many_streams_are_told_when_to_return(settings: Settings, models: Models) -> None:
    async def main(url: str) -> tuple[Fault, tuple[int, str] | None]:
        async with talk(url) as one:
            await greeted(one)
            async with talk(url) as two:
                fault = await two.one(Fault)
                await two.until(lambda: two.closed)
                return fault, two.closed

    with serve(settings.model_copy(update={"streams": 1}), models) as running:
        fault, closed = asyncio.run(main(running.url))
    assert (fault.code, fault.fatal) == ("overloaded", True)
    assert fault.retry_after
    assert closed == (1013, "")


def test_bye_is_answered_and_ends_the_session(running: Running) -> None:
    async def main() -> None:
        async with talk(running.url) as it:
            name = (await greeted(it)).session
            await it.socket.send(dump(Bye()))
            await it.one(Bye)
            await it.until(lambda: it.closed)
        async with talk(running.url, Hello(clock_us(), resume=name)) as it:
            assert (await it.one(Fault)).code == "session-unknown"

    asyncio.run(main())


def test_stopping_the_service_closes_its_streams(settings: Settings, models: Models) -> None:
    async def main() -> tuple[int, str] | None:
        service = serve(settings, models)
        async with talk(service.__enter__().url) as it:
            await greeted(it)
            stopping = asyncio.create_task(asyncio.to_thread(service.__exit__, None, None, None))
            await it.until(lambda: it.closed)
            await stopping
            return it.closed

    closed = asyncio.run(main())
    assert closed is not None
    assert closed[0] == 1012  # the service restarts: come back


def _malformed(number: int) -> str | bytes:
    rng = random.Random(number)
    good = bytearray(StreamFrame(number, clock_us(), SMALL[:200]).pack())
    kind = number % 5
    if kind == 0:
        return rng.randbytes(rng.randrange(60))
    if kind == 1:
        good[rng.randrange(3)] ^= 0xFF
        return bytes(good)
    if kind == 2:
        return bytes(good[: rng.randrange(24, len(good))])
    if kind == 3:
        return "".join(chr(rng.randrange(32, 0x2FF)) for _ in range(rng.randrange(80)))
    known = dump(Hello(1) if rng.random() < 0.5 else Bye())
    return known[: rng.randrange(len(known))]


def test_a_thousand_malformed_messages_are_each_explained_and_harm_nothing(
    running: Running,
) -> None:
    async def main() -> Talk:
        async with talk(running.url) as it:
            await greeted(it)
            for number in range(1000):
                await it.socket.send(_malformed(number))
            await it.until(lambda: len(it.all(Fault)) + len(it.all(Dropped)) >= 1000, 30)
            await it.frame(2000, SMALL)
            await it.one(Judged)
            return it

    it = asyncio.run(main())
    codes = [fault.code for fault in it.all(Fault)]
    codes += [str(dropped.code) for dropped in it.all(Dropped)]
    assert len(codes) == 1000
    assert set(codes) == {"stream-message-invalid"}
    assert not any(fault.fatal for fault in it.all(Fault))
    assert httpx.get(f"{running.url}/readyz").status_code == 200


def test_a_verdict_of_a_stream_holds_nothing_but_the_contract(running: Running) -> None:
    async def main() -> Judged:
        async with talk(running.url) as it:
            await greeted(it)
            await it.frame(0, SMALL)
            return await it.one(Judged)

    judged = asyncio.run(main())
    assert judged.state == "watching"
    assert set(judged.warnings) <= {"unfamiliar", *judged.verdict.reasons}
    assert replace(judged.verdict, age_ms=None) != judged.verdict


def test_a_client_whose_key_was_revoked_is_not_listened_to_even_if_it_stays(
    models: Models, classifier_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "RECHECK_S", 0.1)
    monkeypatch.setattr(streams, "STREAM_S", 0.1)
    taken: list[int] = []
    receive = Session.receive

    def counted(session: Session, connection: Connection, message: bytes) -> None:
        taken.append(len(message))
        receive(session, connection, message)

    monkeypatch.setattr(Session, "receive", counted)
    ring = KeyRing(tmp_path / "keys.json")
    kept, key = ring.create("viewer", ["stream"])

    async def main(port: int) -> None:
        # A client that answers no close: its protocol hears nothing after the handshake.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/v1/streams"))
        protocol.send_request(protocol.connect())
        writer.writelines(protocol.data_to_send())
        protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
        assert protocol.state is State.OPEN

        async def send(message: str | bytes) -> None:
            if isinstance(message, str):
                protocol.send_text(message.encode())
            else:
                protocol.send_binary(message)
            writer.writelines(protocol.data_to_send())
            await asyncio.sleep(0.02)

        await send(dump(Hello(clock_us(), credential=key)))
        async with asyncio.timeout(20):
            while len(taken) < 3:
                await send(StreamFrame(len(taken) + 1, clock_us(), SMALL).pack())
            ring.revoke(kept.id)
            heard = b""
            while b"unauthenticated" not in heard:
                await send(StreamFrame(len(taken) + 1, clock_us(), SMALL).pack())
                heard += await reader.read(2**16)
        # What was on its way when it was told to go.
        await asyncio.sleep(0.2)
        known = len(taken)
        for number in range(20):
            await send(StreamFrame(10_000 + number, clock_us(), SMALL).pack())
        assert len(taken) == known
        writer.close()

    with serve(Settings(port=0, bundles=(classifier_bundle,), keys=ring.path), models) as running:
        asyncio.run(main(running.port))
