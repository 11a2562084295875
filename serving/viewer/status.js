import { condition, OLD_MS, STALE_MS } from "./condition.js";

/** How it all is, as the page shows it: the lamp, what is pointed at, and how old that is. */
export class Status {
  #state = "";

  /** @param {import("./viewer.js").Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.badge = viewer.find(".badge.stale");
  }

  /** Whether a recording or a still is looked at that stands still. */
  get #isHeld() {
    const { stage } = this.viewer;
    return stage.isHeld && !stage.isLive;
  }

  /** Whether a moving picture goes on without anything being said of it. */
  get isBehind() {
    const { examination, stage } = this.viewer;
    return !stage.isHeld && (examination?.ageMs ?? 0) > STALE_MS;
  }

  /** The lesions that are pointed at now. @returns {string[]} */
  get called() {
    const { examination, stage, hold } = this.viewer;
    if (!examination || !stage.source) return [];
    const isLesion = (/** @type {string} */ code) =>
      examination.session.findings.some((known) => known.code === code && known.kind === "lesion");
    if (this.#isHeld) {
      const findings = hold.verdict?.findings ?? [];
      return findings.filter(({ code, present }) => present && isLesion(code)).map(({ code }) => code);
    }
    // Without fresh verdicts nothing is known to be there.
    if (!examination.stream.connected || (examination.ageMs ?? Infinity) > STALE_MS) return [];
    return examination.alerts.filter(isLesion);
  }

  /** What to say where nothing is pointed at. */
  get quiet() {
    const { language, stage, shownVerdict } = this.viewer;
    if (!stage.source) return language.say("panel.idle");
    const verdict = shownVerdict;
    if (!verdict) return this.isBehind ? language.say("panel.none-now") : "";
    if (!verdict.familiar) return language.say("panel.unfamiliar");
    if (verdict.reasons.includes("over-exposed")) return language.say("panel.over-exposed");
    return language.say("panel.nothing");
  }

  /** Say the state, and why. @param {string[]} called @param {number} nowMs */
  show(called, nowMs) {
    const { examination, stage, language, lamp, root } = this.viewer;
    if (!examination) return;
    const total = stage.source?.files?.length ?? 0;
    const still = { number: stage.stillNumber + 1, total, read: this.viewer.hold.verdict !== null };
    const how = condition({
      source: stage.isStills ? "stills" : stage.isLive ? "live" : stage.source ? "recorded" : "none",
      lost: this.viewer.sourceLost,
      held: stage.isRecorded && stage.video.paused,
      ended: stage.video.ended,
      everConnected: examination.everConnected,
      connected: examination.stream.connected,
      refusal: examination.refusal,
      fault: examination.fault,
      server: examination.server,
      ageMs: examination.ageMs,
      offeredMs: nowMs - examination.offeredMs,
      found: called.length > 0,
      still: stage.isStills ? still : null,
    });
    let reason = "";
    if (how.state === "alert") {
      const names = called.length ? called : examination.alerts;
      reason = names.map((code) => language.finding(code)).join(" · ");
    } else if (how.reason) {
      const detail = examination.fault?.detail ?? "";
      reason = language.say(`reason.${how.reason}`, { ...still, detail });
    }
    lamp.show(how.state, reason);
    root.dataset.state = how.state;
    if (how.state === this.#state) return;
    this.#state = how.state;
    this.viewer.tell("endolink-state", how);
  }

  /**
   * Say how old the newest verdict is: an old one fades, and then is gone from the picture.
   * @param {number} nowMs
   * @returns {number | null} the age, in milliseconds, where it is too old to be shown as current
   */
  showAge(nowMs) {
    const { examination, stage, hold, language, root, marks } = this.viewer;
    const ageMs = examination?.ageMs ?? null;
    const counts = ageMs !== null && stage.source && !this.#isHeld;
    const stale = counts && ageMs > STALE_MS;
    // A frozen picture's own verdict is of what is shown, however long it stands.
    const own = stage.frozen && hold.verdict !== null;
    root.classList.toggle("aging", Boolean(counts && !own && ageMs > OLD_MS));
    root.classList.toggle("stale", Boolean(stale));
    this.badge.hidden = !stale;
    if (!stale) return null;
    const said = /** @type {HTMLElement} */ (this.badge.querySelector("span"));
    said.textContent = language.say("panel.stale", { age: language.age(ageMs) });
    if (!stage.frozen) marks.clear();
    return ageMs;
  }
}
