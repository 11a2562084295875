import asyncio
import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, sleep

import pytest

from endolink import sample_data
from endolink.model.classifier import Classifier, Explain, Prepared
from endolink.model.errors import DeadlineExceeded, Overloaded
from endolink.model.verdict import Verdict
from endolink.serving.batching import Ask, Gathering, Road, judge
from endolink.serving.road import walk
from endolink.serving.scheduler import Scheduler
from endolink.serving.turn import Turn
from endolink.serving.waiting import Lane


@pytest.fixture(scope="module", params=["fp32", "int8"])
def classifier(request: pytest.FixtureRequest) -> Classifier:
    return Classifier.open(threads=1, precision=request.param, provider="cpu")


@pytest.fixture(scope="module")
def images() -> list[bytes]:
    return [path.read_bytes() for path in sample_data.frames()[:6]]


@dataclass(eq=False)
class Frame:
    """What can wait: nothing but what the gathering looks at."""

    name: str
    lane: Lane
    ask: Ask | None


def frame(name: str, lane: Lane = "interactive", explain: Explain = "none") -> Frame:
    return Frame(name, lane, Ask(None, None, explain))  # type: ignore[arg-type]


def names(batch: Sequence[Frame]) -> list[str]:
    return [one.name for one in batch]


def test_a_frame_that_finds_the_network_free_goes_in_at_once_with_those_that_wait() -> None:
    gathering: Gathering[Frame] = Gathering(4)
    assert names(gathering.enter(frame("first"))) == ["first"]
    assert gathering.enter(frame("second")) == []
    assert gathering.next() == []
    gathering.leave("interactive")
    assert names(gathering.enter(frame("third"))) == ["second", "third"]
    gathering.leave("interactive")
    assert gathering.next() == []
    assert names(gathering.enter(frame("fourth"))) == ["fourth"]


def test_whoever_comes_out_takes_those_who_wait_along() -> None:
    gathering: Gathering[Frame] = Gathering(4)
    gathering.enter(frame("first"))
    for name in ("second", "third"):
        assert gathering.enter(frame(name)) == []
    gathering.leave("interactive")
    assert names(gathering.next()) == ["second", "third"]
    assert gathering.enter(frame("fourth")) == []


def test_a_full_batch_waits_for_nobody() -> None:
    gathering: Gathering[Frame] = Gathering(3)
    gathering.enter(frame("inside"))
    gathering.enter(frame("second"))
    gathering.enter(frame("third"))
    assert names(gathering.enter(frame("fourth"))) == ["second", "third", "fourth"]
    # Those that are inside are two now: who waits is taken by the last of them.
    assert gathering.enter(frame("fifth")) == []
    gathering.leave("interactive")
    assert gathering.next() == []
    gathering.leave("interactive")
    assert names(gathering.next()) == ["fifth"]


def test_without_batching_all_go_in_side_by_side() -> None:
    gathering: Gathering[Frame] = Gathering(1)
    assert [names(gathering.enter(frame(name))) for name in "abc"] == [["a"], ["b"], ["c"]]


def test_interactive_frames_wait_for_no_bulk_and_go_before_it() -> None:
    gathering: Gathering[Frame] = Gathering(8)
    assert names(gathering.enter(frame("bulk 1", "bulk"))) == ["bulk 1"]
    assert gathering.enter(frame("bulk 2", "bulk")) == []
    assert names(gathering.enter(frame("1"))) == ["1"]
    assert gathering.enter(frame("2")) == []
    gathering.leave("bulk")
    assert gathering.next() == []
    gathering.leave("interactive")
    # Nobody is inside, and yet it does not go before those that are about to be taken.
    assert gathering.enter(frame("bulk 3", "bulk")) == []
    assert names(gathering.next()) == ["2"]
    gathering.leave("interactive")
    assert names(gathering.next()) == ["bulk 2", "bulk 3"]


def test_what_is_explained_differently_is_not_judged_together() -> None:
    gathering: Gathering[Frame] = Gathering(8)
    gathering.enter(frame("inside"))
    for name, explain in (("a", "none"), ("b", "box"), ("c", "none")):
        gathering.enter(frame(name, explain=explain))  # type: ignore[arg-type]
    gathering.leave("interactive")
    assert names(gathering.next()) == ["a", "c"]
    gathering.leave("interactive")
    assert names(gathering.next()) == ["b"]


