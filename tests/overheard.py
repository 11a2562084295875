"""What every test's services write to their logs, searched for what must not stand there."""

import logging
from functools import cache

from endolink import sample_data
from tests.plants import leaks, pieces

_OURS = ("endolink", "uvicorn", "websockets")
_FORMAT = logging.Formatter()


@cache
def _of_frames() -> tuple[bytes, ...]:
    """Give pieces of every rendered frame: the tests send them as they are."""
    frames = (path.read_bytes() for path in sample_data.frames())
    return tuple(piece for frame in frames for piece in pieces(frame).values())


class Overheard(logging.Handler):
    """Remembers in which loggers' records a name, a key, a token or a piece of a frame stood."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = 0
        self.leaks: set[tuple[str, str]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] not in _OURS:
            return
        self.heard += 1
        text = _FORMAT.format(record).encode(errors="backslashreplace")
        found = leaks(text)
        # No piece of a frame is shorter than this, and few lines are as long.
        if len(text) > 24 and any(piece in text for piece in _of_frames()):
            found.append("a piece of a frame")
        self.leaks |= {(record.name, what) for what in found}
