"""How the service is: *alive*, *ready*, *degraded*; for probes, metrics and people alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Literal

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from endolink.model.errors import Overloaded
from endolink.serving.metrics import Metrics
from endolink.serving.models import Models
from endolink.serving.scheduler import Scheduler
from endolink.serving.sessions import Sessions

# A frame that has waited this long is of no use to a clinician any more: in seconds.
TOO_OLD_S: Final = 1.0
# A mean that has moved this far, in the validation frames' standard deviations: most of what comes
# in looks unlike most of what the model was validated on.
TOO_FAR: Final = 2.0
# What went wrong is told for so long, in seconds, that whoever asks twice a minute hears of it.
LINGER_S: Final = 30.0

Reason = Literal[
    "queue-age",
    "queue-full",
    "refusing",
    "streams-full",
    "failing",
    "drift",
    "provider-fallback",
    "model-change-failed",
]

REASONS: Final[dict[Reason, str]] = {
    "queue-age": "a frame has waited for longer than a second",
    "queue-full": "no more frames can wait",
    "refusing": "frames were refused as too many within the last half minute",
    "streams-full": "as many live streams go on as are taken",
    "failing": "the service itself failed a frame within the last half minute",
    "drift": "what comes in, or goes out, has moved by two standard deviations of the validation "
    "frames; endolink_drift says which figure",
    "provider-fallback": "an execution provider is installed and does not work here, and a slower "
    "one computes; ENDOLINK_PROVIDER says which is wanted",
    "model-change-failed": "the last change of models was refused, and the ones before go on",
}
"""Why a service is degraded, and what each reason means to whoever looks after it."""


@dataclass(frozen=True, eq=False)
class Health(Collector):
    """Looks at one running service; from its event loop."""

    models: Models
    scheduler: Scheduler
    sessions: Sessions
    metrics: Metrics

    @property
    def ready(self) -> bool:
        """Whether frames are taken: they are, but while the service shuts down."""
        return not self.scheduler.draining

    def reasons(self) -> Iterator[Reason]:
        """Say why somebody should look, although frames are answered."""
        scheduler, metrics = self.scheduler, self.metrics
        if scheduler.oldest_seconds("interactive") > TOO_OLD_S:
            yield "queue-age"
        if scheduler.waiting("interactive") >= scheduler.queue > 0:
            yield "queue-full"
        if self._lately(Overloaded.code):
            yield "refusing"
        if self.sessions.full and self.sessions.most > 0:
            yield "streams-full"
        if self._lately("internal"):
            yield "failing"
        if any(abs(shift) > TOO_FAR for *_, shift in metrics.drift(self.models)):
            yield "drift"
        if any(model.fell_back for model in self.models):
            yield "provider-fallback"
        if self.models.failure is not None:
            yield "model-change-failed"

    def _lately(self, code: str) -> bool:
        last = self.metrics.last(code)
        return last is not None and perf_counter() - last < LINGER_S

    def collect(self) -> Iterator[Metric]:
        """Give the same as metrics, at each scrape."""
        yield GaugeMetricFamily(
            "endolink_ready", "1 while frames are taken, 0 while it shuts down.", value=self.ready
        )
        now = set(self.reasons())
        family = GaugeMetricFamily(
            "endolink_degraded", "1 for each reason to look after the service.", labels=("reason",)
        )
        for reason in REASONS:
            family.add_metric((reason,), reason in now)
        yield family