def test_a_frame_is_judged_in_a_batch_as_it_is_alone(
    classifier: Classifier, images: list[bytes]
) -> None:
    asks = [Ask(classifier, classifier.prepare(image), "box") for image in images]
    for ask, verdict in zip(asks, judge(asks), strict=True):
        (alone,) = judge([ask])
        assert isinstance(verdict, Verdict)
        assert isinstance(alone, Verdict)
        assert verdict.familiarity == pytest.approx(alone.familiarity, abs=1e-4)
        for one, other in zip(verdict.findings, alone.findings, strict=True):
            assert one.probability == pytest.approx(other.probability, abs=1e-5)
            assert one.present == other.present
            assert one.box == other.box


def test_a_bad_one_fails_alone(classifier: Classifier, images: list[bytes]) -> None:
    asks = [Ask(classifier, classifier.prepare(image), "none") for image in images[:3]]
    # What cannot be: a tensor of another size.
    bad = asks[1].prepared
    object.__setattr__(bad, "tensor", bad.tensor[:, :-1])
    good, failed, also_good = judge(asks)
    assert isinstance(good, Verdict)
    assert isinstance(failed, Exception)
    assert isinstance(also_good, Verdict)
    assert good.frame.sha256 == asks[0].prepared.frame.sha256
    assert also_good.frame.sha256 == asks[2].prepared.frame.sha256


class Held:
    """A classifier whose network is held up until it is let go; notes what was judged together."""

    def __init__(self, classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inside = threading.Semaphore(0)
        self.gate = threading.Event()
        self.batches: list[int] = []
        self.failing: Exception | None = None
        judge = classifier.judge

        def held(prepared: Sequence[Prepared], *, explain: Explain = "none") -> list[Verdict]:
            self.inside.release()
            assert self.gate.wait(30)
            self.batches.append(len(prepared))
            if self.failing is not None:
                raise self.failing
            return judge(prepared, explain=explain)

        monkeypatch.setattr(classifier, "judge", held)


@pytest.fixture
def held(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(classifier, monkeypatch)


def road(classifier: Classifier, image: bytes) -> Callable[[Turn], Road[Verdict]]:
    return lambda turn: walk(turn, classifier, image)


async def until(true: Callable[[], bool]) -> None:
    end = perf_counter() + 20
    while not true():
        assert perf_counter() < end
        await asyncio.sleep(0.005)


def test_frames_gather_while_one_is_in_the_network_and_get_their_own_verdicts(
    classifier: Classifier, images: list[bytes], held: Held
) -> None:
    ran: list[int] = []

    async def main() -> list[Verdict]:
        scheduler = Scheduler(workers=2, queue=8, batch_size=lambda _: 8, ran=ran.append)
        jobs = [asyncio.create_task(scheduler.judge(road(classifier, images[0])))]
        await asyncio.to_thread(held.inside.acquire)
        jobs += [
            asyncio.create_task(scheduler.judge(road(classifier, image))) for image in images[1:]
        ]
        # The other worker has prepared them all, and is free for more.
        await until(lambda: scheduler.running == len(images) and scheduler.idle == 1)
        before = perf_counter()
        await asyncio.sleep(0.05)
        held.gate.set()
        verdicts = await asyncio.gather(*jobs)
        assert scheduler.admitted == 0
        for verdict in verdicts[1:]:
            assert 50 <= verdict.timing_ms.queue <= verdict.timing_ms.total
            assert verdict.timing_ms.inference < (perf_counter() - before) * 1000
        await scheduler.drain()
        return list(verdicts)

    verdicts = asyncio.run(main())
    assert ran == held.batches == [1, len(images) - 1]
    for image, verdict in zip(images, verdicts, strict=True):
        (alone,) = classifier.score([image])
        assert verdict.frame.sha256 == alone.frame.sha256
        assert verdict.top.code == alone.top.code
        assert verdict.top.probability == pytest.approx(alone.top.probability, abs=1e-5)


def test_a_lone_frame_never_waits(classifier: Classifier, images: list[bytes], held: Held) -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=2, queue=8, batch_size=lambda _: 8)
        held.gate.set()
        for image in images:
            verdict = await scheduler.judge(road(classifier, image))
            # From being ready to being in the network: no more than a few steps of the program.
            assert verdict.timing_ms.queue < 20
        assert held.batches == [1] * len(images)
        await scheduler.drain()

    asyncio.run(main())


def test_who_has_gone_or_is_late_is_left_out_and_the_others_are_judged(
    classifier: Classifier, images: list[bytes], held: Held
) -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=2, queue=8, batch_size=lambda _: 8)
        first = asyncio.create_task(scheduler.judge(road(classifier, images[0])))
        await asyncio.to_thread(held.inside.acquire)
        gone = asyncio.create_task(scheduler.judge(road(classifier, images[1])))
        late = asyncio.create_task(
            scheduler.judge(road(classifier, images[2]), deadline=perf_counter() + 0.3)
        )
        stays = asyncio.create_task(scheduler.judge(road(classifier, images[3])))
        await until(lambda: scheduler.running == 4 and scheduler.idle == 1)
        gone.cancel()
        await asyncio.sleep(0.4)
        held.gate.set()
        with pytest.raises(DeadlineExceeded, match="before inference"):
            await late
        for task, image in ((first, images[0]), (stays, images[3])):
            assert (await task).frame.sha256 == hashlib.sha256(image).hexdigest()
        assert gone.cancelled()
        await scheduler.drain()
        assert held.batches == [1, 1]

    asyncio.run(main())


