import { clockTime } from "./language.js";

/**
 * The course of a session: how likely a lesion was, alerts, landmarks, how good the view was; and
 * on a recorded source, where it is. A slider for the keyboard and for screen readers.
 *
 * Dispatches `seek` with a time in seconds.
 */

/** A live timeline is at least this long, so that its first seconds are not stretched. */
const LIVE_LEAST_S = 120;
/** The height of text for which the course's marks have their plain size. */
const TEXT_PX = 15;
/** The strip at the foot: how clean the bowel is, where the model says so. */
const PREPARATION = { "bbps-2-3": "#3fa796", "bbps-0-1": "#b58a3a", "impacted-stool": "#b0744f" };
const ON_DARK = {
  lesion: "#ffc247",
  landmark: "#9db8ff",
  intervention: "#9db8ff",
  usable: "#2c7a76",
  unusable: "#59636b",
  curve: "rgb(255 194 71 / .35)",
  threshold: "rgb(255 255 255 / .25)",
  snapshot: "#e8eff1",
  wrong: "#ff8f8f",
};
/** The same on white: a report is read by daylight, and printed. */
export const ON_PAPER = {
  ...ON_DARK,
  lesion: "#b37100",
  landmark: "#3f5fbf",
  intervention: "#3f5fbf",
  unusable: "#8b969c",
  curve: "rgb(224 154 0 / .35)",
  threshold: "rgb(0 0 0 / .4)",
  snapshot: "#14191c",
  wrong: "#c2262e",
};

export class Timeline extends EventTarget {
  #still = 0;

  /** @param {HTMLElement} element @param {import("./language.js").Language} language */
  constructor(element, language) {
    super();
    this.element = element;
    this.language = language;
    this.canvas = /** @type {HTMLCanvasElement} */ (element.querySelector("canvas"));
    this.head = /** @type {HTMLElement} */ (element.querySelector(".playhead"));
    /** @type {import("./session.js").Session | null} */ this.session = null;
    this.mode = /** @type {"live" | "recorded" | "stills"} */ ("live");
    this.#follow();
  }

  /** How many seconds, or stills, the whole width is. */
  get lengthS() {
    if (!this.session) return LIVE_LEAST_S;
    return this.session.durationS ?? Math.max(LIVE_LEAST_S, this.session.endS * 1.05);
  }

  get canSeek() {
    return this.mode !== "live" && this.session !== null;
  }

  /**
   * @param {import("./session.js").Session | null} session
   * @param {"live" | "recorded" | "stills"} mode
   */
  begin(session, mode) {
    this.session = session;
    this.mode = mode;
    this.element.classList.toggle("can-seek", this.canSeek);
    this.element.setAttribute("aria-disabled", String(!this.canSeek));
  }

  /** Where it is now; cheap, for every frame. @param {number} timeS */
  at(timeS) {
    const shift = this.mode === "stills" ? 0.5 : 0;
    const share = Math.min(1, (timeS + shift) / this.lengthS);
    this.head.style.transform = `translateX(${share * this.element.clientWidth}px)`;
    this.#still = timeS;
  }

