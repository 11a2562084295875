import { clockTime } from "./language.js";

/** The session in figures: how long, how much of it in clear view, how clean, what was reached. */
export class Summary {
  #shown = "";

  /** @param {HTMLElement} list @param {import("./language.js").Language} language */
  constructor(list, language) {
    this.list = list;
    this.language = language;
  }

  /** @param {import("./session.js").Session} session @param {boolean} stills @param {number} nowS */
  show(session, stills, nowS) {
    const rows = figures(session, this.language, stills, nowS);
    const shown = JSON.stringify(rows);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.list.replaceChildren(
      ...rows.flatMap(([name, value, kind]) => {
        const [term, said] = [document.createElement("dt"), document.createElement("dd")];
        term.textContent = name;
        said.textContent = value;
        if (kind) term.className = kind;
        return [term, said];
      }),
    );
  }
}

/**
 * Names and values, for the panel and for the report.
 * @param {import("./session.js").Session} session
 * @param {import("./language.js").Language} language
 * @param {boolean} stills
 * @param {number | null} nowS the time that is shown; null where all is over
 * @returns {[string, string, string?][]}
 */
export function figures(session, language, stills, nowS) {
  const known = session.summary();
  const say = language.say.bind(language);
  /** @type {[string, string, string?][]} */
  const rows = [];
  if (!stills) rows.push([say("session.examined"), clockTime(known.examinedS)]);
  const clear = known.usableShare;
  rows.push([say("session.in-view"), clear === null ? "–" : language.percent(clear)]);
  for (const landmark of known.landmarks) {
    const name = language.finding(landmark.finding);
    const reached = stills ? `#${landmark.startS + 1}` : clockTime(landmark.startS);
    rows.push([say("session.reached", { landmark: name }), reached]);
    const sinceS = (nowS ?? session.endS) - landmark.startS;
    if (!stills && sinceS > 0) rows.push([say("session.since", { landmark: name }), clockTime(sinceS)]);
  }
  const seen = known.preparation.filter(({ share }) => share !== null && share >= 0.005);
  if (known.preparation.length) {
    rows.push([say("session.preparation"), seen.length ? "" : say("session.none")]);
  }
  for (const { code, share } of seen) {
    rows.push([language.finding(code), language.percent(/** @type {number} */ (share)), "part"]);
  }
  rows.push([say("session.alerts"), String(known.alerts)]);
  if (known.falseAlarms) rows.push([say("mark.false-alarm"), String(known.falseAlarms)]);
  if (known.missed) rows.push([say("mark.missed"), String(known.missed)]);
  return rows;
}
