"""The process around the application: sockets, signals, logs."""

import gc
import logging
import socket
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette

from endolink.serving.connection import bounded
from endolink.serving.logs import Format, JsonLines
from endolink.serving.settings import Settings
from endolink.serving.stream import MAX_FRAME_BYTES


class Server(uvicorn.Server):
    """A uvicorn server that tells `on_listening` the port that it got, once it answers there."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[int], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What is loaded by now stays: the collector need not walk through it again and again.
            gc.collect()
            gc.freeze()
            port: int = self.servers[0].sockets[0].getsockname()[1]
            self._on_listening(port)


def make_server(app: Starlette, settings: Settings, on_listening: Callable[[int], None]) -> Server:
    """Make the server of `app`: it finishes admitted requests before it stops."""
    _quiet()
    return Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            lifespan="on",
            http=bounded(settings.connections),
            access_log=False,
            log_config=None,
            server_header=False,
            # Nobody is believed about who connects but the proxies that are named.
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
            # A viewer that looks at stills keeps its connection between two of them.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=settings.shutdown_grace,
            ws="websockets-sansio",
            # The stream itself says what is too large; beyond this the connection ends (1009).
            ws_max_size=2 * MAX_FRAME_BYTES,
            # A JPEG does not compress, and a verdict fits into a packet or two as it is.
            ws_per_message_deflate=False,
        ),
        on_listening,
    )


def _quiet() -> None:
    """Keep from the log, at whatever level, what a client has put into addresses and messages."""
    logging.getLogger("uvicorn.access").disabled = True
    # Below a warning it writes a stream's address and messages, with the credential among them.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def log_to_stderr(level: str, form: Format = "text") -> None:
    """Write the service's and the server's log to standard error, one line an event."""
    handler = logging.StreamHandler()
    if form == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    _quiet()