  /** Tell screen readers; a few times a second at most. */
  tell() {
    const { element, language } = this;
    const total = Math.max(0, this.lengthS);
    element.setAttribute("aria-valuemax", total.toFixed(1));
    element.setAttribute("aria-valuenow", Math.min(total, this.#still).toFixed(1));
    element.setAttribute("aria-valuetext", this.words(this.#still));
    element.lang = language.tag;
  }

  /** @param {number} timeS */
  words(timeS) {
    const { language } = this;
    if (this.mode === "live") return language.say("timeline.live", { time: clockTime(timeS) });
    if (this.mode === "recorded") {
      const values = { time: clockTime(timeS), total: clockTime(this.lengthS) };
      return language.say("timeline.position", values);
    }
    const found = this.session?.events.find((event) => event.startS === timeS);
    return language.say("timeline.still", {
      number: timeS + 1,
      total: this.lengthS,
      finding: found ? language.finding(found.finding) : language.say("timeline.none"),
    });
  }

  /** Draw all of it; a few times a second. @param {number[]} snapshotsS */
  draw(snapshotsS) {
    const { canvas, session } = this;
    const density = globalThis.devicePixelRatio || 1;
    const [width, height] = [this.element.clientWidth * density, this.element.clientHeight * density];
    if (!width || !height) return;
    // Its marks grow with the text around them.
    const ratio = (density * parseFloat(getComputedStyle(this.element).fontSize)) / TEXT_PX;
    if (canvas.width !== Math.round(width)) canvas.width = Math.round(width);
    if (canvas.height !== Math.round(height)) canvas.height = Math.round(height);
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    pen.clearRect(0, 0, width, height);
    const name = this.language.finding.bind(this.language);
    if (session) paintCourse(pen, session, this.lengthS, { width, height, ratio, snapshotsS, name });
  }

  #follow() {
    const seekTo = (/** @type {PointerEvent} */ event) => {
      const { left, width } = this.element.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
      const timeS = this.mode === "stills" ? Math.floor(share * this.lengthS) : share * this.lengthS;
      this.dispatchEvent(new CustomEvent("seek", { detail: Math.min(timeS, this.#lastS) }));
    };
    this.element.addEventListener("pointerdown", (event) => {
      if (!this.canSeek) return;
      this.element.setPointerCapture(event.pointerId);
      seekTo(event);
    });
    this.element.addEventListener("pointermove", (event) => {
      if (this.canSeek && this.element.hasPointerCapture(event.pointerId)) seekTo(event);
    });
  }

  get #lastS() {
    return this.mode === "stills" ? this.lengthS - 1 : Math.max(0, this.lengthS - 0.05);
  }
}

/**
 * Paint a session's course, for the page and for the report.
 * @param {CanvasRenderingContext2D} pen
 * @param {import("./session.js").Session} session
 * @param {number} lengthS
 * @param {object} place
 * @param {number} place.width in pixels
 * @param {number} place.height
 * @param {number} place.ratio pixels to a plain one
 * @param {number[]} place.snapshotsS
 * @param {(code: string) => string} place.name what a finding is called
 * @param {typeof ON_DARK} [place.colours]
 */
export function paintCourse(pen, session, lengthS, place) {
  const { width, height, ratio, snapshotsS, name, colours = ON_DARK } = place;
  const x = (/** @type {number} */ timeS) => (timeS / lengthS) * width;
  const strip = Math.round(7 * ratio);
  const top = Math.round(14 * ratio);
  const floor = height - strip - 3 * ratio;
  const lesions = session.findings.flatMap((finding, at) => (finding.kind === "lesion" ? [at] : []));
  const step = Math.max(1, (session.bucketS / lengthS) * width);
  for (const [index, bucket] of session.buckets) {
    const left = x(index * session.bucketS);
    const share = bucket.seenS > 0 ? bucket.usableS / bucket.seenS : 1;
    pen.fillStyle = share < 0.5 ? colours.unusable : preparation(session, bucket, colours);
    pen.fillRect(left, height - strip, step + 0.5, strip);
    const peak = Math.max(0, ...lesions.map((at) => bucket.peak[at]));
    pen.fillStyle = colours.curve;
    pen.fillRect(left, floor - peak * (floor - top), step + 0.5, peak * (floor - top));
  }
  paintThreshold(pen, session, { width, top, floor, ratio, colours });
  for (const event of session.events) {
    if (event.kind === "view-quality") continue;
    const left = x(event.startS);
    const begunAnew = session.lastS < event.alertS - 1;
    const endS = event.endS ?? (begunAnew ? session.endS : Math.max(event.alertS, session.lastS));
    pen.fillStyle = colours[/** @type {"lesion"} */ (event.kind)] ?? colours.landmark;
    if (event.kind === "landmark") {
      flag(pen, left, top - 12 * ratio, floor, ratio);
    } else {
      const right = session.bucketS === 1 && session.durationS ? left + step : x(endS);
      pen.globalAlpha = event.mark === "false-alarm" ? 0.35 : 1;
      pen.fillRect(left, top - 9 * ratio, Math.max(4 * ratio, right - left), 7 * ratio);
      pen.globalAlpha = 1;
      pen.fillStyle = colours.wrong;
      if (event.mark === "missed") cross(pen, left, top - 5.5 * ratio, ratio);
    }
  }
  pen.fillStyle = colours.landmark;
  pen.font = `600 ${12 * ratio}px system-ui, sans-serif`;
  for (const { finding, startS } of session.landmarks) {
    const [left, text] = [x(startS) + 5 * ratio, name(finding)];
    const room = width - left - pen.measureText(text).width;
    pen.fillText(text, left + Math.min(0, room), top + 12 * ratio);
  }
  pen.fillStyle = colours.snapshot;
  for (const timeS of snapshotsS) diamond(pen, x(timeS), floor - 4 * ratio, 4.5 * ratio);
}

/** The strip's colour: the view-quality finding that was seen longest, or just that it is clear. */
function preparation(session, bucket, colours) {
  let best = colours.usable;
  let most = 0;
  session.findings.forEach((finding, at) => {
    if (finding.kind === "view-quality" && bucket.presentS[at] > most) {
      most = bucket.presentS[at];
      best = PREPARATION[/** @type {"bbps-2-3"} */ (finding.code)] ?? colours.usable;
    }
  });
  return best;
}

function paintThreshold(pen, session, { width, top, floor, ratio, colours }) {
  const lesion = session.findings.find((finding) => finding.kind === "lesion");
  if (!lesion) return;
  const y = Math.round(floor - lesion.threshold * (floor - top));
  pen.strokeStyle = colours.threshold;
  pen.lineWidth = ratio;
  pen.setLineDash([2 * ratio, 4 * ratio]);
  pen.beginPath();
  pen.moveTo(0, y);
  pen.lineTo(width, y);
  pen.stroke();
  pen.setLineDash([]);
}

function flag(pen, x, y, floor, ratio) {
  pen.fillRect(x, y, 1.5 * ratio, floor - y);
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x + 10 * ratio, y + 4 * ratio);
  pen.lineTo(x, y + 8 * ratio);
  pen.fill();
}

function cross(pen, x, y, ratio) {
  pen.fillRect(x - 1 * ratio, y - 5 * ratio, 2 * ratio, 10 * ratio);
  pen.fillRect(x - 5 * ratio, y - 1 * ratio, 10 * ratio, 2 * ratio);
}

function diamond(pen, x, y, size) {
  pen.beginPath();
  pen.moveTo(x, y - size);
  pen.lineTo(x + size, y);
  pen.lineTo(x, y + size);
  pen.lineTo(x - size, y);
  pen.fill();
}
