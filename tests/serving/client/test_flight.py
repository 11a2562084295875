from endolink.serving.client.flight import DEAD_S, STALL_LEAST_S, Flight


def test_a_frame_is_out_until_it_is_answered() -> None:
    flight = Flight()
    flight.send(1, 0.0)
    flight.send(2, 0.04)
    flight.answer(1, 0.06)
    assert len(flight) == 1
    assert flight.sequences == (2,)
    flight.answer(99, 0.07)
    assert flight.usual_s == 0.06


def test_it_stalls_where_an_answer_takes_much_longer_than_usual() -> None:
    flight = Flight()
    for number in range(20):
        flight.send(number, number)
        flight.answer(number, number + 0.12)
    flight.send(20, 20.0)
    assert not flight.stalled(20.25)
    assert flight.stalled(20.31)
    assert not flight.dead(20.31)
    assert flight.dead(20.0 + DEAD_S + 0.1)
    flight.answer(20, 20.4)
    assert not flight.stalled(30.0)


def test_a_quick_link_is_given_time_for_a_handover() -> None:
    flight = Flight()
    flight.send(0, 0.0)
    flight.answer(0, 0.01)
    flight.send(1, 1.0)
    assert not flight.stalled(1.0 + STALL_LEAST_S * 0.9)
    assert flight.stalled(1.0 + STALL_LEAST_S * 1.1)


def test_nothing_out_is_no_stall() -> None:
    flight = Flight()
    assert flight.waited_s(5.0) == 0
    assert not flight.stalled(5.0)
