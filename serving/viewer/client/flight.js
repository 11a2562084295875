/** The middle of some numbers. @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Frames that are under way on one connection; times in milliseconds. */
export class Flight {
  // As in the Python client, where each has its reason.
  static STALL_TIMES = 2.5;
  static STALL_LEAST_MS = 200;
  static DEAD_MS = 3000;
  static FIRST_MS = 300;
  static LOOK_BACK = 50;

  /** @type {Map<number, number>} */ #out = new Map();
  /** @type {number[]} */ #loops = [];

  get size() {
    return this.#out.size;
  }

  /** The frames that are out, the oldest first. */
  get sequences() {
    return [...this.#out.keys()];
  }

  /** What an answer takes, at the median. */
  get usualMs() {
    return this.#loops.length ? median(this.#loops) : Flight.FIRST_MS;
  }

  /** @param {number} sequence @param {number} nowMs */
  send(sequence, nowMs) {
    this.#out.set(sequence, nowMs);
  }

  /** @param {number} sequence @param {number} nowMs */
  answer(sequence, nowMs) {
    const sent = this.#out.get(sequence);
    if (sent === undefined) return;
    this.#out.delete(sequence);
    this.#loops.push(nowMs - sent);
    if (this.#loops.length > Flight.LOOK_BACK) this.#loops.shift();
  }

  /** How long the oldest frame has been out. @param {number} nowMs */
  waitedMs(nowMs) {
    for (const sent of this.#out.values()) return nowMs - sent;
    return 0;
  }

  /** Whether the next frame had better take another connection. @param {number} nowMs */
  stalled(nowMs) {
    const most = Math.max(Flight.STALL_LEAST_MS, Flight.STALL_TIMES * this.usualMs);
    return this.waitedMs(nowMs) > most;
  }

  /** Whether to give the connection up. @param {number} nowMs */
  dead(nowMs) {
    return this.waitedMs(nowMs) > Flight.DEAD_MS;
  }
}
