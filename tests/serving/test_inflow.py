from endolink.serving.inflow import ABOVE, Inflow

SERVED = 100.0  # a second


def _ask(inflow: Inflow, rate: float, seconds: float, start_s: float = 0.0) -> list[bool]:
    told = []
    for number in range(round(rate * seconds)):
        inflow.ask("greedy", start_s + number / rate, SERVED)
        told.append(inflow.flood)
    return told


def test_a_burst_is_no_flood() -> None:
    inflow = Inflow(32)
    for _ in range(32):
        inflow.ask("", 0.0, SERVED)
    assert not inflow.flood
    inflow.ask("", 1.0, SERVED)
    assert not inflow.flood


def test_whoever_asks_as_often_as_is_served_may_go_on_for_ever() -> None:
    assert not any(_ask(Inflow(32), SERVED * (ABOVE - 0.1), 60))


def test_a_flood_is_told_soon_and_ends_soon() -> None:
    inflow = Inflow(32)
    told = _ask(inflow, 4 * SERVED, 2)
    assert not told[0]
    assert told.index(True) / (4 * SERVED) < 0.2
    assert all(told[told.index(True) :])
    after = _ask(inflow, SERVED / 2, 1, start_s=2.0)
    assert False in after[: round(0.4 * SERVED / 2)]
    assert not after[-1]


def test_in_a_flood_it_is_known_who_asks_for_more_than_a_share() -> None:
    inflow = Inflow(32)
    _ask(inflow, 4 * SERVED, 2)
    for number in range(5):
        inflow.ask("modest", 2 + number / 5, SERVED)
        _ask(inflow, 4 * SERVED, 0.2, 2 + number / 5)
    assert inflow.flood
    assert inflow.modest("modest")
    assert not inflow.modest("greedy")


def test_many_who_each_ask_for_too_much_are_all_greedy_until_they_stop() -> None:
    inflow = Inflow(32)
    for number in range(800):
        inflow.ask(f"{number % 64}", number / 400, SERVED)
    assert not any(inflow.modest(f"{number}") for number in range(64))
    inflow.ask("0", 60.0, SERVED)
    assert inflow.modest("0")
