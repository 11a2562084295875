"""What is in memory at a time: bodies from their first byte to their answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from endolink.model.errors import Overloaded


class Intake:
    """Bounds how many bodies are held at once, and how many bytes they may have together.

    A body's length is set aside before a byte of it is read. Used from one event loop.
    """

    def __init__(self, *, bodies: int, max_bytes: int) -> None:
        if bodies < 1 or max_bytes < 1:
            raise ValueError(f"cannot take in {bodies} bodies of {max_bytes} bytes")
        self.bodies = bodies
        self.max_bytes = max_bytes
        self._held = 0
        self._bytes = 0

    @property
    def held(self) -> int:
        """How many bodies are in memory, or on their way there."""
        return self._held

    @property
    def held_bytes(self) -> int:
        """How many bytes are set aside for them."""
        return self._bytes

    @contextmanager
    def hold(self, length: int, *, retry_after: Callable[[], float]) -> Iterator[None]:
        """Set `length` bytes aside for one body.

        Raises
        ------
        Overloaded
            There is no room; it is worth trying again in `retry_after()` seconds.
        """
        # A body longer than all there is room for is let in alone: its own limit is elsewhere.
        if self._held >= self.bodies or (self._held and self._bytes + length > self.max_bytes):
            raise Overloaded(
                f"{self._held} uploads of {self._bytes} bytes are under way or wait, which is as "
                "many as are taken; try again, with the newest frame.",
                retry_after=retry_after(),
            )
        self._held += 1
        self._bytes += length
        try:
            yield
        finally:
            self._held -= 1
            self._bytes -= length
