"""What every resource of one running service shares."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from endolink.serving.access.gate import Gate
from endolink.serving.audit.record import Recorder
from endolink.serving.batching import Road
from endolink.serving.health import Health
from endolink.serving.intake import Intake
from endolink.serving.metrics import Metrics
from endolink.serving.models import Models
from endolink.serving.retention.keeper import Keeper
from endolink.serving.scheduler import Scheduler
from endolink.serving.settings import Settings
from endolink.serving.turn import Turn

if TYPE_CHECKING:
    # An extra, and nothing to be paid for where no collector is configured.
    from endolink.serving.tracing import Traces

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Service:
    """One running service: how it is set up, what it answers with, and who does the work."""

    settings: Settings
    models: Models
    scheduler: Scheduler
    intake: Intake
    metrics: Metrics
    health: Health
    traces: "Traces | None" = None
    gate: Gate = field(default_factory=Gate)
    audit: Recorder | None = None
    keeper: Keeper | None = None

    def followed(self, work: Callable[[Turn], Road[Answer]]) -> Callable[[Turn], Road[Answer]]:
        """Give `work` for the scheduler: traced where its request is, else itself."""
        return work if self.traces is None else self.traces.follow(work)
