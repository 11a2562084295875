import { drawHeatmap } from "./heatmap.js";
import { clockTime } from "./language.js";

/** After a seek, so long until the picture is asked about: whoever scrubs passes by many. */
const SETTLE_MS = 120;
const AGAIN_MS = 1000;

/**
 * A picture that stands still: a paused recording, a frozen live picture, a still. It is judged by
 * itself, in the best quality that is of use, and the map of where the network looks is laid over
 * it when it is asked for. A picture that moves is never drawn upon: its map is shown beside it.
 */
export class Hold {
  /** The verdict of the picture that is shown; null until there is one. @type {any} */ verdict = null;
  /** The session's time at which a live picture was frozen. @type {number | null} */ frozenS = null;
  /** @type {any} */ #timer;
  #heat = false;

  /** @param {import("./viewer.js").Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.layer = /** @type {HTMLCanvasElement} */ (viewer.find(".heat"));
    const { video } = viewer.stage;
    video.addEventListener("pause", () => {
      if (viewer.stage.isRecorded) this.#stopped();
    });
    video.addEventListener("seeked", () => {
      if (viewer.stage.isRecorded && video.paused) this.#stopped();
    });
    video.addEventListener("play", () => {
      if (viewer.stage.isRecorded) this.#goes();
    });
  }

  /** Begin with another source. */
  begin() {
    this.#goes();
    this.frozenS = null;
  }

  /** Stop the picture, or let it go on. */
  toggle() {
    const { stage } = this.viewer;
    if (stage.isRecorded) {
      if (stage.video.paused) stage.video.play();
      else stage.video.pause();
    } else if (stage.isLive && stage.frozen) {
      stage.unfreeze();
      this.frozenS = null;
      this.#goes();
    } else if (stage.isLive && stage.hasPicture) {
      this.frozenS = this.viewer.timeS;
      stage.freeze();
      this.#stopped();
    }
  }

  /** Take in what is read of a folder. @param {import("./stills.js").Stills} stills */
  follow(stills) {
    const { session } = /** @type {any} */ (this.viewer.examination);
    stills.addEventListener("read", (event) => {
      const { number, verdict } = /** @type {any} */ (event).detail;
      if (verdict) this.#record(session, number, verdict, stills);
      if (number === this.viewer.stage.stillNumber) this.#showStill(number);
    });
  }

  /** Show another still. @param {number} number */
  async turnTo(number) {
    const { stage, stills, toast, language } = this.viewer;
    const last = (stage.source?.files?.length ?? 1) - 1;
    const wanted = Math.min(last, Math.max(0, number));
    stills?.want(wanted);
    this.#clear();
    try {
      await stage.showStill(wanted);
    } catch (error) {
      const { key, values } = /** @type {any} */ (error);
      toast.call(this.viewer, language.say(key, values));
      stage.stillNumber = wanted;
    }
    this.#showStill(wanted);
  }

  /** @param {number} number */
  #showStill(number) {
    const verdict = this.viewer.stills?.verdicts.get(number);
    if (!verdict) return;
    this.verdict = verdict;
    this.viewer.showHeld(verdict);
    if (this.#heat) this.#drawHeat();
  }

  /** A still's findings become events of the session, so that lists and timeline have them. */
  #record(session, number, verdict, stills) {
    session.judged(number, verdict);
    for (const { code, kind, present, probability } of verdict.findings) {
      if (!present || kind === "view-quality") continue;
      const event = session.alertOn(code, kind, number);
      session.alertOff(code, number, { peak: probability });
      if (kind !== "lesion") continue;
      createImageBitmap(stills.files[number], { imageOrientation: "from-image" }).then((bitmap) =>
        this.viewer.desk.illustrate(event, bitmap),
      );
    }
  }

  /** The picture stands still now, or another one does. */
  #stopped() {
    this.#clear();
    this.viewer.held();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#read(), SETTLE_MS);
  }

  #goes() {
    clearTimeout(this.#timer);
    this.viewer.reading.cancel();
    this.#clear();
    this.#setHeat(false);
    this.viewer.held();
  }

  #clear() {
    this.verdict = null;
    this.layer.hidden = true;
    this.viewer.marks.clear();
  }

  async #read() {
    const { viewer } = this;
    if (!viewer.stage.isHeld) return;
    try {
      const explain = this.#heat ? "heatmap" : "box";
      const verdict = await viewer.reading.read(viewer.stage.shown, viewer.camera, explain);
      if (!verdict || !viewer.stage.isHeld) return;
      this.verdict = verdict;
      viewer.showHeld(verdict);
      if (this.#heat) this.#drawHeat();
    } catch {
      // The lamp says that the link is lost; the picture is asked about again when it is back.
      this.#timer = setTimeout(() => this.#read(), AGAIN_MS);
    }
  }

  /** Show or hide where the network looks. */
  toggleHeat() {
    const { stage } = this.viewer;
    if (!stage.hasPicture) return;
    const sheet = /** @type {HTMLDialogElement} */ (this.viewer.find(".heat-sheet"));
    if (sheet.open) {
      sheet.close();
      return;
    }
    if (!stage.isHeld) {
      this.#beside();
      return;
    }
    this.#setHeat(!this.#heat);
    if (this.#heat) this.#drawHeat();
    else this.layer.hidden = true;
  }

  /** @param {boolean} on */
  #setHeat(on) {
    this.#heat = on;
    this.viewer.find(".control[data-action=heat]").setAttribute("aria-pressed", String(on));
  }

  /** Over the picture that stands still. */
  async #drawHeat() {
    const { viewer, layer } = this;
    const { width, height } = viewer.stage.size;
    const map = await this.#map(viewer.stage.shown, width, height);
    if (!map || !this.#heat || !viewer.stage.isHeld) return;
    layer.width = width;
    layer.height = height;
    layer.getContext("2d")?.drawImage(map.canvas, 0, 0);
    layer.hidden = false;
  }

  /** Beside the picture that goes on: a copy of the frame, with its map. */
  async #beside() {
    const { viewer } = this;
    const sheet = /** @type {HTMLDialogElement} */ (viewer.find(".heat-sheet"));
    const canvas = /** @type {HTMLCanvasElement} */ (viewer.find(".heat-picture"));
    const says = viewer.find(".heat-says");
    const { width, height } = viewer.stage.size;
    const timeS = viewer.timeS;
    canvas.width = width;
    canvas.height = height;
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    pen.drawImage(viewer.stage.shown, 0, 0, width, height);
    const { language } = viewer;
    says.textContent = "";
    canvas.setAttribute("aria-label", language.say("heat.title"));
    sheet.show();
    const map = await this.#map(canvas, width, height);
    if (!map) return;
    pen.drawImage(map.canvas, 0, 0);
    const values = { finding: language.finding(map.code), time: clockTime(timeS) };
    says.textContent = language.say("heat.of", values);
  }

  /** The map of the likeliest finding that is present; null, and said why, where there is none. */
  async #map(picture, width, height) {
    const { viewer } = this;
    const { language } = viewer;
    try {
      const verdict = await viewer.reading.read(picture, viewer.camera, "heatmap");
      if (!verdict) return null;
      const lesionsFirst = (/** @type {any} */ map) =>
        verdict.findings.find((finding) => finding.code === map.code)?.kind === "lesion" ? 0 : 1;
      const maps = [...verdict.heatmaps].sort((a, b) => lesionsFirst(a) - lesionsFirst(b));
      if (!maps.length) {
        this.#saysHeat(language.say("heat.none"));
        return null;
      }
      return { code: maps[0].code, canvas: await drawHeatmap(maps[0], verdict.frame, width, height) };
    } catch (error) {
      const detail = /** @type {Error} */ (error).message;
      this.#saysHeat(language.say("heat.failed", { detail }));
      return null;
    }
  }

  /** @param {string} text */
  #saysHeat(text) {
    if (this.viewer.find(".heat-sheet").hasAttribute("open")) {
      this.viewer.find(".heat-says").textContent = text;
    } else {
      this.viewer.toast(text);
    }
  }
}
