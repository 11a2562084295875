from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from endolink.serving.waiting import LANES, Lane, Waiting


@dataclass(eq=False)
class Job:
    lane: Lane
    client: str


JOBS = st.builds(Job, st.sampled_from(LANES), st.sampled_from("abc"))


def test_nobody_waits() -> None:
    waiting: Waiting[Job] = Waiting()
    assert waiting.take() is None
    assert waiting.greediest("bulk", "a") is None
    assert not waiting.drop(Job("bulk", "a"))
    assert (len(waiting), list(waiting)) == (0, [])


@given(st.lists(JOBS, max_size=30), JOBS)
def test_the_number_ahead_is_how_many_are_served_before(jobs: list[Job], last: Job) -> None:
    waiting: Waiting[Job] = Waiting()
    for job in jobs:
        waiting.add(job)
    ahead = waiting.ahead(last.lane, last.client)
    waiting.add(last)
    served = []
    while (taken := waiting.take()) is not last:
        assert taken is not None
        served.append(taken)
    assert len(served) <= ahead
    # Whose client waited already keeps its place in the round, and may gain by it.
    if not any((job.lane, job.client) == (last.lane, last.client) for job in jobs):
        assert len(served) == ahead


@given(st.lists(JOBS, max_size=30))
def test_all_are_served_once_lane_by_lane_and_a_client_in_its_order(jobs: list[Job]) -> None:
    waiting: Waiting[Job] = Waiting()
    for job in jobs:
        waiting.add(job)
    assert len(waiting) == len(list(waiting)) == len(jobs)
    served = [waiting.take() for _ in jobs]
    assert waiting.take() is None
    for lane in LANES:
        for client in "abc":
            own = [job for job in jobs if (job.lane, job.client) == (lane, client)]
            assert [job for job in served if job in own] == own
    lanes = [job.lane for job in served if job]
    assert lanes == sorted(lanes, key=LANES.index)


@given(st.lists(JOBS, min_size=1, max_size=30), st.data())
def test_between_two_turns_of_a_client_every_other_has_one(
    jobs: list[Job], data: st.DataObject
) -> None:
    waiting: Waiting[Job] = Waiting()
    for job in jobs:
        waiting.add(job)
    dropped = data.draw(st.sampled_from(jobs))
    assert waiting.drop(dropped)
    assert not waiting.drop(dropped)
    left = {
        lane: [job for job in jobs if job.lane == lane and job is not dropped] for lane in LANES
    }
    for lane in LANES:
        turns = [waiting.take() for _ in left[lane]]
        counts = dict.fromkeys("abc", 0)
        for turn in turns:
            assert turn is not None
            counts[turn.client] += 1
            remaining = {
                client: sum(other.client == client for other in left[lane]) - count
                for client, count in counts.items()
            }
            for client in "abc":
                if remaining[client]:
                    assert counts[client] >= counts[turn.client] - 1


@given(st.lists(JOBS, max_size=30), JOBS)
def test_who_makes_room_is_the_greediest_and_ends_no_worse_than_the_newcomer(
    jobs: list[Job], newcomer: Job
) -> None:
    waiting: Waiting[Job] = Waiting()
    for job in jobs:
        waiting.add(job)

    def count(client: str) -> int:
        return sum(job.client == client and job.lane == newcomer.lane for job in jobs)

    greedy = waiting.greediest(newcomer.lane, newcomer.client)
    most = max(map(count, "abc"))
    if greedy is None:
        assert most < count(newcomer.client) + 2
    else:
        assert count(greedy.client) == most
        assert most - 1 >= count(newcomer.client) + 1
        own = [job for job in jobs if (job.lane, job.client) == (greedy.lane, greedy.client)]
        assert greedy is own[-1]
