import { Bars } from "./bars.js";
import { Call } from "./call.js";
import { canvasCamera, WorkerCamera } from "./client/camera.js";
import { hasFrame } from "./client/watch.js";
import { Commands } from "./commands.js";
import { STALE_MS } from "./condition.js";
import { Desk } from "./desk.js";
import { Examination } from "./examination.js";
import { Hold } from "./hold.js";
import { drawIcons, setIcon } from "./icons.js";
import { fillKeys } from "./keys.js";
import { Lamp } from "./lamp.js";
import { clockTime, Language } from "./language.js";
import { LinkPanel } from "./link-panel.js";
import { Marks, whereabouts } from "./marks.js";
import { visits } from "./memory.js";
import { Opening } from "./opening.js";
import { Privacy } from "./privacy.js";
import { Reading } from "./reading.js";
import { openSample, SourceError } from "./sources.js";
import { SignInSheet } from "./sign-in-sheet.js";
import { Sound } from "./sound.js";
import { Stage } from "./stage.js";
import { Status } from "./status.js";
import { Stills } from "./stills.js";
import { Summary } from "./summary.js";
import { Timeline } from "./timeline.js";

/** The state is looked at this often: a person sees no delay in it. */
const TICK_MS = 100;
/** What is read rather than seen is renewed this often. */
const READ_MS = 500;
const TOAST_MS = 2600;

/** The whole of it: brings together the picture, the service, and what the clinician makes of both. */
export class Viewer {
  /** @type {Examination | null} */ examination = null;
  /** @type {Stills | null} */ stills = null;
  /** What the service says of its model. @type {any} */ model = null;
  /** A camera was unplugged, a screen is shared no more. */ sourceLost = false;
  #readMs = -Infinity;
  #pointedMs = -Infinity;
  #ending = new AbortController();
  /** @type {any} */ #toasting;

