from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from endolink.serving.stream_metrics import StreamCounts, StreamsNow
from endolink.serving.wire import Advice, Alert, Condition


def samples(registry: CollectorRegistry) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return samples(registry)[f"endolink_stream{name}", frozenset(labels.items())]


def test_what_becomes_of_frames_sessions_and_alerts_is_counted() -> None:
    registry = CollectorRegistry()
    counts = StreamCounts(registry)
    counts.judged(0.06)
    counts.judged(0.2)
    counts.dropped("superseded")
    counts.dropped("late")
    counts.session("begun")
    counts.fault("stream-message-invalid")
    counts.switched()
    on = Alert("polyp", "lesion", on=True, at_us=1)
    counts.alerted("colonoscopy", [on, Alert("polyp", "lesion", on=False, at_us=2)])
    assert value(registry, "_frames_total", outcome="judged") == 2
    assert value(registry, "_frames_total", outcome="superseded") == 1
    assert value(registry, "_frames_total", outcome="repeated") == 0
    assert value(registry, "_age_seconds_bucket", le="0.1") == 1
    assert value(registry, "_sessions_total", milestone="begun") == 1
    assert value(registry, "_sessions_total", milestone="expired") == 0
    assert value(registry, "_faults_total", code="stream-message-invalid") == 1
    assert value(registry, "_model_switches_total") == 1
    for change in ("on", "off"):
        labels = {"model": "colonoscopy", "finding": "polyp", "change": change}
        assert value(registry, "_alerts_total", **labels) == 1


def test_a_change_of_advice_is_poorer_better_or_a_window() -> None:
    registry = CollectorRegistry()
    counts = StreamCounts(registry)
    usual = Advice(240, 60, 30.0, 6)
    counts.advised(usual, Advice(200, 50, 30.0, 6))
    counts.advised(usual, Advice(240, 60, 21.0, 6))
    counts.advised(usual, Advice(280, 70, 30.0, 8))
    counts.advised(usual, Advice(240, 60, 30.0, 9))
    assert value(registry, "_advice_total", change="poorer") == 2
    assert value(registry, "_advice_total", change="better") == 1
    assert value(registry, "_advice_total", change="window") == 1


@dataclass
class Standing:
    connected: bool
    condition: Condition
    advice: Advice
    round_trip_s: float | None


def test_how_the_streams_are_is_asked_at_each_scrape() -> None:
    registry = CollectorRegistry()
    sessions = [
        Standing(True, Condition("alert", None, ("polyp",)), Advice(160, 40, 25.0, 3), 0.02),
        Standing(True, Condition("watching", None, ()), Advice(448, 90, 30.0, 6), None),
        Standing(False, Condition("ready", None, ("polyp",)), Advice(1, 1, 1.0, 1), 9.0),
    ]
    registry.register(StreamsNow(sessions))
    assert value(registry, "s", link="connected") == 2
    assert value(registry, "s", link="away") == 1
    assert value(registry, "_states", state="alert") == 1
    assert value(registry, "_states", state="degraded") == 0
    assert value(registry, "_alerts_on", finding="polyp") == 1
    assert value(registry, "_side_pixels", statistic="least") == 160
    assert value(registry, "_jpeg_quality", statistic="median") == 65
    assert value(registry, "_window_frames", statistic="most") == 6
    assert value(registry, "_round_trip_seconds", statistic="most") == 0.02
    sessions.clear()
    assert value(registry, "s", link="connected") == 0
    assert not any("_side_pixels" in name for name, _ in samples(registry))
