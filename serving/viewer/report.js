import { clockTime } from "./language.js";
import { whereIs } from "./marks.js";
import { figures } from "./summary.js";
import { ON_PAPER, paintCourse } from "./timeline.js";

/**
 * The review as a page of its own: to print, to save as HTML with its pictures inside, or as JSON.
 * It says what the model pointed at and what the reviewer made of it, and is no diagnosis.
 */

/**
 * @typedef {object} Review
 * @property {import("./session.js").Session} session
 * @property {import("./snapshots.js").Snapshot[]} snapshots
 * @property {{kind: string, name: string, group: string}} source
 * @property {any} model name, version, digest
 * @property {boolean} stills
 */

/** @param {string} tag @param {string} [text] @param {Node[]} [children] */
function make(tag, text = "", children = []) {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
}

/** @param {Blob} blob @returns {Promise<string>} */
const dataAddress = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });

/**
 * @param {Review} review
 * @param {import("./language.js").Language} language
 * @returns {Promise<HTMLElement>}
 */
export async function makeReport(review, language) {
  const say = language.say.bind(language);
  const page = make("article");
  page.className = "endolink-report";
  page.lang = language.tag;
  const heading = make("h2", say("report.title"));
  heading.id = "report-heading";
  const lead = make("p", say("report.lead"));
  lead.className = "lead";
  page.append(heading, lead, about(review, language));
  if (!review.stills) page.append(await course(review, language));
  page.append(make("h3", say("report.summary")), summary(review, language));
  page.append(make("h3", say("report.snapshots")));
  if (!review.snapshots.length) page.append(make("p", say("report.none")));
  for (const snapshot of review.snapshots) page.append(await figure(snapshot, review, language));
  page.append(make("h3", say("report.alerts")), alerts(review, language));
  page.append(make("p", say("app.motto")));
  return page;
}

/** @param {Review} review @param {import("./language.js").Language} language */
function about({ source, model }, language) {
  const say = language.say.bind(language);
  const name = source.kind === "sample" ? say("sample.badge") : source.name;
  return terms([
    [say("report.source"), `${name} (${source.group})`],
    [say("report.when"), new Intl.DateTimeFormat(language.tag, { dateStyle: "long", timeStyle: "short" }).format()],
    [say("report.model"), model ? `${model.name} ${model.version}, ${model.digest.slice(0, 19)}` : "–"],
  ]);
}

/** @param {[string, string, string?][]} rows */
function terms(rows) {
  const list = make("dl");
  for (const [name, value, kind] of rows) {
    const term = make("dt", name);
    if (kind) term.className = kind;
    list.append(term, make("dd", value));
  }
  return list;
}

/** @param {Review} review @param {import("./language.js").Language} language */
function summary({ session, stills }, language) {
  return terms(figures(session, language, stills, null));
}

/** @param {Review} review @param {import("./language.js").Language} language */
async function course({ session, snapshots }, language) {
  const [width, height] = [1400, 140];
  const canvas = new OffscreenCanvas(width, height);
  const pen = /** @type {any} */ (canvas.getContext("2d"));
  const lengthS = session.durationS ?? Math.max(1, session.endS);
  paintCourse(pen, session, lengthS, {
    width,
    height,
    ratio: 2,
    snapshotsS: snapshots.map((snapshot) => snapshot.timeS),
    name: language.finding.bind(language),
    colours: ON_PAPER,
  });
  const image = document.createElement("img");
  image.className = "report-course";
  image.alt = `${language.say("report.timeline")}, ${clockTime(lengthS)}`;
  image.src = await dataAddress(await canvas.convertToBlob({ type: "image/png" }));
  const ends = make("p", "", [make("span", clockTime(0)), make("span", clockTime(lengthS))]);
  ends.className = "report-ends";
  return make("div", "", [image, ends]);
}

