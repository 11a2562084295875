"""A camera: 25 pictures a second to a service, and how old each verdict is when it comes.

    python -m benchmarks.camera http://10.78.0.2:8000 --mode adaptive --seconds 30

Prints one JSON line: of each captured frame when it was captured (seconds of the machine's
monotonic clock) and the age of its verdict in milliseconds, or null where none came.
"""

import argparse
import asyncio
import json
import queue
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from http.client import HTTPConnection
from io import BytesIO
from time import monotonic, sleep
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from benchmarks.frame import ordinary_frame
from endolink.serving.client.picture import Picture
from endolink.serving.client.stream import Answer, AsyncStream, clock_us
from endolink.serving.wire import Ready

FPS = 25.0
# The ordinary frame made small: its shorter side is the least that the model was validated for.
SMALL = (320, 256)
Result = TypeVar("Result")
Mode = Literal["queued", "freshest", "adaptive", "fixed"]
MODES: dict[Mode, str] = {
    "queued": "every frame posted in turn, 1280 × 1024 as it is",
    "freshest": "stream, freshest wins, 1280 × 1024 as it is",
    "adaptive": "stream, freshest wins, as the service advises",
    "fixed": "stream, freshest wins, 320 × 256 at quality 75",
}
# An answer that takes longer than this is none.
_WAIT_S = 3.0


@dataclass(frozen=True)
class Shot:
    """A captured frame: when, in seconds, and the age of its verdict in ms, if one came."""

    captured_s: float
    age_ms: float | None


def pictures(mode: Mode, count: int = 8) -> list[Picture]:
    """Make what the camera sees: an ordinary frame, shifted a little from one to the next."""
    pixels = np.asarray(Image.open(BytesIO(ordinary_frame())).convert("RGB"))
    shifted = [np.roll(pixels, 8 * number, axis=1) for number in range(count)]
    if mode == "adaptive":
        return [Image.fromarray(one) for one in shifted]
    made: list[Picture] = []
    for one in shifted:
        image = Image.fromarray(one)
        if mode == "fixed":
            image = image.resize(SMALL, Image.Resampling.BICUBIC)
        file = BytesIO()
        image.save(file, "JPEG", quality=75 if mode == "fixed" else 90)
        made.append(file.getvalue())
    return made


async def film(
    url: str, seen: list[Picture], seconds: float, *, adapt: bool, hedge: bool = True
) -> list[Shot]:
    """Stream for `seconds`, from when the service is ready."""
    captured: dict[int, float] = {}
    ages: dict[int, float] = {}
    ready = asyncio.Event()
    async with AsyncStream(url, adapt=adapt, hedge=hedge) as stream:

        async def listen() -> None:
            async for event in stream:
                if isinstance(event, Ready):
                    ready.set()
                elif isinstance(event, Answer):
                    ages[event.judged.sequence] = event.age_ms

        listening = asyncio.create_task(listen())
        await asyncio.wait_for(ready.wait(), 30)
        begin = monotonic()
        for number in range(round(seconds * FPS)):
            await asyncio.sleep(max(0.0, begin + number / FPS - monotonic()))
            now_us = clock_us()
            captured[stream.offer(seen[number % len(seen)], captured_us=now_us)] = now_us / 1e6
        waited = monotonic()
        while len(ages) < len(captured) and monotonic() < waited + _WAIT_S:
            await asyncio.sleep(0.05)
    await listening
    return [Shot(at, ages.get(sequence)) for sequence, at in captured.items()]


def post_in_turn(url: str, seen: list[Picture], seconds: float) -> list[Shot]:
    """Post every frame over one kept connection, each after the one before is answered."""
    parts = urlsplit(url)
    waiting: queue.Queue[tuple[int, float, Picture] | None] = queue.Queue()
    ages: dict[int, float] = {}
    captured: dict[int, float] = {}

    def post() -> None:
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        while (item := waiting.get()) is not None:
            number, at, image = item
            assert isinstance(image, bytes)
            connection.request("POST", "/v1/frames", image, {"Content-Type": "image/jpeg"})
            if connection.getresponse().read():
                ages[number] = (monotonic() - at) * 1000

    poster = threading.Thread(target=post, daemon=True)
    poster.start()
    begin = monotonic()
    for number in range(round(seconds * FPS)):
        sleep(max(0.0, begin + number / FPS - monotonic()))
        captured[number] = monotonic()
        waiting.put((number, captured[number], seen[number % len(seen)]))
    waiting.put(None)
    poster.join(_WAIT_S)
    return [Shot(at, ages.get(number)) for number, at in captured.items()]


def shoot(url: str, mode: Mode, seconds: float) -> list[Shot]:
    """Film in one of the modes."""
    seen = pictures(mode)
    if mode == "queued":
        return post_in_turn(url, seen, seconds)
    return in_loop(film(url, seen, seconds, adapt=mode == "adaptive"))


def in_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` on the leanest event loop that is here: it shares the cores with the service."""
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.camera", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--mode", choices=MODES, default="adaptive")
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    shots = shoot(options.url, options.mode, options.seconds)
    print(json.dumps([[shot.captured_s, shot.age_ms] for shot in shots]))


if __name__ == "__main__":
    main()
