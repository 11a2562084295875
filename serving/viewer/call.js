/**
 * The alert's own place, beside the picture: said once when it comes, shown as long as it is on,
 * and never for less than a second.
 */
const LEAST_MS = 1000;

export class Call {
  #sinceMs = -Infinity;
  #codes = "";
  #pointed = "";

  /** @param {HTMLElement} element @param {import("./language.js").Language} language */
  constructor(element, language) {
    this.element = element;
    this.language = language;
    this.word = /** @type {HTMLElement} */ (element.querySelector(".call-word"));
    this.where = /** @type {HTMLElement} */ (element.querySelector(".call-where"));
    this.quiet = /** @type {HTMLElement} */ (element.querySelector(".call-quiet"));
  }

  get isOn() {
    return this.#codes !== "";
  }

  /**
   * @param {string[]} codes the lesions that are pointed at
   * @param {number} nowMs
   * @param {string} quiet what to say where there is none
   * @returns {boolean} whether a finding came that was not there before
   */
  show(codes, nowMs, quiet) {
    const before = this.#codes ? this.#codes.split(" ") : [];
    let isNew = false;
    if (codes.length) {
      isNew = codes.some((code) => !before.includes(code));
      if (isNew) this.#sinceMs = nowMs;
      this.#set(codes);
    } else if (before.length && nowMs - this.#sinceMs >= LEAST_MS) {
      this.#set([]);
    }
    if (!this.isOn && this.quiet.textContent !== quiet) this.quiet.textContent = quiet;
    return isNew;
  }

  /** Say where; often, and quietly. @param {string} text */
  point(text) {
    this.#pointed = text;
    if (this.isOn && this.where.textContent !== text) this.where.textContent = text;
  }

  /** Say the same in another language. */
  refresh() {
    const codes = this.#codes;
    this.#codes = "\n";
    this.#set(codes ? codes.split(" ") : []);
  }

  /** @param {string[]} codes */
  #set(codes) {
    const joined = codes.join(" ");
    if (joined === this.#codes) return;
    this.#codes = joined;
    this.element.dataset.on = String(codes.length > 0);
    this.word.textContent = codes.map((code) => this.language.finding(code)).join(" · ");
    if (codes.length) this.quiet.textContent = "";
    this.where.textContent = codes.length ? this.#pointed : "";
  }
}
