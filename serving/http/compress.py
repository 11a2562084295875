"""Long answers, compressed for whoever accepts it: of a batch of verdicts a tenth is left."""

from typing import Final

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_WORTH_COMPRESSING: Final = 8192
# Higher levels take twice the time for a twentieth less.
_LEVEL: Final = 4
# A lone verdict fits into a packet or two, and whoever asks for one waits for it.
_SHORT: Final = "/v1/frames"
_LONG: Final = b"heatmap"


class Compress:
    """Compresses with gzip what is long; a verdict, without its heatmaps, is not looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzip = GZipMiddleware(app, minimum_size=_WORTH_COMPRESSING, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        short = scope["type"] != "http" or (
            scope["path"] == _SHORT and _LONG not in scope["query_string"]
        )
        await (self._app if short else self._gzip)(scope, receive, send)