  /**
   * @param {HTMLElement} host
   * @param {HTMLElement} root
   * @param {object} options
   * @param {string} options.service
   * @param {string | null} options.model
   * @param {string | null} options.language
   * @param {import("./auth.js").Auth} options.auth
   * @param {import("./sign-in.js").SignIn | null} options.signIn null where the page around it signs in
   */
  constructor(host, root, { service, model, language, auth, signIn }) {
    this.host = host;
    this.root = root;
    this.service = service;
    this.auth = auth;
    this.modelName = model;
    this.language = new Language(language ?? visits.get("language") ?? navigator.language);
    this.camera = WorkerCamera.open() ?? canvasCamera;
    const find = (/** @type {string} */ name) =>
      /** @type {HTMLElement} */ (root.querySelector(name));
    this.find = find;
    this.stage = new Stage(root);
    this.marks = new Marks(find(".marks"), this.stage, this.language);
    this.lamp = new Lamp(find(".lamp"), this.language);
    this.call = new Call(find(".call"), this.language);
    this.bars = new Bars(find(".bars"), this.language);
    this.summary = new Summary(find(".figures"), this.language);
    this.timeline = new Timeline(find(".timeline"), this.language);
    this.linkPanel = new LinkPanel(find(".drawer"), this.language);
    this.sound = new Sound();
    this.reading = new Reading(service, auth, model);
    this.hold = new Hold(this);
    this.opening = new Opening(root, this.language);
    this.desk = new Desk(this);
    this.status = new Status(this);
    this.privacy = new Privacy(root, service, this.language);
    drawIcons(root);
    this.who = signIn && new SignInSheet(this, signIn);
    this.commands = new Commands(this, this.#ending.signal);
    this.#listen();
    this.#say();
    this.#examine(null);
    this.timer = setInterval(() => this.#tick(), TICK_MS);
    this.#describe();
    this.privacy.learn();
  }

  /** Show it at work: the rendered sample, unless this browser has opened a source before. */
  begin() {
    this.find(".first").hidden = false;
    if (visits.get("used") === null) this.open(openSample());
  }

  /**
   * Watch a source in place of the one before.
   * @param {import("./sources.js").Source} source
   */
  async open(source) {
    const isSample = source.kind === "sample";
    if (!isSample) visits.set("used", "1");
    // What the new source shows is none of the old one's session.
    this.examination?.stop();
    this.desk.begin();
    this.sourceLost = false;
    this.hold.begin();
    try {
      await this.stage.show(source);
      if (source.files) await this.stage.showStill(0);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.stage.clear();
      this.#empty();
      this.toast(this.language.say(error.key, error.values));
      return;
    }
    for (const track of source.stream?.getTracks() ?? []) {
      track.addEventListener("ended", () => (this.sourceLost = this.stage.source === source));
    }
    this.find(".first").hidden = !isSample;
    this.find(".badge.sample").hidden = !isSample;
    const name = this.find(".badge.name");
    name.hidden = isSample || !source.name;
    name.textContent = source.name;
    this.root.dataset.source = source.kind;
    this.#examine(this.stage);
    this.#sayControls();
  }

  /** Nothing is open. */
  #empty() {
    delete this.root.dataset.source;
    this.find(".first").hidden = false;
    this.find(".badge.sample").hidden = this.find(".badge.name").hidden = true;
    this.#examine(null);
    this.#sayControls();
  }

  close() {
    clearInterval(this.timer);
    this.#ending.abort();
    this.stills?.close();
    this.examination?.close();
    this.who?.signIn.close();
    this.stage.clear();
    this.sound.close();
    this.camera.close?.();
  }

  /** Ask the service again, as whoever is signed in by now. */
  again() {
    this.examination?.stream.again();
    this.#describe();
  }

  /** The time that is shown. */
  get timeS() {
    return this.hold.frozenS ?? this.examination?.timeS ?? 0;
  }

  /**
   * The verdict of what is shown: of a picture that stands still its own, which may be on its way;
   * else the newest, while it is fresh. Another frame's verdict says nothing of this one.
   */
  get shownVerdict() {
    if (this.stage.isHeld) return this.hold.verdict;
    const { newest, ageMs } = /** @type {Examination} */ (this.examination);
    return newest && (ageMs ?? Infinity) <= STALE_MS ? newest.verdict : null;
  }

  /** @param {number} timeS */
  seek(timeS) {
    if (this.stage.isStills) this.hold.turnTo(Math.round(timeS));
    else if (this.stage.isRecorded) this.stage.video.currentTime = Math.max(0, timeS);
  }

  /** Say something that passes. @param {string} text */
  toast(text) {
    const toast = this.find(".toast");
    toast.textContent = text;
    toast.classList.add("on");
    clearTimeout(this.#toasting);
    this.#toasting = setTimeout(() => toast.classList.remove("on"), TOAST_MS);
  }

  /** Tell the page that the viewer is in. @param {string} type @param {any} detail */
  tell(type, detail) {
    this.host.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  /** @param {Stage | null} stage */
  #examine(stage) {
    this.examination?.close();
    this.stills?.close();
    this.stills = null;
    this.marks.clear();
    this.bars.clear();
    const { camera, auth, service, modelName } = this;
    const examination = new Examination(service, { stage, camera, auth, model: modelName });
    this.examination = examination;
    const kind = stage?.isStills ? "stills" : stage?.isRecorded ? "recorded" : "live";
    this.timeline.begin(stage ? examination.session : null, kind);
    const on = (/** @type {string} */ type, /** @type {(detail: any) => void} */ hear) =>
      examination.addEventListener(type, (event) => hear(/** @type {any} */ (event).detail));
    on("ready", (ready) => {
      this.model = ready.model;
      this.language.learn(ready.findings);
      this.bars.learn(ready.findings);
    });
    on("verdict", (message) => this.#judged(message));
    on("alert", (message) => this.#alert(message));
    on("link", ({ connected, code }) => this.who?.hear(connected, code));
    if (stage?.source?.files) {
      this.stills = new Stills(
        stage.source.files,
        new Reading(service, auth, modelName),
        camera,
      );
      this.hold.follow(this.stills);
    }
  }

  async #describe() {
    const described = await this.reading.describe();
    if (!described) return;
    this.bars.model = described;
    this.bars.refresh();
  }

  /** @param {any} message */
  #judged(message) {
    const nowMs = performance.now();
    this.linkPanel.judged(nowMs, message.ageMs);
    if (!this.stage.isHeld) this.#show(message.verdict, message.alerts, nowMs);
    this.tell("endolink-verdict", message);
  }

  /**
   * Show a verdict: every bar, and a mark around each lesion that is pointed at.
   * @param {any} verdict @param {string[]} alerts @param {number} nowMs
   */
  #show(verdict, alerts, nowMs) {
    this.bars.show(verdict.findings, nowMs);
    const { width, height } = verdict.frame;
    const pointed = verdict.findings
      .filter((finding) => finding.kind === "lesion" && finding.box && alerts.includes(finding.code))
      .map(({ code, box: [x0, y0, x1, y1] }) => ({
        code,
        box: [x0 / width, y0 / height, x1 / width, y1 / height],
      }));
    this.marks.show(pointed, nowMs);
    if (pointed.length && nowMs - this.#pointedMs > READ_MS) {
      this.#pointedMs = nowMs;
      this.call.point(this.language.say(`where.${whereabouts(pointed[0].box)}`));
    }
  }

  /** Show what a held picture's own reading says. @param {any} verdict */
  showHeld(verdict) {
    const nowMs = performance.now();
    const present = verdict.findings.filter((finding) => finding.present).map(({ code }) => code);
    this.bars.refresh();
    this.bars.show(verdict.findings, nowMs);
    this.#pointedMs = -Infinity;
    this.marks.clear();
    this.#show(verdict, present, nowMs);
    this.desk.learn(this.timeS, verdict);
  }

  /** @param {any} message */
  #alert(message) {
    if (message.on && message.event && message.kind === "lesion" && hasFrame(this.stage.video)) {
      this.desk.illustrate(message.event, this.stage.video);
    }
    this.tell("endolink-alert", message);
  }

