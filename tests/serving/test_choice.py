from time import perf_counter

from endolink.serving.choice import Choice
from endolink.serving.mailbox import Arrival, Mailbox
from endolink.serving.models import Models
from endolink.serving.turn import Turn
from endolink.serving.wire import StreamFrame
from tests.serving.service import alone
from tests.serving.test_mailbox import Nowhere

SLOW_S = 1.0


def arrive(mailbox: Mailbox, sequence: int, image: bytes, age_s: float = 0.0) -> None:
    now = perf_counter()
    frame = StreamFrame(sequence, 0, image)
    assert not mailbox.put(Arrival(sequence, frame, now, now - age_s, Nowhere()), now)


def test_a_turn_judges_what_is_freshest_when_it_comes(models: Models, jpeg: bytes) -> None:
    mailbox = Mailbox(deadline_s=10.0)
    arrive(mailbox, 1, jpeg)
    turn = Turn("interactive", "session", None)
    choice = Choice(mailbox, models.get(None), SLOW_S, None)
    arrive(mailbox, 2, jpeg)
    arrive(mailbox, 3, jpeg, age_s=0.1)
    verdict = alone(choice.judge(turn))
    choice.end()
    assert verdict is not None
    assert choice.item is not None
    assert verdict.frame.sequence == choice.item.sequence == 3
    assert [(dropped.sequence, dropped.reason) for _, dropped in choice.dropped] == [
        (1, "superseded"),
        (2, "superseded"),
    ]
    # What is told of waiting is the frame's own, not that of the turn, asked for before it came.
    assert turn.admitted == choice.item.arrived_s
    assert turn.deadline == choice.item.captured_s + 10.0
    assert verdict.timing_ms.queue < 1000


def test_where_all_are_late_nothing_is_judged(models: Models, jpeg: bytes) -> None:
    mailbox = Mailbox(deadline_s=10.0)
    arrive(mailbox, 1, jpeg)
    mailbox.deadline_s = 0.0
    choice = Choice(mailbox, models.get(None), SLOW_S, None)
    assert alone(choice.judge(Turn("interactive", "session", None))) is None
    choice.end()
    assert choice.item is None
    assert [dropped.reason for _, dropped in choice.dropped] == ["late"]
