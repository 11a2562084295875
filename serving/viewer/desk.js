import { pack, rows, save } from "./labels.js";
import { Lists } from "./lists.js";
import { asHtml, asJson, makeReport } from "./report.js";
import { Snapshots, suggestion } from "./snapshots.js";

/** An alert may be marked for so long after it, or before it on a recording. */
const MARK_WITHIN_S = 10;
const THUMBNAIL_SIDE = 144;

/** What the reviewer makes of it all: marks, snapshots, the report and its exports. */
export class Desk {
  /** Whether anything would be lost with the page. */
  unsaved = false;

  /** @param {import("./viewer.js").Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    const { root, language } = viewer;
    this.snapshots = new Snapshots();
    this.lists = new Lists(root, language);
    this.missedSheet = /** @type {HTMLDialogElement} */ (root.querySelector(".missed-sheet"));
    this.sheet = /** @type {HTMLDialogElement} */ (root.querySelector(".report-sheet"));
    this.lists.addEventListener("go", (event) => viewer.seek(/** @type {any} */ (event).detail));
    this.lists.addEventListener("mark", (event) => {
      const { event: alert, mark } = /** @type {any} */ (event).detail;
      this.mark(alert, mark);
    });
    this.lists.addEventListener("remove", (event) => {
      this.snapshots.remove(/** @type {any} */ (event).detail);
      this.show();
    });
    this.lists.addEventListener("edit", () => (this.unsaved = true));
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-export]"))) {
      button.addEventListener("click", () => this.export(button.dataset.export ?? ""));
    }
  }

  /** Begin with another source. */
  begin() {
    for (const event of this.session?.events ?? []) URL.revokeObjectURL(event.thumbnail ?? "");
    this.snapshots.clear();
    this.lists.clear();
    this.lists.select(0);
    this.unsaved = false;
  }

  get session() {
    return this.viewer.examination?.session;
  }

  /** The two lists, as they are now. */
  show() {
    const { viewer, session } = this;
    if (!session) return;
    this.lists.show(session.alerts, this.snapshots.all, {
      canSeek: viewer.timeline.canSeek,
      stills: viewer.stage.isStills,
      codes: session.findings.map((finding) => finding.code),
    });
  }

  /** Keep the picture of an alert: for its card, and for the labels. @param {any} event @param {any} picture */
  async illustrate(event, picture) {
    if (event.picture) return;
    const { camera } = this.viewer;
    const jpeg = (/** @type {number} */ side, /** @type {number} */ quality) => {
      const shot = camera.capture(picture, side);
      return camera.encode(shot, quality).then((bytes) => new Blob([bytes], { type: "image/jpeg" }));
    };
    // Both are taken at once, before the picture goes on.
    const [small, whole] = [jpeg(THUMBNAIL_SIDE, 80), jpeg(Infinity, 92)];
    event.thumbnail = URL.createObjectURL(await small);
    event.picture = await whole;
    this.show();
  }

  /** @param {any} event @param {"right" | "false-alarm" | "missed" | null} mark */
  mark(event, mark) {
    const { session, viewer } = this;
    if (!session) return;
    if (event.mark === "missed" && mark === null) {
      session.events.splice(session.events.indexOf(event), 1);
    } else {
      event.mark = mark;
    }
    this.unsaved = true;
    const { language } = viewer;
    const what = mark && `${language.say(`mark.${mark}`)}: ${language.finding(event.finding)}`;
    viewer.toast(what ? language.say("mark.noted", { what }) : language.say("mark.undo"));
    this.show();
  }

  /** Mark the alert that is meant now: the one that is on, or the nearest. @param {"right" | "false-alarm"} mark */
  markNearest(mark) {
    const { viewer, session } = this;
    const timeS = viewer.timeS;
    const alerts = (session?.alerts ?? []).filter((event) => event.mark !== "missed");
    const away = (/** @type {any} */ event) =>
      event.endS === null ? 0 : Math.min(Math.abs(event.alertS - timeS), Math.abs(event.endS - timeS));
    const within = viewer.stage.isStills ? 0 : MARK_WITHIN_S;
    const near = alerts.filter((event) => away(event) <= within).sort((a, b) => away(a) - away(b));
    if (near.length) this.mark(near[0], mark);
    else viewer.toast(viewer.language.say("mark.nothing"));
  }

  /** Note that a finding was missed; ask which, where the model knows several. */
  missed() {
    const { viewer, session } = this;
    if (!session || !viewer.stage.hasPicture) {
      viewer.toast(viewer.language.say("snapshot.nothing"));
      return;
    }
    const lesions = session.findings.filter((finding) => finding.kind === "lesion");
    const timeS = viewer.timeS;
    // What was missed is what is shown now, not what is there when the choice was made.
    const taken = viewer.stage.grab(viewer.camera);
    const note = async (/** @type {any} */ finding) => {
      const event = session.missed(finding.code, finding.kind, timeS);
      this.mark(event, "missed");
      event.picture = await taken;
      event.thumbnail = URL.createObjectURL(event.picture);
      this.show();
    };
    if (lesions.length === 1) {
      note(lesions[0]);
      return;
    }
    const choices = lesions.map((finding) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "choice";
      button.textContent = viewer.language.finding(finding.code);
      button.addEventListener("click", () => {
        this.missedSheet.close();
        note(finding);
      });
      return button;
    });
    this.missedSheet.querySelector(".missed-choices")?.replaceChildren(...choices);
    this.missedSheet.showModal();
  }

  /** Keep what is shown. */
  async snapshot() {
    const { viewer } = this;
    if (!viewer.stage.hasPicture) {
      viewer.toast(viewer.language.say("snapshot.nothing"));
      return null;
    }
    const taken = viewer.stage.grab(viewer.camera);
    // Whoever scrubs and keeps a picture means the one that is on its way.
    if (viewer.stage.video.seeking) await taken;
    const timeS = viewer.timeS;
    const shown = viewer.shownVerdict;
    const picture = await taken;
    // A held picture's verdict may have come while the picture was encoded.
    const held = viewer.stage.isHeld && viewer.timeS === timeS;
    const verdict = shown ?? (held ? viewer.shownVerdict : null);
    const snapshot = this.snapshots.add({ timeS, finding: suggestion(verdict), picture, verdict });
    this.unsaved = true;
    this.lists.select(1);
    this.show();
    viewer.toast(viewer.language.say("snapshot.taken"));
    viewer.tell("endolink-snapshot", { timeS, finding: snapshot.finding, picture });
    return snapshot;
  }

  /** A held picture's verdict came: of those that were kept before it did, too. @param {number} timeS @param {any} verdict */
  learn(timeS, verdict) {
    for (const snapshot of this.snapshots.all) {
      if (snapshot.timeS !== timeS || snapshot.verdict) continue;
      snapshot.verdict = verdict;
      if (!snapshot.chosen) snapshot.finding = suggestion(verdict);
    }
  }

  async note() {
    const newest = this.snapshots.all.at(-1) ?? (await this.snapshot());
    if (newest) this.lists.editNote(newest);
  }

  get review() {
    const { viewer } = this;
    const { source } = viewer.stage;
    return {
      session: /** @type {import("./session.js").Session} */ (this.session),
      snapshots: this.snapshots.all,
      source: { kind: source?.kind ?? "", name: source?.name ?? "", group: source?.group ?? "" },
      model: viewer.model,
      stills: viewer.stage.isStills,
    };
  }

  /** Show the report. */
  async report() {
    if (!this.session) return;
    const { language } = this.viewer;
    const page = await makeReport(this.review, language);
    this.sheet.querySelector(".report-page")?.replaceChildren(page);
    const labelled = rows(this.session.events, this.review.source.group).length;
    const button = /** @type {HTMLButtonElement} */ (this.sheet.querySelector("[data-export=labels]"));
    button.disabled = labelled === 0;
    const hint = /** @type {HTMLElement} */ (this.sheet.querySelector(".labels-hint"));
    hint.textContent = language.say(labelled ? "report.labels-hint" : "report.no-labels");
    if (!this.sheet.open) this.sheet.showModal();
  }

  /** @param {string} kind */
  async export(kind) {
    const page = /** @type {HTMLElement | null} */ (this.sheet.querySelector(".endolink-report"));
    if (!page || !this.session) return;
    const stamp = new Date().toISOString().slice(0, 16).replace(/[-:]/g, "");
    const name = `endolink-review-${stamp}`;
    if (kind === "print") {
      this.#print(page);
      return;
    }
    if (kind === "html") {
      const style = await (await fetch(new URL("./report.css", import.meta.url))).text();
      save(asHtml(page, style, this.viewer.language.say("report.title")), `${name}.html`);
    } else if (kind === "json") {
      save(await asJson(this.review), `${name}.json`);
    } else {
      const { group } = this.review.source;
      save(await pack(rows(this.session.events, group)), `endolink-labels-${group}.zip`);
    }
    this.unsaved = false;
  }

  /** The report alone is printed: a copy of it stands beside the page for as long as that takes. */
  #print(page) {
    const copy = document.createElement("div");
    copy.className = "endolink-print";
    copy.append(page.cloneNode(true));
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = new URL("./report.css", import.meta.url).href;
    sheet.onload = () => {
      document.documentElement.classList.add("endolink-printing");
      globalThis.print();
    };
    globalThis.addEventListener(
      "afterprint",
      () => {
        document.documentElement.classList.remove("endolink-printing");
        copy.remove();
        sheet.remove();
      },
      { once: true },
    );
    document.body.append(copy);
    document.head.append(sheet);
  }

  /** Where the reviewer is taken by the keys for the last and the next alert. @param {number} way -1 or 1 */
  neighbour(way) {
    const timeS = this.viewer.timeS;
    const times = (this.session?.alerts ?? []).map((event) => event.startS);
    const beyond = times.filter((time) => (way < 0 ? time < timeS - 0.5 : time > timeS + 0.1));
    return (way < 0 ? beyond.at(-1) : beyond[0]) ?? null;
  }

}
