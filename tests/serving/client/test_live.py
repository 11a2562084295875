import gc
import time
from io import BytesIO
from time import monotonic, sleep

import pytest
from PIL import Image

from endolink.model.errors import ModelUnknown
from endolink.serving.client.live import Stream
from endolink.serving.client.stream import Answer, Event
from endolink.serving.wire import Ready
from tests.serving.service import Running, picture

LARGE = Image.open(BytesIO(picture(size=(1280, 1024))))


def test_a_program_without_an_event_loop_streams(running: Running) -> None:
    heard: list[Event] = []
    with Stream(running.url, deadline_ms=10_000) as stream:
        deadline = monotonic() + 20
        while not any(isinstance(event, Ready) for event in heard) and monotonic() < deadline:
            heard += stream.events(timeout_s=0.1)
        for _ in range(10):
            stream.offer(LARGE)
            sleep(0.04)
        while not any(isinstance(event, Answer) for event in heard) and monotonic() < deadline:
            heard += stream.events(timeout_s=0.1)
    answers = [event for event in heard if isinstance(event, Answer)]
    assert answers
    assert answers[0].age_ms > 0
    assert stream.statistics.captured == 10
    assert not stream._thread.is_alive()


def test_nothing_new_is_nothing(running: Running) -> None:
    with Stream(running.url) as stream:
        assert [event for event in stream.events() if not isinstance(event, Ready)] == []


def test_what_the_service_refuses_for_good_is_raised(running: Running) -> None:
    with Stream(running.url, model="none-such") as stream, pytest.raises(ModelUnknown):
        list(stream.events(timeout_s=20))


def test_a_stream_that_ends_while_it_connects_leaves_nothing_open(running: Running) -> None:
    for step in range(40):
        with Stream(running.url, deadline_ms=10_000):
            time.sleep(0.004 * step)
    gc.collect()  # what was left open is a warning, and so an error, here
