/**
 * Corner brackets around what the assistant points at. They lie above the picture and never in it,
 * glide to where the next verdict has them, and go by themselves where none comes.
 */

/** So long a mark outlives the last verdict that had its box: one odd frame makes no flicker. */
const KEEP_MS = 400;
/** And so long its fading takes, as in the style sheet. */
const FADE_MS = 250;

export class Marks {
  /** @type {Map<string, {element: HTMLElement, box: number[], atMs: number}>} */ #shown = new Map();

  /**
   * @param {HTMLElement} layer
   * @param {import("./stage.js").Stage} stage
   * @param {import("./language.js").Language} language
   */
  constructor(layer, stage, language) {
    this.layer = layer;
    this.stage = stage;
    this.language = language;
    stage.addEventListener("resize", () => this.place());
  }

  /**
   * @param {{code: string, box: number[]}[]} findings boxes in shares of the picture, 0 to 1
   * @param {number} nowMs
   */
  show(findings, nowMs) {
    for (const { code, box } of findings) {
      let mark = this.#shown.get(code);
      if (!mark) {
        mark = { element: this.#make(code), box, atMs: nowMs };
        this.#shown.set(code, mark);
      }
      Object.assign(mark, { box, atMs: nowMs });
      mark.element.classList.remove("going");
    }
    this.tick(nowMs);
    // One needs no name: it stands beside the picture, and would only lie on tissue.
    this.layer.classList.toggle("several", this.#shown.size > 1);
    this.place();
  }

  /** Let go of what is over. @param {number} nowMs */
  tick(nowMs) {
    for (const [code, mark] of this.#shown) {
      if (nowMs - mark.atMs > KEEP_MS) this.#remove(code, mark.element);
    }
  }

  clear() {
    for (const [code, mark] of this.#shown) this.#remove(code, mark.element);
  }

  get codes() {
    return [...this.#shown.keys()];
  }

  /** Put every mark where its box is on the screen. */
  place() {
    if (!this.#shown.size) return;
    const at = this.stage.box;
    for (const { element, box } of this.#shown.values()) {
      const [x0, y0, x1, y1] = box;
      element.style.transform = `translate(${at.x + x0 * at.width}px, ${at.y + y0 * at.height}px)`;
      element.style.width = `${(x1 - x0) * at.width}px`;
      element.style.height = `${(y1 - y0) * at.height}px`;
      element.classList.toggle("below", y0 * at.height < 30);
      // Only now: it does not glide in from a corner.
      if (!element.parentNode) this.layer.append(element);
    }
  }

  /** @param {string} code */
  #make(code) {
    const element = document.createElement("div");
    element.className = "mark";
    element.dataset.finding = code;
    for (const corner of ["nw", "ne", "sw", "se"]) {
      const piece = document.createElement("i");
      piece.className = corner;
      element.append(piece);
    }
    const name = document.createElement("span");
    name.textContent = this.language.finding(code);
    element.append(name);
    return element;
  }

  /** @param {string} code @param {HTMLElement} element */
  #remove(code, element) {
    this.#shown.delete(code);
    element.classList.add("going");
    setTimeout(() => element.remove(), FADE_MS);
  }
}

/**
 * Where in a verdict's frame a finding is; null where it does not say.
 * @param {any} verdict @param {string} code
 */
export function whereIs(verdict, code) {
  const box = verdict.findings.find((finding) => finding.code === code)?.box;
  if (!box) return null;
  const { width, height } = verdict.frame;
  const [x0, y0, x1, y1] = box;
  return whereabouts([x0 / width, y0 / height, x1 / width, y1 / height]);
}

const COLUMNS = ["left", "", "right"];
const ROWS = ["upper", "", "lower"];

/** Which ninth of the picture a box's middle is in. @param {number[]} box in shares of the picture */
export function whereabouts([x0, y0, x1, y1]) {
  const third = (/** @type {number} */ share) => Math.min(2, Math.max(0, Math.floor(share * 3)));
  const row = ROWS[third((y0 + y1) / 2)];
  const column = COLUMNS[third((x0 + x1) / 2)];
  return [row, column].filter(Boolean).join("-") || "centre";
}