/** @param {import("./snapshots.js").Snapshot} snapshot @param {Review} review @param {import("./language.js").Language} language */
async function figure(snapshot, { stills }, language) {
  const image = document.createElement("img");
  image.src = await dataAddress(snapshot.picture);
  const time = stills ? `#${snapshot.timeS + 1}` : clockTime(snapshot.timeS);
  const name = snapshot.finding
    ? language.finding(snapshot.finding)
    : language.say("snapshot.no-finding");
  image.alt = `${name}, ${time}`;
  const where = snapshot.finding && snapshot.verdict && whereIs(snapshot.verdict, snapshot.finding);
  const place = where ? `, ${language.say(`where.${where}`)}` : "";
  const caption = make("figcaption", "", [make("strong", `${time}  ${name}${place}`)]);
  if (snapshot.note) caption.append(make("p", snapshot.note));
  if (snapshot.verdict) {
    const chances = snapshot.verdict.findings
      .map(({ code, probability }) => `${language.finding(code)} ${language.percent(probability)}`)
      .join(", ");
    caption.append(make("small", `${language.say("report.probabilities")}: ${chances}`));
  }
  return make("figure", "", [image, caption]);
}

/** @param {Review} review @param {import("./language.js").Language} language */
function alerts({ session, stills }, language) {
  const say = language.say.bind(language);
  if (!session.alerts.length) return make("p", say("report.none"));
  const cells = (/** @type {string} */ tag, /** @type {string[]} */ texts) =>
    make("tr", "", texts.map((text) => make(tag, text)));
  const columns = ["report.time", "report.finding", "report.duration", "report.peak", "report.mark"];
  const rows = session.alerts.map((event) => {
    const machine = event.mark !== "missed";
    return cells("td", [
      stills ? `#${event.alertS + 1}` : clockTime(event.alertS),
      language.finding(event.finding),
      (machine && !stills && lasted(event, session, say("unit.s"))) || "–",
      machine ? language.percent(event.peak) : "–",
      event.mark ? say(`mark.${event.mark}`) : "",
    ]);
  });
  const head = make("thead", "", [cells("th", columns.map((key) => say(key)))]);
  return make("table", "", [head, make("tbody", "", rows)]);
}

/** How long an alert lasted; one that is still on, at least until the newest verdict. */
function lasted({ startS, alertS, endS }, { lastS }, /** @type {string} */ unit) {
  const over = endS !== null;
  const seconds = (over ? endS : lastS) - startS;
  // On a picture that stood still, or after going back, nothing can be said of it.
  if (seconds < 0.05 || (!over && lastS < alertS)) return "";
  return `${over ? "" : "≥ "}${seconds.toFixed(1)} ${unit}`;
}

/** The report as one file, with its style. @param {HTMLElement} page @param {string} style @param {string} title */
export function asHtml(page, style, title) {
  // As text: an element with a style of its own is what this page's policy forbids.
  const head = `<meta charset="utf-8"><title>${title}</title><style>\n${style}</style>`;
  const whole = `<html lang="${page.lang}"><head>${head}</head><body>${page.outerHTML}</body></html>`;
  return new Blob([`<!doctype html>\n${whole}\n`], { type: "text/html" });
}

/** The review as data. @param {Review} review */
export async function asJson({ session, snapshots, source, model, stills }) {
  const known = session.summary();
  const review = {
    note: "It points, the clinician decides. Not a diagnosis.",
    source,
    unit: stills ? "frame" : "second",
    reviewed_at: new Date().toISOString(),
    model,
    summary: {
      examined_s: known.examinedS,
      clear_view_share: known.usableShare,
      preparation: known.preparation.map(({ code, share }) => ({ finding: code, share })),
      landmarks: known.landmarks.map(({ finding, startS }) => ({ finding, reached: startS })),
      alerts: known.alerts,
      right: known.right,
      false_alarms: known.falseAlarms,
      missed: known.missed,
    },
    alerts: session.alerts.map(({ finding, startS, alertS, endS, peak, mark }) => ({
      finding,
      start: startS,
      alert: alertS,
      end: endS,
      peak_probability: mark === "missed" ? null : peak,
      mark,
    })),
    snapshots: await Promise.all(
      snapshots.map(async ({ timeS, finding, note, verdict, takenAt, picture }) => ({
        time: timeS,
        finding,
        note,
        taken_at: takenAt,
        verdict,
        picture: await dataAddress(picture),
      })),
    ),
  };
  return new Blob([JSON.stringify(review, null, 2)], { type: "application/json" });
}
