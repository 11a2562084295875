import { en } from "./locale-en.js";
import { zh } from "./locale-zh.js";

const TEXTS = { en, zh };
/** How pages name the languages. */
const TAGS = { en: "en", zh: "zh-Hans" };

/** What the viewer says, in the language that was chosen; dispatches `change`. */
export class Language extends EventTarget {
  /** @type {"en" | "zh"} */ #code;
  /** @type {Map<string, any>} */ #findings = new Map();

  /** @param {string | null | undefined} wanted a language tag; others than Chinese give English */
  constructor(wanted) {
    super();
    this.#code = /^zh\b/i.test(wanted ?? "") ? "zh" : "en";
  }

  get code() {
    return this.#code;
  }

  /** For the `lang` attribute. */
  get tag() {
    return TAGS[this.#code];
  }

  switch() {
    this.#code = this.#code === "en" ? "zh" : "en";
    this.dispatchEvent(new Event("change"));
  }

  /**
   * Learn what the service calls its findings.
   * @param {{code: string, label: string, labels?: Record<string, string>}[]} findings
   */
  learn(findings) {
    for (const finding of findings) this.#findings.set(finding.code, finding);
  }

  /** A finding's name. @param {string} code */
  finding(code) {
    const known = this.#findings.get(code);
    const name = known?.labels?.[this.#code] ?? known?.label ?? code;
    // A range of scores is not broken over two lines.
    return name.replace(/(\d)-(?=\d)/g, "$1\u2011");
  }

  /**
   * @param {string} key
   * @param {Record<string, string | number>} [values] for the places in braces
   * @returns {string}
   */
  say(key, values = {}) {
    const text = TEXTS[this.#code][key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
  }

  /** Whether there is a text of this name. @param {string} key */
  has(key) {
    return key in TEXTS[this.#code];
  }

  /** Fill in the texts below `root` that are marked with `data-text` and `data-label`. */
  fill(root) {
    for (const element of root.querySelectorAll("[data-text]")) {
      element.textContent = this.say(element.dataset.text);
    }
    for (const element of root.querySelectorAll("[data-label]")) {
      const text = this.say(element.dataset.label);
      element.setAttribute("aria-label", text);
      const key = element.dataset.key;
      element.title = key ? `${text} (${key})` : text;
    }
  }

  /** A share as a percentage. @param {number} share 0 to 1 */
  percent(share) {
    return new Intl.NumberFormat(this.tag, { style: "percent" }).format(share);
  }

  /** An age for people: milliseconds below a second, seconds above. @param {number} ms */
  age(ms) {
    if (ms < 1000) return `${Math.round(ms)} ${this.say("unit.ms")}`;
    return `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} ${this.say("unit.s")}`;
  }
}

/** A time in a recording, as in `1:04` or `1:02:07`. @param {number} seconds */
export function clockTime(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
