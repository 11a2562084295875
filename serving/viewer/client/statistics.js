/** What became of a stream's frames, and the ages of the newest thousand verdicts. */
export class Statistics {
  captured = 0;
  sent = 0;
  judged = 0;
  sentBytes = 0;
  reconnects = 0;
  hedged = 0;
  /** @type {Record<string, number>} */ dropped = {};
  /** @type {number[]} */ #ages = [];
  /** @type {[number, number][]} */ #sizes = [];

  /** @param {number} ageMs */
  age(ageMs) {
    this.judged += 1;
    this.#ages.push(ageMs);
    if (this.#ages.length > 1000) this.#ages.shift();
  }

  /** @param {number} nowMs @param {number} bytes */
  send(nowMs, bytes) {
    this.sent += 1;
    this.sentBytes += bytes;
    this.#sizes.push([nowMs, bytes]);
    while (this.#sizes[0][0] < nowMs - 2000) this.#sizes.shift();
  }

  /** @param {string} reason */
  drop(reason) {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
  }

  /** A percentile of the newest ages; null before the first verdict. @param {number} percent */
  ageMs(percent) {
    if (!this.#ages.length) return null;
    const sorted = [...this.#ages].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor((percent / 100) * sorted.length))];
  }

  /** What was sent in the last two seconds. @param {number} nowMs */
  kbitPerSecond(nowMs) {
    let bytes = 0;
    for (const [at, size] of this.#sizes) if (at >= nowMs - 2000) bytes += size;
    return (bytes * 8) / 2000;
  }
}
