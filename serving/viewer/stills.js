import { Reading } from "./reading.js";

/** What is no answer to a picture: it is asked about again. */
const NOT_YET = new Set([
  "overloaded",
  "shutting-down",
  "rate-limited",
  "unauthenticated",
  "forbidden",
  "identity-unreachable",
  "audit-unavailable",
]);
/** Between tries where the service does not answer. */
const AGAIN_MS = 700;

/**
 * Reads a folder of pictures one by one in the background, the one that is looked at first.
 * Dispatches `read` with `{number, verdict}`; verdict is null for a picture that cannot be read.
 */
export class Stills extends EventTarget {
  /** @type {Map<number, any>} */ verdicts = new Map();
  #wanted = 0;
  #closed = false;

  /**
   * @param {File[]} files
   * @param {Reading} reading
   * @param {any} camera
   */
  constructor(files, reading, camera) {
    super();
    this.files = files;
    this.reading = reading;
    this.camera = camera;
    this.#run();
  }

  /** Read this one next. @param {number} number */
  want(number) {
    this.#wanted = number;
  }

  get isDone() {
    return this.verdicts.size >= this.files.length;
  }

  close() {
    this.#closed = true;
    this.reading.cancel();
  }

  async #run() {
    while (!this.#closed && !this.isDone) {
      const number = this.#next();
      const verdict = await this.#read(number);
      if (this.#closed) return;
      if (verdict === undefined) {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        continue;
      }
      this.verdicts.set(number, verdict);
      this.dispatchEvent(new CustomEvent("read", { detail: { number, verdict } }));
    }
  }

  /** The wanted one, or else the first after it that was not read. */
  #next() {
    const total = this.files.length;
    for (let step = 0; step < total; step++) {
      const number = (this.#wanted + step) % total;
      if (!this.verdicts.has(number)) return number;
    }
    return 0;
  }

  /** A verdict; null where the picture is at fault, undefined where the link is. @param {number} number */
  async #read(number) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(this.files[number], { imageOrientation: "from-image" });
    } catch {
      return null;
    }
    try {
      return (await this.reading.read(bitmap, this.camera)) ?? undefined;
    } catch (error) {
      const code = /** @type {any} */ (error).code;
      return code && !NOT_YET.has(code) ? null : undefined;
    } finally {
      bitmap.close();
    }
  }
}