def test_where_all_have_gone_the_network_is_not_run(
    classifier: Classifier, images: list[bytes], held: Held
) -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=2, queue=8, batch_size=lambda _: 8)
        first = asyncio.create_task(scheduler.judge(road(classifier, images[0])))
        await asyncio.to_thread(held.inside.acquire)
        rest = [asyncio.create_task(scheduler.judge(road(classifier, i))) for i in images[1:3]]
        await until(lambda: scheduler.running == 3 and scheduler.idle == 1)
        for task in rest:
            task.cancel()
        await asyncio.sleep(0)
        held.gate.set()
        await first
        await scheduler.drain()
        assert held.batches == [1]
        assert scheduler.admitted == 0

    asyncio.run(main())


def test_what_fails_in_the_network_is_told_to_each(
    classifier: Classifier, images: list[bytes], held: Held
) -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=2, queue=8, batch_size=lambda _: 8)
        jobs = [asyncio.create_task(scheduler.judge(road(classifier, images[0])))]
        await asyncio.to_thread(held.inside.acquire)
        jobs += [asyncio.create_task(scheduler.judge(road(classifier, i))) for i in images[1:3]]
        await until(lambda: scheduler.running == 3 and scheduler.idle == 1)
        held.failing = MemoryError("no room for it")
        held.gate.set()
        for job in jobs:
            with pytest.raises(MemoryError):
                await job
        # Together, and then each alone.
        assert held.batches == [1, 2, 1, 1]
        held.failing = None
        assert len((await scheduler.judge(road(classifier, images[0]))).findings) > 0
        await scheduler.drain()

    asyncio.run(main())


def test_what_became_late_in_a_run_that_failed_is_not_run_again(
    classifier: Classifier, images: list[bytes], held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_alone = classifier.judge
    deadlines: list[float] = []

    def failing(prepared: Sequence[Prepared], *, explain: Explain = "none") -> list[Verdict]:
        if len(prepared) == 1:
            return judge_alone(prepared, explain=explain)
        sleep(max(0.0, deadlines[0] - perf_counter()))
        raise MemoryError("no room for so many")

    monkeypatch.setattr(classifier, "judge", failing)

    async def main() -> None:
        scheduler = Scheduler(workers=2, queue=8, batch_size=lambda _: 8)
        first = asyncio.create_task(scheduler.judge(road(classifier, images[0])))
        await asyncio.to_thread(held.inside.acquire)
        deadlines.append(perf_counter() + 1)
        late = asyncio.create_task(
            scheduler.judge(road(classifier, images[1]), deadline=deadlines[0])
        )
        stays = asyncio.create_task(scheduler.judge(road(classifier, images[2])))
        await until(lambda: scheduler.running == 3 and scheduler.idle == 1)
        held.gate.set()
        with pytest.raises(DeadlineExceeded, match="before inference"):
            await late
        for task, image in ((first, images[0]), (stays, images[2])):
            assert (await task).frame.sha256 == hashlib.sha256(image).hexdigest()
        await scheduler.drain()
        # Alone, the late one was not tried.
        assert held.batches == [1, 1]

    asyncio.run(main())


def test_what_is_admitted_stays_bounded_by_workers_and_queue(
    classifier: Classifier, images: list[bytes], held: Held
) -> None:
    async def main() -> None:
        scheduler = Scheduler(workers=2, queue=2, batch_size=lambda _: 8)
        jobs = [asyncio.create_task(scheduler.judge(road(classifier, images[0])))]
        await asyncio.to_thread(held.inside.acquire)
        jobs += [asyncio.create_task(scheduler.judge(road(classifier, i))) for i in images[1:4]]
        await until(lambda: scheduler.running == 4 and scheduler.idle == 1)
        with pytest.raises(Overloaded):
            scheduler.knock()
        assert scheduler.abreast(classifier) == 3
        draining = asyncio.create_task(scheduler.drain())
        await asyncio.sleep(0.02)
        assert not draining.done()
        held.gate.set()
        await draining
        assert len(await asyncio.gather(*jobs)) == 4

    asyncio.run(main())
