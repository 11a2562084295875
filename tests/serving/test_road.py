import threading

import pytest

from endolink.model.errors import Abandoned, DeadlineExceeded
from endolink.serving.models import Models
from endolink.serving.road import walk
from endolink.serving.scheduler import Turn
from tests.serving.service import picture


def test_the_road_is_the_bare_one_with_the_wait_in_its_timing(models: Models, jpeg: bytes) -> None:
    classifier = models.get(None)
    turn = Turn("interactive", "", None)
    turn.waited_ms = 12.3456
    verdict = walk(turn, classifier, jpeg, sequence=7)
    (bare,) = classifier.score([jpeg])
    assert verdict.findings == bare.findings
    assert verdict.frame.sequence == 7
    assert verdict.timing_ms.queue == 12.346
    assert verdict.timing_ms.total >= verdict.timing_ms.decode + verdict.timing_ms.inference - 0.01


def test_the_network_is_not_run_for_nobody_nor_too_late(
    models: Models, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = models.get(None)
    ran = threading.Event()
    monkeypatch.setattr(classifier, "judge", lambda *_, **__: ran.set())
    gone = Turn("interactive", "", None)
    gone.abandoned = True
    with pytest.raises(Abandoned):
        walk(gone, classifier, jpeg)
    with pytest.raises(DeadlineExceeded, match="inference"):
        walk(Turn("interactive", "", 0.0), classifier, picture("PNG"))
    assert not ran.is_set()
