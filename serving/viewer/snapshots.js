/**
 * Pictures that the clinician kept: what was shown, what the model said of it, and a note. They
 * are in this page's memory and nowhere else until they are exported. Dispatches `change`.
 */

/**
 * @typedef {object} Snapshot
 * @property {number} id
 * @property {number} timeS
 * @property {string | null} finding
 * @property {string} note
 * @property {Blob} picture a JPEG, as it was shown
 * @property {string} address of the picture, in this page
 * @property {any} verdict of that picture; null until there is one
 * @property {boolean} [chosen] whether the finding is the clinician's word
 * @property {string} takenAt
 */

export class Snapshots extends EventTarget {
  /** @type {Snapshot[]} */ all = [];
  #number = 1;

  /**
   * @param {{timeS: number, finding: string | null, picture: Blob, verdict: any}} taken
   * @returns {Snapshot}
   */
  add(taken) {
    const snapshot = {
      id: this.#number++,
      note: "",
      address: URL.createObjectURL(taken.picture),
      takenAt: new Date().toISOString(),
      ...taken,
    };
    this.all.push(snapshot);
    this.dispatchEvent(new Event("change"));
    return snapshot;
  }

  /** @param {Snapshot} snapshot */
  remove(snapshot) {
    this.all = this.all.filter((other) => other !== snapshot);
    URL.revokeObjectURL(snapshot.address);
    this.dispatchEvent(new Event("change"));
  }

  clear() {
    for (const { address } of this.all) URL.revokeObjectURL(address);
    this.all = [];
    this.dispatchEvent(new Event("change"));
  }
}

const WEIGHT = { lesion: 0, landmark: 1, intervention: 2 };

/**
 * What a verdict suggests to file a picture under: its likeliest finding that is present. How clean
 * the bowel is, is no reason to keep a picture.
 * @param {any} verdict
 * @returns {string | null}
 */
export function suggestion(verdict) {
  const present = (verdict?.findings ?? []).filter(
    (finding) => finding.present && finding.kind in WEIGHT,
  );
  present.sort((a, b) => WEIGHT[a.kind] - WEIGHT[b.kind] || b.probability - a.probability);
  return present[0]?.code ?? null;
}
