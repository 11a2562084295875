"""One request and its answer, written at once: what every frame's answer waits for.

uvicorn writes an answer's head, each of its headers tried with two expressions, and then its body.
Nearly every answer here is one short body that is whole when its head is.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle


class Cycle(RequestResponseCycle):
    """uvicorn's own, which holds the head of an answer until its body is there."""

    # On the class, since a cycle of uvicorn's becomes one of these.
    _start: Any = None

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None and not (head := self._head(start, message)):
            await super().send(start)
        elif start is not None:
            self.transport.write(head + message["body"])
            self.response_started = self.response_complete = True
            self.message_event.set()
            self.on_response()
            return
        await super().send(message)

    def _head(self, start: Any, message: Any) -> bytes:
        """Write the head of an answer that ends with `message`; empty where it is not so plain."""
        if (
            message["type"] != "http.response.body"
            or message.get("more_body", False)
            or not self.keep_alive
            or self.disconnected
            or self.flow.write_paused
            or self.scope["method"] == "HEAD"
            or "body" not in message
        ):
            return b""
        headers = [*self.default_headers, *start["headers"]]
        length = b"%d" % len(message["body"])
        if (b"content-length", length) not in headers or any(
            name in {b"connection", b"transfer-encoding"} for name, _ in headers
        ):
            return b""
        lines = [STATUS_LINE[start["status"]]]
        for header in headers:
            lines += (header[0], b": ", header[1], b"\r\n")
        head = b"".join((*lines, b"\r\n"))
        # A line break within a value would begin a header that nobody meant: uvicorn says so.
        ends = len(headers) + 2
        return head if head.count(b"\n") == head.count(b"\r") == ends else b""
