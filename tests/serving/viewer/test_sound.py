"""The sound at an alert, as it leaves the page: what is heard, and how often."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.serving.service import Running
from tests.serving.viewer.conftest import Viewer, fresh

pytestmark = pytest.mark.program("chromium")

NOTES_HZ = (660, 830)
# What goes to the loudspeaker goes to an analyser as well, which is read while it sounds; and each
# note that is begun is counted.
EAR = """
globalThis.heard = { begun: [], loudest: 0, tones: [] };
const begin = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...at) {
  heard.begun.push(this.frequency.value);
  return begin.apply(this, at);
};
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...more) {
  if (to === this.context.destination) connect.call(this, listen(this.context));
  return connect.call(this, to, ...more);
};
const ears = new WeakMap();
function listen(context) {
  if (ears.has(context)) return ears.get(context);
  const ear = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
  ears.set(context, ear);
  const [wave, tones] = [new Float32Array(ear.fftSize), new Float32Array(ear.frequencyBinCount)];
  setInterval(() => {
    ear.getFloatTimeDomainData(wave);
    const loudest = wave.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    heard.loudest = Math.max(heard.loudest, loudest);
    if (loudest < 0.02) return;
    ear.getFloatFrequencyData(tones);
    const peak = tones.indexOf(Math.max(...tones));
    heard.tones.push((peak * context.sampleRate) / ear.fftSize);
  }, 20);
  return ear;
}
"""


BOTH_HEARD = "notes => notes.every(note => heard.tones.some(tone => Math.abs(tone - note) < 20))"


def _begun(page: Page) -> list[int]:
    return [round(hz) for hz in page.evaluate("heard.begun")]


def _alert(viewer: Viewer) -> None:
    """Have an alert come, and go again."""
    viewer.polyp()
    expect(viewer.page.locator(".call")).to_have_attribute("data-on", "true")
    viewer.call("viewer.stage.video.currentTime = 0.5")
    viewer.wait("!viewer.call.isOn")


def test_an_alert_sounds_once_and_only_where_it_was_asked_for(
    browser: Browser, sensitive: Running
) -> None:
    with fresh(browser, sensitive.url) as viewer:
        page = viewer.page
        page.add_init_script(EAR)
        viewer.open(sample=True)
        _alert(viewer)
        assert _begun(page) == [], "it sounds before it was asked to"
        button = page.get_by_role("button", name="Sound")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        # It shows how it sounds: again and again, for on a busy machine an ear misses something.
        page.wait_for_function("heard.begun.length === 2")
        for _ in range(20):
            page.wait_for_timeout(600)
            if page.evaluate(BOTH_HEARD, [*NOTES_HZ]):
                break
            button.click(click_count=2)
        assert page.evaluate(BOTH_HEARD, [*NOTES_HZ])
        assert 0.05 < page.evaluate("heard.loudest") < 0.25, "it cannot be heard, or startles"
        page.evaluate("heard.begun = []")
        alerts = "return viewer.examination.session.alerts.length"
        for number in (1, 2):
            _alert(viewer)
            assert _begun(page) == [*NOTES_HZ] * number, viewer.call(alerts)
        # A picture that was stopped by hand is looked at already.
        viewer.polyp()
        page.get_by_role("button", name="Pause", exact=True).click()
        viewer.wait("viewer.hold.verdict !== null")
        before = len(_begun(page))
        viewer.call("viewer.seek(0.5)")
        viewer.wait("viewer.hold.verdict !== null && !viewer.call.isOn")
        viewer.call("viewer.seek(4.6)")
        viewer.wait("viewer.call.isOn")
        assert len(_begun(page)) == before
        button.click()
        expect(button).to_have_attribute("aria-pressed", "false")
        page.get_by_role("button", name="Play", exact=True).click()
        _alert(viewer)
        assert len(_begun(page)) == before, "it sounds although it was switched off"


def test_a_sound_that_would_come_late_does_not_come(viewer: Viewer) -> None:
    page = viewer.page
    page.add_init_script(EAR)
    # A browser that lets nobody sound until somebody clicks: resuming waits for that.
    page.add_init_script(
        """globalThis.clicked = null;
        Object.defineProperty(AudioContext.prototype, "state", { get: () => "suspended" });
        AudioContext.prototype.resume = () => new Promise((done) => { globalThis.clicked = done; });
        """
    )
    viewer.open()
    viewer.state("ready")
    page.keyboard.press("a")
    page.wait_for_function("globalThis.clicked !== null")
    page.evaluate("clicked()")
    page.wait_for_function("heard.begun.length === 2")
    page.evaluate("clicked = null")
    viewer.call("viewer.sound.play()")
    page.wait_for_function("globalThis.clicked !== null")
    page.wait_for_timeout(700)
    page.evaluate("clicked()")
    page.wait_for_timeout(100)
    assert len(_begun(page)) == 2
