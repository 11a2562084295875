/**
 * What is known of one source: what was judged when, the alerts, the marks. It knows nothing of the
 * page. Times are in seconds: of the recording, of the live session, or a still's number.
 */

/** No frame stands for more than this long: what was not looked at is not counted. */
const MOST_BETWEEN_S = 0.5;
/** A step back by more is another pass, which is told anew. */
const BACK_S = 0.3;
/** So many alerts are kept; each has its picture. */
const MOST_EVENTS = 200;
/** Grades of one scale, each with a threshold of its own: a frame may pass two, a bowel has one. */
const PREPARATION = new Set(["bbps-2-3", "bbps-0-1", "impacted-stool"]);

/**
 * @typedef {object} Event
 * @property {number} id
 * @property {string} finding
 * @property {string} kind
 * @property {number} startS
 * @property {number} alertS when the alert came on
 * @property {number | null} endS null while it is on
 * @property {number} peak the highest probability so far
 * @property {"right" | "false-alarm" | "missed" | null} mark what the clinician said of it
 * @property {number} pass
 * @property {any} [picture] the frame at the alert
 */

/** One stretch of the timeline. */
export class Bucket {
  pass = -1;
  seenS = 0;
  usableS = 0;
  /** @type {number[]} */ peak;
  /** @type {number[]} */ presentS;

  /** @param {number} findings how many the model knows */
  constructor(findings) {
    this.peak = new Array(findings).fill(0);
    this.presentS = new Array(findings).fill(0);
  }

  /** @param {number} pass */
  begin(pass) {
    this.pass = pass;
    this.seenS = this.usableS = 0;
    this.peak.fill(0);
    this.presentS.fill(0);
  }

  /** @param {any} verdict @param {number} seconds that it stands for */
  count(verdict, seconds) {
    this.seenS += seconds;
    if (verdict.usable) this.usableS += seconds;
    const grade = likeliestGrade(verdict);
    verdict.findings.forEach((finding, number) => {
      this.peak[number] = Math.max(this.peak[number], finding.probability);
      if (!finding.present || !verdict.usable) return;
      if (!PREPARATION.has(finding.code) || finding === grade) this.presentS[number] += seconds;
    });
  }
}

/** @param {any} verdict */
function likeliestGrade(verdict) {
  const grades = verdict.findings.filter((f) => f.present && PREPARATION.has(f.code));
  return grades.reduce((best, f) => (best && best.probability >= f.probability ? best : f), null);
}

export class Session {
  /** @type {{code: string, kind: string, threshold: number}[]} */ findings = [];
  /** @type {Map<number, Bucket>} */ buckets = new Map();
  /** @type {Event[]} */ events = [];
  #pass = 0;
  #lastS = -Infinity;
  #number = 1;

  /** @param {number | null} durationS of a recording; null for a live session */
  constructor(durationS = null) {
    this.durationS = durationS;
    // Fine enough for a short clip, and a few thousand for a long examination.
    this.bucketS = durationS === null ? 1 : Math.max(0.1, durationS / 1000);
  }

