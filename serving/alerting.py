"""The alerts of one live stream: the temporal rule fed with its verdicts, told as messages."""

from collections.abc import Iterable
from typing import Final

from endolink.model.classifier import Classifier
from endolink.model.temporal import Change, TemporalRule, Watch
from endolink.model.verdict import Verdict
from endolink.serving.wire import Alert

RULE: Final = TemporalRule()


class Alerting:
    """What is known over time of each finding; times are those of the client's own clock."""

    def __init__(self, classifier: Classifier) -> None:
        self._watch = Watch(classifier.thresholds, RULE)
        self._kinds = _kinds(classifier)
        self._watched_s = 0.0

    @property
    def on(self) -> tuple[str, ...]:
        """The findings whose alert is on, in the model's order."""
        present = self._watch.present
        return tuple(code for code in self._kinds if code in present)

    @property
    def lesion(self) -> bool:
        """Whether one of them is a lesion."""
        return any(self._kinds[code] == "lesion" for code in self.on)

    def judged(self, captured_us: int, verdict: Verdict) -> list[Alert]:
        """Take in a verdict; one of before the last, or of before an end that was told, is late."""
        at_s = captured_us / 1e6
        if at_s < self._watched_s:
            return []
        self._watched_s = at_s
        chances = {finding.code: finding.probability for finding in verdict.findings}
        return self._tell(self._watch.update(at_s, chances, usable=verdict.usable))

    def elapse(self, time_s: float) -> list[Alert]:
        """Take in that no frame is on its way at `time_s`; a silence ends alerts."""
        if not 0 < self._watched_s < time_s - RULE.forget_s:
            return []
        self._watched_s = time_s
        return self._tell(self._watch.elapse(time_s))

    def adopt(self, classifier: Classifier) -> list[Alert]:
        """Go on with the verdicts of another model, as `Watch.adopt` says."""
        ended = self._tell(self._watch.adopt(classifier.thresholds))
        self._kinds = _kinds(classifier)
        return ended

    def _tell(self, changes: Iterable[Change]) -> list[Alert]:
        return [
            Alert(
                finding=change.finding,
                kind=self._kinds[change.finding],
                on=change.present,
                at_us=round(change.time_s * 1e6),
                start_us=round(event.start_s * 1e6) if (event := change.event) else None,
                peak_us=round(event.peak_s * 1e6) if event else None,
                peak_probability=event.peak_probability if event else None,
            )
            for change in changes
        ]


def _kinds(classifier: Classifier) -> dict[str, str]:
    return {finding.code: finding.kind for finding in classifier.findings}
