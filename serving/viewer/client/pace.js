/** Lets frames through evenly, at a rate; times in milliseconds. */
export class Pace {
  #nextMs = -Infinity;

  /** How long the next frame has to wait. @param {number} nowMs */
  waitMs(nowMs) {
    return Math.max(0, this.#nextMs - nowMs);
  }

  /** Take in that a frame goes. @param {number} nowMs @param {number} fps */
  go(nowMs, fps) {
    this.#nextMs = Math.max(this.#nextMs + 1000 / fps, nowMs + 500 / fps);
  }
}

/** Delays between tries: doubling from a tenth of a second to five, each spread at random. */
export class Retry {
  #delayMs = 100;

  delayMs() {
    const delay = this.#delayMs;
    this.#delayMs = Math.min(5000, 2 * delay);
    return delay * (0.5 + Math.random() / 2);
  }

  succeeded() {
    this.#delayMs = 100;
  }
}
