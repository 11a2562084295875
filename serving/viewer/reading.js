import { scoreFrame } from "./client/score.js";

/** A picture of twice the network's side has all the detail that it can see. */
const SIDES = 2;
const USUAL_SIDE = 448;
const QUALITY = 90;

/**
 * Judges a picture that stands still, by itself and in the best quality that is of use: a still, a
 * paused recording, a frozen frame. A newer question takes the place of the one before.
 */
export class Reading {
  side = USUAL_SIDE;
  /** @type {AbortController | null} */ #asking = null;

  /**
   * @param {string} service
   * @param {{headers: () => Record<string, string>}} auth
   * @param {string | null} model
   */
  constructor(service, auth, model) {
    this.service = service;
    this.auth = auth;
    this.model = model;
  }

  /**
   * Learn what the service measured of its model: its input's size, its operating points.
   * @returns {Promise<any>} the model's description; null where it cannot be had
   */
  async describe() {
    try {
      const answer = await fetch(`${this.service}/v1/models`, { headers: this.auth.headers() });
      const { models } = await answer.json();
      const ours = models.find((model) => (this.model ? model.name === this.model : model.default));
      this.side = SIDES * (ours?.input_size ?? USUAL_SIDE / SIDES);
      return ours ?? null;
    } catch {
      return null;
    }
  }

  /**
   * @param {any} picture what the camera takes: a video, a canvas, a bitmap
   * @param {any} camera
   * @param {"box" | "heatmap"} [explain]
   * @returns {Promise<any>} the verdict; null where a newer question was asked
   */
  async read(picture, camera, explain = "box") {
    this.cancel();
    const asking = (this.#asking = new AbortController());
    try {
      const image = await camera.encode(camera.capture(picture, this.side), QUALITY);
      if (asking.signal.aborted) return null;
      return await scoreFrame(this.service, image, {
        explain,
        model: this.model,
        headers: this.auth.headers(),
        signal: asking.signal,
      });
    } catch (error) {
      if (asking.signal.aborted) return null;
      throw error;
    }
  }

  cancel() {
    this.#asking?.abort();
    this.#asking = null;
  }
}
