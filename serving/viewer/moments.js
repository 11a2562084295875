/** Which moment of the source a frame showed: verdicts and alerts name frames, people name times. */

/** More frames than are ever on their way, and a few seconds for an alert's first frame. */
const KEPT = 512;

export class Moments {
  /** @type {{sequence: number, capturedUs: number, timeS: number}[]} */
  #kept = [];

  /** @param {number} sequence @param {number} capturedUs @param {number} timeS */
  keep(sequence, capturedUs, timeS) {
    this.#kept.push({ sequence, capturedUs, timeS });
    if (this.#kept.length > KEPT) this.#kept.splice(0, KEPT / 4);
  }

  /** The time that a frame showed; null where it is not known any more. @param {number} sequence */
  of(sequence) {
    return this.#kept.findLast((moment) => moment.sequence === sequence)?.timeS ?? null;
  }

  /** The time shown at a time of the stream's clock. @param {number} us */
  at(us) {
    return (this.#kept.findLast((moment) => moment.capturedUs <= us) ?? this.#kept[0])?.timeS ?? null;
  }
}
