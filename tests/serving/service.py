"""A real service for tests, on a real port, and the pictures that are sent to it."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeVar

import numpy as np
from PIL import Image
from starlette.applications import Starlette

from endolink.serving.app import create_app
from endolink.serving.batching import Road
from endolink.serving.models import Models
from endolink.serving.server import make_server
from endolink.serving.service import Service
from endolink.serving.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True)
class Running:
    """A service on a real port, in a thread of this process."""

    port: int
    app: Starlette
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def service(self) -> Service:
        service: Service = self.app.state.service
        return service

    def call(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run `work` on the service's own event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)


@contextmanager
def serve(settings: Settings, models: Models, app: Starlette | None = None) -> Iterator[Running]:
    app = app or create_app(settings, models)
    listening = threading.Event()
    heard: list[tuple[int, asyncio.AbstractEventLoop]] = []

    def hear(port: int) -> None:
        heard.append((port, asyncio.get_running_loop()))
        listening.set()

    server = make_server(app, settings, hear)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert listening.wait(60)
        port, loop = heard[0]
        yield Running(port, app, loop)
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


def alone(road: Road[T]) -> T:
    """Walk a road to its end, as the only one in the network."""
    try:
        ask = next(road)
        (verdict,) = ask.classifier.judge([ask.prepared], explain=ask.explain)
        road.send(verdict)
    except StopIteration as end:
        answer: T = end.value
        return answer
    raise AssertionError("it asks the network twice")


def picture(kind: str = "JPEG", size: tuple[int, int] = (640, 512)) -> bytes:
    """Make an image of `kind`: a reddish disc with some texture on black."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(7).integers(0, 30, (height, width, 1))
    inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(size) * 0.48) ** 2
    pixels = inside[..., None] * (np.array([190, 90, 70]) + noise + (x // 16 % 3 * 12)[..., None])
    file = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, kind)
    return file.getvalue()
