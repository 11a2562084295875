import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from endolink.serving.cycle import Cycle

Send = Callable[[Any], Awaitable[None]]


class Sink(asyncio.Transport):
    """A transport that keeps what is written, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        return


def answer(kind: type[RequestResponseCycle], messages: list[Any], **cycle: Any) -> list[bytes]:
    """Give what a cycle of `kind` writes for `messages`."""

    async def main() -> list[bytes]:
        sink = Sink()
        settings: dict[str, Any] = {
            "scope": {"method": "POST", "type": "http"},
            "transport": sink,
            "flow": FlowControl(sink),
            "logger": None,
            "access_logger": None,
            "access_log": False,
            "default_headers": [(b"date", b"today")],
            "message_event": asyncio.Event(),
            "expect_100_continue": False,
            "keep_alive": True,
            "on_response": lambda: ended.append(True),
        }
        made = kind(**settings | cycle)
        for message in messages:
            await made.send(message)
        assert made.response_complete == bool(ended)
        return sink.written

    ended: list[bool] = []
    return asyncio.run(main())


def start(*headers: tuple[bytes, bytes]) -> Any:
    return {"type": "http.response.start", "status": 200, "headers": list(headers)}


def body(content: bytes, *, more: bool = False) -> Any:
    return {"type": "http.response.body", "body": content, "more_body": more}


SHORT = [start((b"content-length", b"4"), (b"x-request-id", b"1")), body(b"fine")]


def test_a_short_answer_is_written_at_once_and_as_uvicorn_would() -> None:
    (whole,) = answer(Cycle, SHORT)
    assert whole == b"".join(answer(RequestResponseCycle, SHORT))
    assert whole.endswith(b"\r\n\r\nfine")


@pytest.mark.parametrize(
    ("messages", "cycle"),
    [
        (SHORT, {"keep_alive": False}),
        (SHORT, {"scope": {"method": "HEAD", "type": "http"}}),
        ([start(), body(b"fine")], {}),
        ([start((b"content-length", b"4"), (b"connection", b"close")), body(b"fine")], {}),
        ([start((b"content-length", b"8")), body(b"fine", more=True), body(b"fine")], {}),
        ([start(), body(b"fine", more=True), body(b"")], {}),
    ],
)
def test_any_other_answer_is_uvicorns(messages: list[Any], cycle: dict[str, Any]) -> None:
    assert answer(Cycle, messages, **cycle) == answer(RequestResponseCycle, messages, **cycle)


@pytest.mark.parametrize("value", [b"1\r\nset-cookie: a=b", b"1\nb", b"1\rb"])
def test_no_value_begins_another_header(value: bytes) -> None:
    with pytest.raises(RuntimeError, match="header value"):
        answer(Cycle, [start((b"content-length", b"4"), (b"x-of-us", value)), body(b"fine")])


def test_a_length_that_is_wrong_is_no_answer() -> None:
    with pytest.raises(RuntimeError, match="Content-Length"):
        answer(Cycle, [start((b"content-length", b"2")), body(b"fine")])