  /** The time of the newest verdict. */
  get lastS() {
    return Math.max(0, this.#lastS);
  }

  /** Up to when anything is known. */
  get endS() {
    return this.durationS ?? Math.max(0, this.#lastS);
  }

  /** Take in a verdict. @param {number} timeS @param {any} verdict */
  judged(timeS, verdict) {
    if (!this.findings.length) this.learn(verdict.findings);
    if (timeS < this.#lastS - BACK_S) this.#pass += 1;
    // It stands for the time since the one before, as far as that was looked at.
    const apart = timeS - this.#lastS;
    const sinceS = apart > 0 ? timeS - Math.min(apart, MOST_BETWEEN_S) : timeS;
    this.#lastS = timeS;
    const last = Math.floor(timeS / this.bucketS);
    for (let index = Math.max(0, Math.floor(sinceS / this.bucketS)); index <= last; index++) {
      const from = Math.max(sinceS, index * this.bucketS);
      const seconds = Math.max(0, Math.min(timeS, (index + 1) * this.bucketS) - from);
      if (seconds > 0 || index === last) this.#bucket(index).count(verdict, seconds);
    }
    for (const event of this.events) {
      if (event.endS !== null) continue;
      const now = verdict.findings.find((finding) => finding.code === event.finding);
      event.peak = Math.max(event.peak, now?.probability ?? 0);
    }
  }

  /** @param {number} index */
  #bucket(index) {
    let bucket = this.buckets.get(index);
    if (!bucket) this.buckets.set(index, (bucket = new Bucket(this.findings.length)));
    if (bucket.pass !== this.#pass) bucket.begin(this.#pass);
    return bucket;
  }

  /** Take in what the model knows. @param {{code: string, kind: string, threshold: number}[]} findings */
  learn(findings) {
    const codes = (/** @type {{code: string}[]} */ known) => known.map(({ code }) => code).join();
    // Another model's findings: what was counted does not fit them.
    if (codes(findings) !== codes(this.findings)) this.buckets.clear();
    this.findings = findings.map(({ code, kind, threshold }) => ({ code, kind, threshold }));
  }

  /**
   * An alert came on. In a further pass over the same stretch it takes the place of the one before,
   * and keeps its mark.
   * @param {string} finding @param {string} kind @param {number} timeS
   * @param {number} [startS] the first frame of the rise
   * @returns {Event}
   */
  alertOn(finding, kind, timeS, startS = timeS) {
    const before = this.events.find(
      (event) =>
        event.finding === finding &&
        event.mark !== "missed" &&
        event.pass !== this.#pass &&
        timeS >= event.startS - BACK_S &&
        timeS <= (event.endS ?? event.alertS) + BACK_S,
    );
    if (before) {
      Object.assign(before, { pass: this.#pass, endS: null, alertS: Math.min(before.alertS, timeS) });
      return before;
    }
    return this.#add(finding, kind, timeS, startS);
  }

  /** @returns {Event} */
  #add(/** @type {string} */ finding, /** @type {string} */ kind, timeS = 0, startS = timeS) {
    /** @type {Event} */
    const event = {
      id: this.#number++,
      finding,
      kind,
      startS,
      alertS: timeS,
      endS: null,
      peak: 0,
      mark: null,
      pass: this.#pass,
    };
    this.events.push(event);
    if (this.events.length > MOST_EVENTS) {
      const unmarked = this.events.findIndex((old) => !old.mark && old.endS !== null);
      this.events.splice(Math.max(0, unmarked), 1);
    }
    return event;
  }

  /**
   * An alert went off.
   * @param {string} finding @param {number} timeS
   * @param {{startS?: number, peak?: number}} [known]
   */
  alertOff(finding, timeS, { startS, peak } = {}) {
    const event = this.events.findLast(
      (open) => open.finding === finding && open.endS === null && open.mark !== "missed",
    );
    if (!event) return;
    // A recording that began anew meanwhile has no later time to give.
    event.endS = timeS >= event.alertS ? timeS : Math.max(event.alertS, this.#before(event));
    if (startS !== undefined && startS <= event.alertS) event.startS = Math.min(event.startS, startS);
    event.peak = Math.max(event.peak, peak ?? 0);
  }

  #before(event) {
    return this.durationS !== null && event.pass !== this.#pass ? this.durationS : event.alertS;
  }

  /** A finding that the assistant did not point at. @param {string} finding @param {string} kind @param {number} timeS */
  missed(finding, kind, timeS) {
    const event = this.#add(finding, kind, timeS);
    Object.assign(event, { endS: timeS, mark: "missed" });
    return event;
  }

  /** Alerts of lesions, in order of time. */
  get alerts() {
    return this.events
      .filter((event) => event.kind === "lesion")
      .sort((a, b) => a.alertS - b.alertS);
  }

  /** When each landmark was first reached. @returns {Event[]} */
  get landmarks() {
    const first = new Map();
    for (const event of this.events) {
      if (event.kind !== "landmark") continue;
      const known = first.get(event.finding);
      if (!known || event.startS < known.startS) first.set(event.finding, event);
    }
    return [...first.values()].sort((a, b) => a.startS - b.startS);
  }

  /** What it comes to. */
  summary() {
    let examinedS = 0;
    let usableS = 0;
    const presentS = new Array(this.findings.length).fill(0);
    for (const bucket of this.buckets.values()) {
      examinedS += bucket.seenS;
      usableS += bucket.usableS;
      bucket.presentS.forEach((seconds, number) => (presentS[number] += seconds));
    }
    const shareOf = (/** @type {number} */ seconds, /** @type {number} */ whole) =>
      whole > 0 ? Math.min(1, seconds / whole) : null;
    const preparation = this.findings
      .map((finding, number) => ({ ...finding, share: shareOf(presentS[number], usableS) }))
      .filter((finding) => finding.kind === "view-quality");
    const alerts = this.alerts;
    const count = (/** @type {string} */ mark) =>
      alerts.filter((event) => event.mark === mark).length;
    return {
      examinedS,
      usableShare: shareOf(usableS, examinedS),
      preparation,
      landmarks: this.landmarks,
      alerts: alerts.length - count("missed"),
      right: count("right"),
      falseAlarms: count("false-alarm"),
      missed: count("missed"),
    };
  }
}
