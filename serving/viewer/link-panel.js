/** The link in figures, for whoever wants to know: nothing here is needed to use the viewer. */

const CHART_S = 30;
const USUAL_MS = 2000;
const DROPS = ["superseded", "late", "repeated", "unreadable", "refused", "lost"];

export class LinkPanel {
  /** @type {[number, number][]} */ #ages = [];
  /** @type {[number, number, number][]} */ #counts = [];

  /** @param {HTMLElement} element @param {import("./language.js").Language} language */
  constructor(element, language) {
    this.element = element;
    this.list = /** @type {HTMLElement} */ (element.querySelector(".link-figures"));
    this.chart = /** @type {HTMLCanvasElement} */ (element.querySelector(".ages"));
    this.language = language;
  }

  /** @param {number} nowMs @param {number} ageMs */
  judged(nowMs, ageMs) {
    this.#ages.push([nowMs, ageMs]);
    while (this.#ages[0][0] < nowMs - CHART_S * 1000) this.#ages.shift();
  }

  /** The median age of the last seconds' verdicts; null where there were none. @param {number} nowMs */
  usualMs(nowMs) {
    const ages = this.#ages.filter(([at]) => at > nowMs - USUAL_MS).map(([, age]) => age);
    return ages.length ? ages.sort((a, b) => a - b)[ages.length >> 1] : null;
  }

  /**
   * @param {import("./client/stream.js").EndoLinkStream} stream
   * @param {number} nowMs
   * @param {any} model
   */
  show(stream, nowMs, model) {
    const { statistics, advice } = stream;
    this.#counts.push([nowMs, statistics.judged, statistics.sent]);
    while (this.#counts[0][0] < nowMs - 2500) this.#counts.shift();
    if (this.element.hidden) return;
    const [first, last] = [this.#counts[0], this.#counts[this.#counts.length - 1]];
    const seconds = (last[0] - first[0]) / 1000;
    const rate = (/** @type {1 | 2} */ which) =>
      seconds > 0 ? ((last[which] - first[which]) / seconds).toFixed(1) : "–";
    const { language } = this;
    const say = language.say.bind(language);
    const age = (/** @type {number | null} */ ms) => (ms === null ? "–" : language.age(ms));
    const percentile = (/** @type {number} */ percent) => age(statistics.ageMs(percent));
    const dropped = DROPS.filter((reason) => statistics.dropped[reason]);
    const total = dropped.reduce((sum, reason) => sum + statistics.dropped[reason], 0);
    this.#fill([
      [say("link.age"), age(this.#ages.length ? this.#ages[this.#ages.length - 1][1] : null)],
      [say("link.age-p50"), percentile(50), "part"],
      [say("link.age-p95"), percentile(95), "part"],
      [say("link.fps"), rate(1)],
      [say("link.sent-fps"), rate(2)],
      [say("link.kbit"), `${Math.round(statistics.kbitPerSecond(nowMs))} kbit/s`],
      [say("link.picture"), advice ? say("link.picture-value", advice) : "–"],
      [say("link.window"), String(advice?.window ?? "–")],
      [say("link.judged"), String(statistics.judged)],
      [say("link.dropped"), String(total)],
      ...dropped.map((reason) => [say(`dropped.${reason}`), String(statistics.dropped[reason]), "part"]),
      [say("link.reconnects"), String(statistics.reconnects)],
      [say("link.hedged"), String(statistics.hedged)],
      [say("link.model"), model ? `${model.name} ${model.version}` : "–"],
      [say("link.service"), new URL(stream.address).host],
    ]);
    this.#draw(nowMs);
  }

  /** @param {string[][]} rows */
  #fill(rows) {
    const shown = this.list.children;
    if (shown.length !== rows.length * 2) {
      this.list.replaceChildren(
        ...rows.flatMap(() => [document.createElement("dt"), document.createElement("dd")]),
      );
    }
    rows.forEach(([name, value, kind], number) => {
      const [term, said] = [shown[number * 2], shown[number * 2 + 1]];
      if (term.textContent !== name) term.textContent = name;
      if (said.textContent !== value) said.textContent = value;
      term.classList.toggle("part", kind === "part");
    });
  }

  /** @param {number} nowMs */
  #draw(nowMs) {
    const { chart } = this;
    const ratio = globalThis.devicePixelRatio || 1;
    const [width, height] = [chart.clientWidth * ratio, chart.clientHeight * ratio];
    if (!width) return;
    if (chart.width !== Math.round(width)) chart.width = Math.round(width);
    if (chart.height !== Math.round(height)) chart.height = Math.round(height);
    const context = /** @type {CanvasRenderingContext2D} */ (chart.getContext("2d"));
    context.clearRect(0, 0, width, height);
    const most = Math.max(150, ...this.#ages.map(([, age]) => Math.min(age, 1000)));
    const y = (/** @type {number} */ age) => height - (Math.min(age, most) / most) * (height - 4 * ratio);
    context.strokeStyle = "rgb(255 255 255 / .18)";
    context.lineWidth = ratio;
    context.setLineDash([3 * ratio, 4 * ratio]);
    context.beginPath();
    context.moveTo(0, y(100));
    context.lineTo(width, y(100));
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = "#4fd1c5";
    for (const [at, age] of this.#ages) {
      const x = width * (1 - (nowMs - at) / (CHART_S * 1000));
      context.fillRect(x, y(age), Math.max(1, 1.5 * ratio), height - y(age));
    }
  }
}
