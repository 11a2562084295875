"""What a monitoring system asks: counts, times and drift, in Prometheus' format."""

from collections.abc import Iterator
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from endolink.model.classifier import Classifier, Prepared
from endolink.model.verdict import Verdict
from endolink.serving.drift import Drift
from endolink.serving.intake import Intake
from endolink.serving.models import Models
from endolink.serving.scheduler import Scheduler
from endolink.serving.stream_metrics import StreamCounts
from endolink.serving.waiting import LANES

# Seconds. Close together where a frame's stages lie, wide where only trouble does.
_TIMES = (0.001, 0.002, 0.004, 0.006, 0.01, 0.015, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 10)
_AGES = (0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 10)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Everything that one service counts. No label ever holds what a client sent."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "endolink_requests",
            "Requests answered, by resource and status.",
            ("resource", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "endolink_request_seconds",
            "From a request's headers to its answer's.",
            ("resource",),
            buckets=_TIMES,
            registry=registry,
        )
        self._deprecated = Counter(
            "endolink_deprecated_requests",
            "Requests that used what is deprecated, by resource.",
            ("resource",),
            registry=registry,
        )
        self._refusals = Counter(
            "endolink_refusals",
            "Requests that were answered with a problem, by its code.",
            ("code",),
            registry=registry,
        )
        self._stages = Histogram(
            "endolink_stage_seconds",
            "What a frame spent in the queue, decoding, and in the network.",
            ("stage",),
            buckets=_TIMES,
            registry=registry,
        )
        self._ages = Histogram(
            "endolink_verdict_age_seconds",
            "From a frame's capture to its verdict, where the capture time was given.",
            buckets=_AGES,
            registry=registry,
        )
        self._batches = Histogram(
            "endolink_batch_frames",
            "Frames of one batch request.",
            buckets=_SIZES,
            registry=registry,
        )
        self._runs = Histogram(
            "endolink_network_frames",
            "Frames that one run of the network judged.",
            buckets=_SIZES,
            registry=registry,
        )
        self._frames = Counter(
            "endolink_frames",
            "Frames judged, by model and by what was said of the picture.",
            ("model", "version", "usable", "familiar"),
            registry=registry,
        )
        self._findings = Counter(
            "endolink_findings",
            "Findings that were present.",
            ("model", "version", "code"),
            registry=registry,
        )
        self.streams = StreamCounts(registry)
        self._last: dict[str, float] = {}
        self._drifts: dict[str, tuple[str, str, Drift]] = {}

    def show(self, collector: Collector) -> None:
        """Ask `collector` at each scrape, too."""
        self._registry.register(collector)

    def watch(self, models: Models, scheduler: Scheduler, intake: Intake) -> None:
        """Show, at each scrape, how these are."""
        self._registry.register(_Now(self, models, scheduler, intake))

    def answered(self, resource: str, status: int, seconds: float) -> None:
        """Count an answer, which took `seconds`."""
        self._requests.labels(resource, str(status)).inc()
        self._seconds.labels(resource).observe(seconds)

    def deprecated(self, resource: str) -> None:
        """Count a request that uses what is to go away."""
        self._deprecated.labels(resource).inc()

    def refused(self, code: str) -> None:
        """Count a problem."""
        self._refusals.labels(code).inc()
        self._last[code] = perf_counter()

    def last(self, code: str) -> float | None:
        """Say when a problem was last met, as an instant of `perf_counter`; None if never."""
        known = [last.get(code) for last in (self._last, self.streams.last_by_code)]
        return max((at for at in known if at is not None), default=None)

    def batch(self, frames: int) -> None:
        """Count a batch request of so many frames."""
        self._batches.observe(frames)

    def ran(self, frames: int) -> None:
        """Count a run of the network over so many frames; safe from several threads."""
        self._runs.observe(frames)

    def judged(self, classifier: Classifier, prepared: Prepared, verdict: Verdict) -> None:
        """Count a verdict; safe from several threads."""
        model, timing = verdict.model, verdict.timing_ms
        for stage, spent in (
            ("queue", timing.queue),
            ("decode", timing.decode),
            ("inference", timing.inference),
        ):
            self._stages.labels(stage).observe(spent / 1000)
        if verdict.age_ms is not None:
            self._ages.observe(verdict.age_ms / 1000)
        usable, familiar = (str(flag).lower() for flag in (verdict.usable, verdict.familiar))
        self._frames.labels(model.name, model.version, usable, familiar).inc()
        for finding in verdict.findings:
            if finding.present:
                self._findings.labels(model.name, model.version, finding.code).inc()
        known = self._drifts.get(model.digest)
        if known is None:
            manifest = classifier.bundle.manifest
            drift = Drift(manifest.reference, manifest.preprocess)
            known = self._drifts.setdefault(model.digest, (model.name, model.version, drift))
        known[2].observe(prepared.tensor, verdict)

    def drift(self, models: Models) -> Iterator[tuple[str, str, str, float]]:
        """Give name and version of each of `models`, a figure, and how far it has moved."""
        served = {model.identity.digest for model in models}
        for digest, (name, version, drift) in tuple(self._drifts.items()):
            if digest in served:
                for figure, shift in drift.shifts():
                    yield name, version, figure, shift

    def text(self) -> bytes:
        """Write everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _Now(Collector):
    """What is true at the moment of a scrape, rather than counted."""

    def __init__(self, metrics: Metrics, models: Models, scheduler: Scheduler, intake: Intake):
        self._metrics = metrics
        self._models = models
        self._scheduler = scheduler
        self._intake = intake

    def collect(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "endolink_waiting_frames", "Frames that wait for a worker.", labels=("lane",)
        )
        for lane in LANES:
            waiting.add_metric((lane,), self._scheduler.waiting(lane))
        yield waiting
        ages = GaugeMetricFamily(
            "endolink_queue_age_seconds",
            "How long the frame that waits longest has waited.",
            labels=("lane",),
        )
        for lane in LANES:
            ages.add_metric((lane,), self._scheduler.oldest_seconds(lane))
        yield ages
        for name, meaning, value in (
            ("running_frames", "Frames that are being judged.", self._scheduler.running),
            ("workers", "Worker threads.", self._scheduler.workers),
            (
                "service_seconds",
                "What one frame takes a worker: a moving average.",
                self._scheduler.service_seconds,
            ),
            ("held_bytes", "Bytes set aside for bodies in memory.", self._intake.held_bytes),
        ):
            yield GaugeMetricFamily(f"endolink_{name}", meaning, value=value)
        active = GaugeMetricFamily(
            "endolink_model_active",
            "1 for the version that answers where a request names none.",
            labels=("model", "version", "digest"),
        )
        for model in self._models:
            identity = model.identity
            active.add_metric(
                (identity.name, identity.version, identity.digest), self._models.is_active(model)
            )
        yield active
        computed = GaugeMetricFamily(
            "endolink_model_provider",
            "1 for the execution provider that computes a version, and its precision.",
            labels=("model", "version", "precision", "provider"),
        )
        for model in self._models:
            who = model.identity
            computed.add_metric((who.name, who.version, who.precision, who.provider), 1)
        yield computed
        batches = GaugeMetricFamily(
            "endolink_model_batch_frames",
            "The most frames that one run of a version's network is given: 1 is no batching.",
            labels=("model", "version"),
        )
        for model in self._models:
            who = model.identity
            batches.add_metric((who.name, who.version), self._models.batch_size(model))
        yield batches
        drift = GaugeMetricFamily(
            "endolink_drift",
            "How far a figure's recent mean lies from the validation frames', in their standard "
            "deviations.",
            labels=("model", "version", "figure"),
        )
        for name, version, figure, shift in self._metrics.drift(self._models):
            drift.add_metric((name, version, figure), shift)
        yield drift
