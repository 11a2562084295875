from endolink.serving.pings import FIRST_PINGS, PING_S, Pings


def test_the_first_follow_each_other_quickly_and_then_they_are_rare() -> None:
    pings = Pings()
    pings.begin()
    for number in range(FIRST_PINGS):
        assert pings.quick
        assert pings.due(0.01 * number)
        pings.round(1, 0.01 * number)
    last = 0.01 * (FIRST_PINGS - 1)
    assert not pings.quick
    assert not pings.due(last + PING_S / 2)
    assert pings.due(last + PING_S)


def test_each_connection_is_asked_and_each_answer_counts_once() -> None:
    pings = Pings()
    first, second = pings.round(2, 7.0)
    assert first.id != second.id
    assert pings.answered(second.id) == 7.0
    assert pings.answered(second.id) is None
    assert pings.answered(99) is None


def test_what_is_never_answered_is_forgotten() -> None:
    pings = Pings()
    (oldest,) = pings.round(1, 0.0)
    for second in range(100):
        (newest,) = pings.round(1, float(second))
    assert pings.answered(oldest.id) is None
    assert pings.answered(newest.id) == 99.0
