from dataclasses import replace

from endolink.model.classifier import Classifier
from endolink.model.verdict import Verdict
from endolink.serving.alerting import RULE, Alerting
from endolink.serving.models import Models

FRAME_US = 40_000


def verdict_of(classifier: Classifier, image: bytes, **chances: float) -> Verdict:
    """Take a real verdict, and say otherwise how probable the findings are."""
    (verdict,) = classifier.score([image])
    return replace(
        verdict,
        usable=True,
        findings=tuple(
            replace(finding, probability=chances.get(finding.code, 0.001))
            for finding in verdict.findings
        ),
    )


def test_an_alert_comes_on_is_told_once_and_ends_with_its_peak(models: Models, jpeg: bytes) -> None:
    classifier = models.get()
    alerting = Alerting(classifier)
    shows = verdict_of(classifier, jpeg, polyp=0.99)
    told = [alert for n in range(25) for alert in alerting.judged(n * FRAME_US, shows)]
    (on,) = told
    assert (on.finding, on.kind, on.on, on.start_us) == ("polyp", "lesion", True, None)
    assert (alerting.on, alerting.lesion) == (("polyp",), True)
    nothing = verdict_of(classifier, jpeg)
    told = [alert for n in range(25, 80) for alert in alerting.judged(n * FRAME_US, nothing)]
    (off,) = told
    assert not off.on
    assert off.start_us is not None
    assert off.peak_us is not None
    assert off.start_us <= off.peak_us < on.at_us + 25 * FRAME_US < off.at_us + 25 * FRAME_US
    assert off.peak_probability == 0.99
    assert (alerting.on, alerting.lesion) == ((), False)


def test_a_verdict_of_before_the_last_changes_nothing(models: Models, jpeg: bytes) -> None:
    alerting = Alerting(models.get())
    shows = verdict_of(models.get(), jpeg, polyp=0.99)
    alerting.judged(10 * FRAME_US, shows)
    for _ in range(20):
        assert alerting.judged(5 * FRAME_US, shows) == []


def test_a_silence_ends_alerts_once(models: Models, jpeg: bytes) -> None:
    alerting = Alerting(models.get())
    assert alerting.elapse(1e6) == []
    shows = verdict_of(models.get(), jpeg, cecum=0.99)
    for n in range(25):
        alerting.judged(n * FRAME_US, shows)
    assert alerting.on == ("cecum",)
    assert not alerting.lesion
    assert alerting.elapse(1.0 + RULE.forget_s / 2) == []
    (off,) = alerting.elapse(1.0 + 2 * RULE.forget_s)
    assert (off.finding, off.on) == ("cecum", False)
    assert alerting.elapse(1.0 + 4 * RULE.forget_s) == []
    # What was under way when the end was told comes too late to change it.
    assert alerting.judged(26 * FRAME_US, shows) == []


def test_alerts_go_on_with_another_model(models: Models, jpeg: bytes) -> None:
    alerting = Alerting(models.get())
    for n in range(25):
        alerting.judged(n * FRAME_US, verdict_of(models.get(), jpeg, polyp=0.99))
    assert alerting.adopt(models.get()) == []
    assert alerting.on == ("polyp",)
