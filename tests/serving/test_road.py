import pytest

from endolink.model.errors import DeadlineExceeded
from endolink.serving.models import Models
from endolink.serving.road import walk
from endolink.serving.turn import Turn
from tests.serving.service import alone


def test_the_road_is_the_bare_one_with_the_wait_in_its_timing(models: Models, jpeg: bytes) -> None:
    classifier = models.get(None)
    turn = Turn("interactive", "", None)
    turn.waited_ms = 12.3456
    verdict = alone(walk(turn, classifier, jpeg, sequence=7))
    (bare,) = classifier.score([jpeg])
    assert verdict.findings == bare.findings
    assert verdict.frame.sequence == 7
    assert verdict.timing_ms.queue == 12.346
    assert verdict.timing_ms.total >= verdict.timing_ms.decode + verdict.timing_ms.inference - 0.01


def test_it_stops_where_the_network_is_asked_and_is_told_why_there_is_no_verdict(
    models: Models, jpeg: bytes
) -> None:
    classifier = models.get(None)
    turn, told = Turn("interactive", "", None), []
    turn.judged = lambda *_: told.append("a verdict")
    road = walk(turn, classifier, jpeg, explain="box")
    ask = next(road)
    assert (ask.classifier, ask.explain) == (classifier, "box")
    with pytest.raises(DeadlineExceeded, match="inference"):
        road.throw(DeadlineExceeded("The deadline passed before inference began."))
    assert not told