  #tick() {
    const { examination, stage } = this;
    if (!examination) return;
    const nowMs = performance.now();
    const { called } = this.status;
    const isNew = this.call.show(called, nowMs, this.status.quiet);
    if (isNew && !(stage.isHeld && !stage.isLive)) this.sound.play();
    this.find(".edge").classList.toggle("on", this.call.isOn);
    this.status.show(called, nowMs);
    const oldMs = this.status.showAge(nowMs);
    if (!stage.isHeld) this.marks.tick(nowMs);
    if (stage.isHeld && !stage.isLive) this.marks.place();
    this.timeline.at(this.timeS);
    this.linkPanel.show(examination.stream, nowMs, this.model);
    if (nowMs - this.#readMs < READ_MS) return;
    this.#readMs = nowMs;
    const age = oldMs ?? this.linkPanel.usualMs(nowMs);
    this.find(".chip-age").textContent = age === null ? "–" : this.language.age(age);
    this.#read();
  }

  /** What is renewed now and then. */
  #read() {
    const { examination, stage, language } = this;
    if (!examination) return;
    this.timeline.draw(this.desk.snapshots.all.map((snapshot) => snapshot.timeS));
    this.timeline.tell();
    this.summary.show(examination.session, stage.isStills, this.timeS);
    this.desk.show();
    const stills = stage.isStills;
    const total = this.timeline.canSeek ? this.timeline.lengthS : null;
    this.find(".now").textContent = stills ? `${this.timeS + 1}` : clockTime(this.timeS);
    const ofTotal = total === null ? "" : ` / ${stills ? total : clockTime(total)}`;
    this.find(".total").textContent = ofTotal;
    // What is old is not live; how old stands below the picture.
    this.find(".findings-of").textContent =
      !stage.source || this.status.isBehind ? "" : language.say(stage.isHeld ? "panel.this-frame" : "panel.live");
  }

  #listen() {
    const { signal } = this.#ending;
    this.opening.addEventListener("source", (event) => this.open(/** @type {any} */ (event).detail));
    this.opening.addEventListener("failed", (event) => {
      const { key, values } = /** @type {any} */ (event).detail;
      this.toast(this.language.say(key, values));
    });
    this.timeline.addEventListener("seek", (event) => this.seek(/** @type {any} */ (event).detail));
    this.language.addEventListener("change", () => this.#say());
    globalThis.addEventListener(
      "beforeunload",
      (event) => {
        if (this.desk.unsaved) event.preventDefault();
      },
      { signal },
    );
  }

  /** Say everything in the language that was chosen. */
  #say() {
    const { language, root } = this;
    visits.set("language", language.code);
    root.lang = language.tag;
    if (document.body.querySelector(":scope > main > endolink-viewer") === this.host) {
      document.documentElement.lang = language.tag;
    }
    language.fill(root);
    this.privacy.say();
    /** @type {HTMLAnchorElement} */ (this.find(".docs-link")).href = `${this.service}/docs`;
    fillKeys(this.find(".keys"), language);
    this.bars.refresh();
    this.call.refresh();
    this.marks.clear();
    this.#readMs = -Infinity;
    this.#sayControls();
    if (this.find(".report-sheet").hasAttribute("open")) this.desk.report();
  }

  /** What the first button does depends on the source, and on whether it is held. */
  #sayControls() {
    const held = this.stage.isHeld;
    const name = this.stage.isRecorded ? (held ? "play" : "pause") : held ? "resume" : "freeze";
    const button = this.find(".control[data-action=freeze]");
    const text = this.language.say(`action.${name}`);
    /** @type {HTMLElement} */ (button.querySelector("span")).textContent = text;
    button.setAttribute("aria-label", text);
    button.title = `${text} (Space)`;
    setIcon(button, held ? "play" : "freeze");
    /** @type {HTMLButtonElement} */ (button).disabled = this.stage.isStills;
  }

  /** Told by the hold when the picture stops or goes on. */
  held() {
    this.find(".badge.freeze").hidden = !this.stage.frozen;
    this.root.classList.toggle("frozen", this.stage.frozen);
    this.#sayControls();
    this.#readMs = -Infinity;
  }
}
