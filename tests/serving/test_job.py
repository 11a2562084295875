import asyncio
from collections.abc import Callable
from time import perf_counter, sleep
from typing import Any

import pytest

from endolink.model.errors import Abandoned, DeadlineExceeded
from endolink.model.verdict import Verdict
from endolink.serving.batching import Ask, Road
from endolink.serving.job import Job
from endolink.serving.models import Models
from endolink.serving.turn import Turn, nobody


def job_of(work: Callable[[Turn], Any], *, road: bool = True, deadline: float | None = None) -> Job:
    loop = asyncio.new_event_loop()
    try:
        return Job(
            work,
            loop,
            road=road,
            lane="interactive",
            client="",
            deadline=deadline,
            judged=nobody,
        )
    finally:
        loop.close()


@pytest.fixture(scope="module")
def ask(models: Models, jpeg: bytes) -> Ask:
    classifier = models.get()
    return Ask(classifier, classifier.prepare(jpeg), "none")


def test_what_does_not_ask_the_network_ends_at_once(ask: Ask) -> None:
    def rather_not(_: Turn) -> Road[str]:
        if ask.explain != "none":
            yield ask
        return "nothing to judge"

    assert job_of(lambda _: 7, road=False).begin() == (False, 7)
    assert job_of(rather_not).begin() == (False, "nothing to judge")
    failed, what = job_of(lambda _: 1 / 0, road=False).begin() or (False, None)
    assert failed
    assert isinstance(what, ZeroDivisionError)


def test_it_stops_at_the_network_and_goes_on_with_its_verdict(ask: Ask) -> None:
    def road(_: Turn) -> Road[Verdict]:
        sleep(0.01)
        verdict = yield ask
        sleep(0.01)
        return verdict

    job = job_of(road)
    assert job.begin() is None
    assert job.ask is ask
    assert job.worked >= 0.01
    assert job.objection() is None
    (verdict,) = ask.classifier.judge([ask.prepared])
    assert job.end(verdict) == (False, verdict)
    assert job.worked >= 0.02


def test_it_is_told_why_there_is_no_verdict_and_may_clear_up(ask: Ask) -> None:
    cleared: list[str] = []

    def road(_: Turn) -> Road[Verdict]:
        try:
            return (yield ask)
        finally:
            cleared.append("up")

    job = job_of(road)
    job.begin()
    failed, what = job.end(MemoryError())
    assert failed
    assert isinstance(what, MemoryError)
    assert cleared == ["up"]


def test_it_objects_to_being_judged_for_nobody_or_too_late(ask: Ask) -> None:
    def road(_: Turn) -> Road[Verdict]:
        return (yield ask)

    gone = job_of(road)
    gone.begin()
    gone.abandoned = True
    assert isinstance(gone.objection(), Abandoned)
    late = job_of(road, deadline=perf_counter() + 0.02)
    late.begin()
    sleep(0.03)
    assert isinstance(late.objection(), DeadlineExceeded)


def test_a_second_question_is_a_fault_of_its_own(ask: Ask) -> None:
    def road(_: Turn) -> Road[Verdict]:
        yield ask
        return (yield ask)

    job = job_of(road)
    job.begin()
    (verdict,) = ask.classifier.judge([ask.prepared])
    failed, what = job.end(verdict)
    assert failed
    assert "once" in str(what)
