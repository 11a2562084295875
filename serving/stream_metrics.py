"""What is counted of live streams, and how they are at a scrape."""

from collections import Counter as Count
from collections.abc import Iterable, Iterator
from statistics import median
from time import perf_counter
from typing import Final, Literal, Protocol, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from endolink.serving.wire import Advice, Alert, Condition, DropReason, State

# Seconds; finest about the tenth of a second that is promised.
_AGES: Final = (0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5, 10)
_OUTCOMES: Final = ("judged", *(reason for reason in get_args(DropReason) if reason != "lost"))

Milestone = Literal["begun", "resumed", "ended", "expired", "refused"]
"""`ended` by the client's goodbye or the service's end, `expired` after its grace time."""


class StreamCounts:
    """Counts of every stream together; no label ever holds what a client sent."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self.last_by_code: dict[str, float] = {}
        """When a frame was last dropped for an error of a code, by `perf_counter`."""
        self._frames = Counter(
            "endolink_stream_frames",
            "Frames of streams, by what became of them.",
            ("outcome",),
            registry=registry,
        )
        for outcome in _OUTCOMES:
            self._frames.labels(outcome)
        self._ages = Histogram(
            "endolink_stream_age_seconds",
            "From a frame's capture to its verdict's leaving, by the session's measured clock.",
            buckets=_AGES,
            registry=registry,
        )
        self._alerts = Counter(
            "endolink_stream_alerts",
            "Alerts that came on or went off.",
            ("model", "finding", "change"),
            registry=registry,
        )
        self._sessions = Counter(
            "endolink_stream_sessions",
            "Sessions, by what happened to them.",
            ("milestone",),
            registry=registry,
        )
        for milestone in get_args(Milestone):
            self._sessions.labels(milestone)
        self._faults = Counter(
            "endolink_stream_faults",
            "Messages of streams that were answered with an error, by its code.",
            ("code",),
            registry=registry,
        )
        self._advice = Counter(
            "endolink_stream_advice",
            "Changes of what a client was told to send: a poorer picture or fewer frames, a "
            "better picture or more, or another window only.",
            ("change",),
            registry=registry,
        )
        self._switches = Counter(
            "endolink_stream_model_switches",
            "Sessions that went on with another version of their model.",
            registry=registry,
        )

    def judged(self, age_s: float) -> None:
        """Count a verdict that was `age_s` old when it left."""
        self._frames.labels("judged").inc()
        self._ages.observe(age_s)

    def dropped(self, reason: DropReason, code: str | None = None) -> None:
        """Count a frame without a verdict; `code` is that of the error behind it, if any."""
        self._frames.labels(reason).inc()
        if code is not None:
            self.last_by_code[code] = perf_counter()

    def alerted(self, model: str, alerts: Iterable[Alert]) -> None:
        """Count what came on and what went off."""
        for alert in alerts:
            self._alerts.labels(model, alert.finding, "on" if alert.on else "off").inc()

    def session(self, milestone: Milestone) -> None:
        """Count a session's milestone."""
        self._sessions.labels(milestone).inc()

    def fault(self, code: str) -> None:
        """Count a message at fault."""
        self._faults.labels(code).inc()

    def advised(self, before: Advice, after: Advice) -> None:
        """Count a change of advice."""
        was, now = ((said.side, said.quality, said.fps) for said in (before, after))
        change = "window" if was == now else "better" if now > was else "poorer"
        self._advice.labels(change).inc()

    def switched(self) -> None:
        """Count a session's change of model."""
        self._switches.inc()


class Stands(Protocol):
    """How one session stands."""

    @property
    def connected(self) -> bool: ...
    @property
    def condition(self) -> Condition: ...
    @property
    def advice(self) -> Advice: ...
    @property
    def round_trip_s(self) -> float | None: ...


_LINK: Final = (
    ("side_pixels", "The shorter side that clients are advised to send."),
    ("jpeg_quality", "The JPEG quality that clients are advised to send."),
    ("frames_per_second", "The rate that clients are advised to send at."),
    ("window_frames", "How many frames clients may have unanswered."),
    ("round_trip_seconds", "The least round trip of late."),
)


class StreamsNow(Collector):
    """How the streams are at the moment of a scrape."""

    def __init__(self, sessions: Iterable[Stands]) -> None:
        self._sessions = sessions

    def collect(self) -> Iterator[Metric]:
        sessions = list(self._sessions)
        here = [session for session in sessions if session.connected]
        count = GaugeMetricFamily(
            "endolink_streams",
            "Sessions with a connection, and those kept for a client's return.",
            labels=("link",),
        )
        count.add_metric(("connected",), len(here))
        count.add_metric(("away",), len(sessions) - len(here))
        yield count
        states = Count(session.condition.state for session in here)
        by_state = GaugeMetricFamily(
            "endolink_stream_states", "Connected sessions, by their state.", labels=("state",)
        )
        for state in get_args(State):
            by_state.add_metric((state,), states[state])
        yield by_state
        on = Count(code for session in here for code in session.condition.alerts)
        alerts = GaugeMetricFamily(
            "endolink_stream_alerts_on",
            "Connected sessions whose alert is on, by finding.",
            labels=("finding",),
        )
        for code, sessions_with in on.items():
            alerts.add_metric((code,), sessions_with)
        yield alerts
        for (name, meaning), values in zip(_LINK, _figures(here), strict=True):
            family = GaugeMetricFamily(f"endolink_stream_{name}", meaning, labels=("statistic",))
            if values:
                for statistic, value in (
                    ("least", min(values)),
                    ("median", median(values)),
                    ("most", max(values)),
                ):
                    family.add_metric((statistic,), value)
            yield family


def _figures(sessions: list[Stands]) -> tuple[list[float], ...]:
    advice = [session.advice for session in sessions]
    trips = [session.round_trip_s for session in sessions]
    return (
        [said.side for said in advice],
        [said.quality for said in advice],
        [said.fps for said in advice],
        [said.window for said in advice],
        [trip for trip in trips if trip is not None],
    )
