from hypothesis import given
from hypothesis import strategies as st

from endolink.serving.mailbox import MOST, PATIENCE_S, Arrival, Mailbox
from endolink.serving.wire import ServerMessage, StreamFrame


class Nowhere:
    is_open = True

    def send(self, message: ServerMessage) -> None: ...

    def close(self) -> None: ...


def arrival(sequence: int, captured_s: float = 0.0) -> Arrival:
    return Arrival(sequence, StreamFrame(sequence, 0, b""), captured_s, captured_s, Nowhere())


def put(mailbox: Mailbox, *sequences: int) -> list[tuple[int, str]]:
    return [
        (dropped.sequence, dropped.reason)
        for sequence in sequences
        for _, dropped in mailbox.put(arrival(sequence), 0.0)
    ]


def take(mailbox: Mailbox, judging_s: float, now_s: float = 0.0) -> tuple[int | None, list[str]]:
    item, dropped = mailbox.take(now_s, judging_s)
    return item.sequence if item else None, [
        f"{drop.sequence} {drop.reason}" for _, drop in dropped
    ]


def test_where_judging_is_slow_the_freshest_wins() -> None:
    mailbox = Mailbox(1.0)
    assert not put(mailbox, 0, 1, 2)
    assert take(mailbox, 2 * PATIENCE_S) == (2, ["0 superseded", "1 superseded"])
    assert take(mailbox, 2 * PATIENCE_S) == (None, [])


def test_where_judging_is_quick_a_burst_is_judged_in_order() -> None:
    mailbox = Mailbox(1.0)
    put(mailbox, 2, 0, 1, 3)
    assert take(mailbox, PATIENCE_S / 2.5) == (1, ["0 superseded"])
    assert take(mailbox, PATIENCE_S / 2.5) == (2, [])
    assert take(mailbox, PATIENCE_S / 2.5) == (3, [])


def test_a_frame_that_comes_after_a_newer_one_was_taken_is_superseded() -> None:
    mailbox = Mailbox(1.0)
    put(mailbox, 5)
    assert take(mailbox, 0.01) == (5, [])
    assert put(mailbox, 4) == [(4, "superseded")]
    assert mailbox.newest == 5


def test_a_frame_that_comes_twice_is_judged_once() -> None:
    mailbox = Mailbox(1.0)
    assert put(mailbox, 1, 1) == [(1, "repeated")]
    assert take(mailbox, 0.01) == (1, [])
    assert put(mailbox, 1) == [(1, "repeated")]


def test_a_late_frame_is_said_to_be_late_at_the_door_and_in_the_queue() -> None:
    mailbox = Mailbox(0.5)
    ((_, dropped),) = mailbox.put(arrival(1, captured_s=0.0), 0.6)
    assert dropped.reason == "late"
    assert dropped.detail == "It was 600 ms old, 500 ms are allowed."
    put(mailbox, 2, 3)
    assert take(mailbox, 0.001, now_s=0.6) == (None, ["2 late", "3 late"])


def test_a_flood_is_bounded() -> None:
    mailbox = Mailbox(1.0)
    dropped = put(mailbox, *range(100))
    assert len(mailbox) == MOST
    assert dropped == [(sequence, "superseded") for sequence in range(100 - MOST)]


@given(
    st.lists(st.one_of(st.integers(0, 30), st.none()), max_size=80),
    st.floats(0.0001, 0.1),
)
def test_every_frame_is_taken_or_dropped_exactly_once(
    steps: list[int | None], judging_s: float
) -> None:
    mailbox = Mailbox(1.0)
    ends: list[int] = []
    taken: list[int] = []
    for step in [*steps, *[None] * (MOST + 1)]:
        if step is None:
            item, dropped = mailbox.take(0.0, judging_s)
            ends += [drop.sequence for _, drop in dropped]
            if item:
                taken.append(item.sequence)
        else:
            ends += [drop.sequence for _, drop in mailbox.put(arrival(step), 0.0)]
    sent = [step for step in steps if step is not None]
    assert sorted(ends + taken) == sorted(sent)
    assert taken == sorted(set(taken))
