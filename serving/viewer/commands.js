import { setIcon } from "./icons.js";
import { actionOf } from "./keys.js";

const SEEK_S = 5;
const STEP_S = 1 / 25;

/** What buttons and keys do. */
export class Commands {
  /** Whether single letters are keys. */
  singleKeys = true;

  /** @param {import("./viewer.js").Viewer} viewer @param {AbortSignal} signal when it is over */
  constructor(viewer, signal) {
    this.viewer = viewer;
    const { root } = viewer;
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (
      root.querySelectorAll("[data-action]")
    )) {
      button.addEventListener("click", () => this.act(button.dataset.action ?? ""));
    }
    const keys = /** @type {HTMLInputElement} */ (viewer.find(".switch input"));
    keys.addEventListener("change", () => (this.singleKeys = keys.checked));
    document.addEventListener("keydown", (event) => this.#key(event), { signal });
    for (const sheet of root.querySelectorAll("dialog")) {
      // Opened by a key there is nothing to give the focus back to: it must not stay in here.
      sheet.addEventListener("close", () => {
        const { activeElement } = /** @type {ShadowRoot} */ (root.getRootNode());
        if (activeElement && sheet.contains(activeElement)) {
          /** @type {HTMLElement} */ (activeElement).blur();
        }
      });
    }
    setIcon(viewer.find("[data-action=sound]"), "sound-off");
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // Beside other things on a page it has the keys while it has the focus.
    const alone = document.activeElement === document.body || document.activeElement === null;
    if (!alone && document.activeElement !== this.viewer.host) return;
    if (this.viewer.root.querySelector("dialog:modal")) return;
    if (event.key === "Escape" && this.#closeBeside()) return;
    const action = actionOf(event, this.singleKeys);
    if (!action) return;
    event.preventDefault();
    this.act(action);
  }

  /** @param {string} action */
  act(action) {
    const { viewer } = this;
    const { stage, desk, timeline } = viewer;
    const step = (/** @type {number} */ way, /** @type {number} */ seconds) => {
      if (timeline.canSeek) viewer.seek(viewer.timeS + way * (stage.isStills ? 1 : seconds));
    };
    const toAlert = (/** @type {number} */ way) => {
      const timeS = desk.neighbour(way);
      if (timeS !== null && timeline.canSeek) viewer.seek(timeS);
    };
    /** @type {Record<string, () => void>} */
    const actions = {
      freeze: () => viewer.hold.toggle(),
      snapshot: () => desk.snapshot(),
      note: () => desk.note(),
      right: () => desk.markNearest("right"),
      "false-alarm": () => desk.markNearest("false-alarm"),
      missed: () => desk.missed(),
      heat: () => viewer.hold.toggleHeat(),
      back: () => step(-1, SEEK_S),
      on: () => step(1, SEEK_S),
      "step-back": () => step(-1, STEP_S),
      step: () => step(1, STEP_S),
      "last-alert": () => toAlert(-1),
      "next-alert": () => toAlert(1),
      open: () => viewer.opening.show(),
      report: () => desk.report(),
      link: () => this.#toggleLink(),
      sound: () => this.#toggleSound(),
      language: () => viewer.language.switch(),
      who: () => viewer.who?.show(),
      fullscreen: () => this.#toggleFullscreen(),
      help: () => /** @type {HTMLDialogElement} */ (viewer.find(".help-sheet")).showModal(),
    };
    actions[action]?.();
  }

  /** Close what stands beside the picture; says whether anything did. */
  #closeBeside() {
    const sheet = /** @type {HTMLDialogElement} */ (this.viewer.find(".heat-sheet"));
    const drawer = this.viewer.find(".drawer");
    if (sheet.open) sheet.close();
    else if (!drawer.hidden) this.#toggleLink();
    else return false;
    return true;
  }

  #toggleLink() {
    const drawer = this.viewer.find(".drawer");
    drawer.hidden = !drawer.hidden;
    this.viewer.find(".chip").setAttribute("aria-expanded", String(!drawer.hidden));
  }

  #toggleSound() {
    this.viewer.sound.switch(!this.viewer.sound.on);
    const button = this.viewer.find("[data-action=sound]");
    button.setAttribute("aria-pressed", String(this.viewer.sound.on));
    setIcon(button, this.viewer.sound.on ? "sound-on" : "sound-off");
  }

  #toggleFullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.viewer.host.requestFullscreen?.().catch(() => {});
  }
}
