"""What became of a stream's frames, counted by the client."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

# Some forty seconds at 25 frames a second.
_LOOK_BACK: Final = 1000


@dataclass
class Statistics:
    """Counts since the stream began, and the ages of the newest thousand verdicts.

    `ages_ms` are from the capture to the verdict's arrival, on the client's own clock.
    """

    captured: int = 0
    sent: int = 0
    judged: int = 0
    sent_bytes: int = 0
    reconnects: int = 0
    hedged: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    ages_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_LOOK_BACK))

    def age_ms(self, percentile: float) -> float | None:
        """Give a percentile, 0 to 100, of the newest ages; None before the first verdict."""
        return float(np.percentile(self.ages_ms, percentile)) if self.ages_ms else None
