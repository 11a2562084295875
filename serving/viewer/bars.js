/**
 * Every finding with its probability as a bar, and its operating point as a tick on it. Numbers
 * change a few times a second, so that they can be read; bars as often as an eye follows them.
 */
const READABLE_MS = 250;
const VISIBLE_MS = 80;

export class Bars {
  /** @type {Map<string, any>} */ #rows = new Map();
  #saidMs = -Infinity;
  #drawnMs = -Infinity;
  #kinds = "";

  /** @param {HTMLElement} list @param {import("./language.js").Language} language */
  constructor(list, language) {
    this.list = list;
    this.language = language;
    /** @type {any} */ this.model = null;
  }

  /** Make the rows for what the model knows. @param {any[]} findings */
  learn(findings) {
    const kinds = findings.map(({ code, threshold }) => `${code} ${threshold}`).join();
    if (kinds === this.#kinds) return;
    this.#kinds = kinds;
    this.#rows.clear();
    this.list.replaceChildren();
    for (const finding of findings) {
      const row = document.createElement("li");
      row.className = "bar";
      row.dataset.kind = finding.kind;
      row.dataset.finding = finding.code;
      row.innerHTML =
        '<span class="bar-name"></span><span class="bar-value"></span>' +
        '<span class="bar-track"><span class="bar-fill"></span><span class="bar-tick"></span></span>';
      const [name, value, track] = /** @type {HTMLElement[]} */ ([...row.children]);
      const [fill, tick] = /** @type {HTMLElement[]} */ ([...track.children]);
      tick.style.left = `${finding.threshold * 100}%`;
      this.list.append(row);
      this.#rows.set(finding.code, { row, name, value, fill, finding, present: null, text: "" });
    }
    this.refresh();
  }

  /** Say the names again: another language, or the model's own figures came. */
  refresh() {
    const { language } = this;
    for (const [code, { row, name, finding }] of this.#rows) {
      name.textContent = language.finding(code);
      const about = [language.say("panel.threshold", { percent: language.percent(finding.threshold) })];
      const measured = this.model?.findings.find((known) => known.code === code);
      if (measured) {
        about.push(
          language.say("panel.measured", {
            sensitivity: language.percent(measured.sensitivity),
            specificity: language.percent(measured.specificity),
          }),
        );
      }
      row.title = about.join("\n");
    }
    this.#saidMs = this.#drawnMs = -Infinity;
  }

  /** @param {any[]} findings of a verdict @param {number} nowMs */
  show(findings, nowMs) {
    if (nowMs - this.#drawnMs < VISIBLE_MS) return;
    this.#drawnMs = nowMs;
    const say = nowMs - this.#saidMs >= READABLE_MS;
    if (say) this.#saidMs = nowMs;
    for (const finding of findings) {
      const shown = this.#rows.get(finding.code);
      if (!shown) continue;
      shown.fill.style.transform = `scaleX(${finding.probability.toFixed(3)})`;
      if (shown.present !== finding.present) {
        shown.present = finding.present;
        shown.row.classList.toggle("present", finding.present);
      }
      if (!say) continue;
      const text = this.language.percent(finding.probability);
      if (text !== shown.text) shown.value.textContent = shown.text = text;
    }
  }

  clear() {
    for (const shown of this.#rows.values()) {
      shown.fill.style.transform = "scaleX(0)";
      shown.row.classList.remove("present");
      shown.present = null;
      shown.value.textContent = shown.text = "";
    }
  }
}
