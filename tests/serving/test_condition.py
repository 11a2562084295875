from endolink.serving.condition import (
    FAILURES,
    OLD_S,
    PAUSE_AFTER_S,
    RECOVERED_AFTER_S,
    RESTING_S,
    RESUME_AFTER_S,
    SILENT_S,
    Gauge,
)

STEP = 0.04


class Film:
    """Frames at 25 a second into a gauge."""

    def __init__(self) -> None:
        self.gauge = Gauge()
        self.now = 0.0

    def judge(self, seconds: float, *reasons: str, age: float = 0.05) -> None:
        for _ in range(max(1, round(seconds / STEP))):
            self.now += STEP
            self.gauge.heard(self.now)
            self.gauge.judged(self.now, age, reasons)
            self.read()

    def drop(self, frames: int) -> None:
        for _ in range(frames):
            self.now += STEP
            self.gauge.heard(self.now)
            self.gauge.dropped(self.now)

    def read(self, *, alert: bool = False) -> tuple[str, str | None]:
        return self.gauge.read(self.now, alert=alert)


def test_a_stream_is_ready_then_watching_then_at_rest() -> None:
    film = Film()
    assert film.read() == ("ready", None)
    film.judge(1)
    assert film.read() == ("watching", None)
    film.now += RESTING_S + 0.1
    film.gauge.heard(film.now)  # pongs go on
    assert film.read() == ("ready", None)


def test_darkness_pauses_after_a_while_and_light_resumes() -> None:
    film = Film()
    film.judge(1)
    film.judge(PAUSE_AFTER_S - 0.1, "dark")
    assert film.read() == ("watching", None)
    film.judge(0.2, "dark")
    assert film.read() == ("paused", "dark")
    film.judge(STEP)
    assert film.read() == ("paused", "dark")
    film.judge(RESUME_AFTER_S + STEP)
    assert film.read() == ("watching", None)


def test_the_reason_of_a_pause_follows_the_picture() -> None:
    film = Film()
    film.judge(PAUSE_AFTER_S + 0.1, "blurred")
    assert film.read() == ("paused", "blurred")
    film.judge(STEP, "over-exposed", "out-of-body")
    assert film.read() == ("paused", "out-of-body")


def test_over_exposure_does_not_pause() -> None:
    film = Film()
    film.judge(2, "over-exposed")
    assert film.read() == ("watching", None)


def test_old_verdicts_degrade_the_link_and_fresh_ones_heal_it_after_a_while() -> None:
    film = Film()
    film.judge(1)
    film.judge(1.5, age=OLD_S + 0.1)
    assert film.read() == ("degraded", "old")
    film.judge(1.0 + RECOVERED_AFTER_S / 2)  # half of what is looked back at is fresh again
    assert film.read()[0] == "degraded"
    film.judge(RECOVERED_AFTER_S)
    assert film.read() == ("watching", None)


def test_one_old_verdict_changes_nothing() -> None:
    film = Film()
    film.judge(1)
    film.judge(STEP, age=2.0)
    assert film.read() == ("watching", None)


def test_many_drops_degrade_the_link() -> None:
    film = Film()
    film.judge(0.4)
    film.drop(30)
    assert film.read() == ("degraded", "dropping")


def test_silence_degrades_the_link() -> None:
    film = Film()
    film.judge(1)
    film.now += SILENT_S + 0.1
    assert film.read() == ("degraded", "silent")


def test_frames_that_cannot_be_judged_are_an_error_until_one_can() -> None:
    film = Film()
    film.judge(1)
    for _ in range(FAILURES):
        film.gauge.failed(film.now)
    assert film.read() == ("error", "failing")
    film.judge(STEP)
    assert film.read() == ("watching", None)


def test_nothing_outranks_an_alert() -> None:
    film = Film()
    film.judge(2, "dark", age=OLD_S + 1)
    for _ in range(FAILURES):
        film.gauge.failed(film.now)
    assert film.read(alert=True) == ("alert", None)
