import asyncio
import re
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from endolink.serving.intake import Intake
from endolink.serving.metrics import Metrics
from endolink.serving.models import Models
from endolink.serving.scheduler import Scheduler
from endolink.serving.settings import Settings
from tests.conftest import REPOSITORY
from tests.serving.service import Running, serve


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return samples(metrics)[name, frozenset(labels.items())]


def test_requests_refusals_and_batches_are_counted() -> None:
    metrics = Metrics()
    metrics.answered("judge_frame", 200, 0.005)
    metrics.answered("judge_frame", 503, 0.0005)
    metrics.refused("overloaded")
    metrics.batch(3)
    assert value(metrics, "endolink_requests_total", resource="judge_frame", status="200") == 1
    assert value(metrics, "endolink_request_seconds_count", resource="judge_frame") == 2
    assert value(metrics, "endolink_refusals_total", code="overloaded") == 1
    assert value(metrics, "endolink_batch_frames_sum") == 3


def test_a_verdict_is_counted_by_its_stages_findings_and_age(models: Models, jpeg: bytes) -> None:
    metrics, classifier = Metrics(), models.get()
    prepared = classifier.prepare(jpeg)
    (verdict,) = classifier.judge([prepared])
    for _ in range(200):
        metrics.judged(classifier, prepared, replace(verdict, age_ms=60.0))
    for stage in ("queue", "decode", "inference"):
        assert value(metrics, "endolink_stage_seconds_count", stage=stage) == 200
    assert value(metrics, "endolink_verdict_age_seconds_sum") == pytest.approx(12)
    model = {"model": verdict.model.name, "version": verdict.model.version}
    for finding in verdict.findings:
        if finding.present:
            assert value(metrics, "endolink_findings_total", code=finding.code, **model) == 200
    figures = {figure for *_, figure, _ in metrics.drift(models)}
    assert figures == {
        name for name, usual in classifier.bundle.manifest.reference.items() if usual.std > 0
    }


def test_what_is_true_now_is_asked_at_each_scrape(models: Models) -> None:
    async def main() -> None:
        await _scrape_now(models)

    asyncio.run(main())


async def _scrape_now(models: Models) -> None:
    metrics = Metrics()
    scheduler, intake = Scheduler(workers=1, queue=2), Intake(bodies=2, max_bytes=100)
    metrics.watch(models, scheduler, intake)
    with intake.hold(70, retry_after=lambda: 1):
        assert value(metrics, "endolink_held_bytes") == 70
    assert value(metrics, "endolink_held_bytes") == 0
    assert value(metrics, "endolink_workers") == 1
    assert value(metrics, "endolink_waiting_frames", lane="bulk") == 0
    assert value(metrics, "endolink_queue_age_seconds", lane="interactive") == 0
    identity = models.get().identity
    labels = {"model": identity.name, "version": identity.version, "digest": identity.digest}
    assert value(metrics, "endolink_model_active", **labels) == 1
    await scheduler.drain()


def test_every_metric_is_documented(running: Running) -> None:
    """Each metric that is exported stands in docs/service.md, and each one there is exported."""
    text = running.service.metrics.text().decode()
    exported = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    exported = {name for name in exported if not name.endswith("_created")}
    documented = set(
        re.findall(r"\bendolink_[a-z_]+", (REPOSITORY / "docs/service.md").read_text())
    )
    assert exported == documented


def test_runs_of_the_network_and_what_they_may_be_given_are_shown(
    settings: Settings, jpeg: bytes
) -> None:
    together = settings.model_copy(update={"batching": "on", "batching_most": 3, "workers": 2})
    models = Models.open(together)
    assert models.batch_size(models.get()) == 3
    with serve(together, models) as running, httpx.Client(base_url=running.url) as client:
        for _ in range(2):
            assert client.post("/v1/frames", content=jpeg).is_success
        files = [("frame", (f"{number}.jpg", jpeg, "image/jpeg")) for number in range(6)]
        answer = client.post("/v1/frames:batch", files=files).json()
        assert [item["verdict"]["frame"]["sequence"] for item in answer["frames"]] == [*range(6)]
        metrics = running.service.metrics
        assert value(metrics, "endolink_network_frames_sum") == 8
        assert 4 <= value(metrics, "endolink_network_frames_count") <= 8
        name, version = models.get().identity.name, models.get().identity.version
        most = value(metrics, "endolink_model_batch_frames", model=name, version=version)
        assert most == 3
