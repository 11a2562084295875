import numpy as np
import pytest

from benchmarks.camera import Shot
from benchmarks.emulator import PROFILES, Channel, Way
from benchmarks.link import Freshness


def test_a_packet_takes_its_time_on_the_wire_and_the_delay() -> None:
    channel = Channel(Way(8, 20, 0, 0, 1, 100), seed=1)
    assert channel.arrival(1000, 5.0) == pytest.approx(5.021)
    assert channel.arrival(1000, 5.0) == pytest.approx(5.022)


def test_the_queue_is_bounded() -> None:
    channel = Channel(Way(8, 0, 0, 0, 1, 50), seed=1)
    arrivals = [channel.arrival(1000, 0.0) for _ in range(200)]
    taken = [at for at in arrivals if at is not None]
    assert len(taken) == pytest.approx(51, abs=1)
    assert max(taken) < 0.052


def test_jitter_keeps_the_order() -> None:
    channel = Channel(Way(1000, 10, 8, 0, 1, 100), seed=1)
    arrivals = [channel.arrival(100, number * 0.001) for number in range(2000)]
    times = [at for at in arrivals if at is not None]
    assert times == sorted(times)
    assert np.mean(times) - 0.9995 > 0.018


@pytest.mark.parametrize(("loss", "burst"), [(0.5, 3), (1.2, 2), (5.0, 1)])
def test_losses_come_at_their_rate_and_in_bursts(loss: float, burst: float) -> None:
    channel = Channel(Way(1000, 0, 0, loss, burst, 1000), seed=3)
    lost = np.array([channel.arrival(100, number * 0.001) is None for number in range(200_000)])
    assert lost.mean() * 100 == pytest.approx(loss, rel=0.15)
    begins = np.sum(lost[1:] & ~lost[:-1])
    assert lost.sum() / begins == pytest.approx(burst, rel=0.15)


def test_the_profiles_round_trips_are_those_of_their_sources() -> None:
    trips = {name: profile.round_trip_ms for name, profile in PROFILES.items()}
    assert trips == pytest.approx(
        {"slice": 12, "midband": 28, "loaded": 42, "far": 124, "mmwave": 10.5}
    )


def test_shares_count_what_was_captured_and_recovery_from_the_outages_end() -> None:
    shots = [Shot(number, 50.0) for number in range(8)] + [Shot(8, None), Shot(9, 400.0)]
    got = Freshness.of(shots, [3.5])
    assert got.answered == 0.9
    assert got.fresh == 0.8
    assert got.p50_ms == 50
    assert got.recovery_ms == pytest.approx(550)
    assert Freshness.of([Shot(0, None)], []).answered == 0
