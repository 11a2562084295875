/**
 * How pictures are taken and compressed in a browser: a camera has `capture`, which keeps what a
 * source shows now and is quick, `encode`, which comes when there is room, and `release`, for a
 * shot that is never encoded.
 */

/**
 * The size of a source's own pixels.
 * @param {any} source a video, an image, a canvas, a bitmap, a video frame
 * @returns {{width: number, height: number}}
 */
export function sizeOf(source) {
  return {
    width: source.videoWidth ?? source.naturalWidth ?? source.displayWidth ?? source.width,
    height: source.videoHeight ?? source.naturalHeight ?? source.displayHeight ?? source.height,
  };
}

/**
 * The size to send: the shorter side shrunk to `side`, never enlarged.
 * @param {any} source
 * @param {number} side in pixels
 */
export function shrunk(source, side) {
  const { width, height } = sizeOf(source);
  const scale = Math.min(1, side / Math.min(width, height));
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}

/** @param {Blob} blob */
async function bytesOf(blob) {
  return new Uint8Array(await blob.arrayBuffer());
}

/** On a canvas, on the page's own thread: works in every browser. */
export const canvasCamera = {
  /**
   * @param {CanvasImageSource} source
   * @param {number} side the shorter side to shrink to, in pixels
   * @returns {OffscreenCanvas}
   */
  capture(source, side) {
    const { width, height } = shrunk(source, side);
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { alpha: false });
    context.imageSmoothingQuality = "medium";
    context.drawImage(source, 0, 0, width, height);
    return canvas;
  },

  /**
   * @param {OffscreenCanvas} canvas
   * @param {number} quality 1 to 100
   * @returns {Promise<Uint8Array>}
   */
  async encode(canvas, quality) {
    return bytesOf(await canvas.convertToBlob({ type: "image/jpeg", quality: quality / 100 }));
  },

  release() {},
};

/** In a worker: the page's own thread only passes on which frame it was. */
export class WorkerCamera {
  /** @type {Map<number, {resolve: (image: Uint8Array) => void, reject: (error: Error) => void}>} */
  #waiting = new Map();
  #number = 0;
  /** @type {Worker} */ #worker;

  /** Gives null where the browser cannot. @returns {WorkerCamera | null} */
  static open() {
    if (!globalThis.VideoFrame || !globalThis.Worker || !globalThis.OffscreenCanvas) return null;
    try {
      return new WorkerCamera();
    } catch {
      return null; // A page's own policy, or another origin's.
    }
  }

  constructor() {
    const address = new URL("./encoder.js", import.meta.url);
    let own = address.href;
    if (address.origin !== globalThis.location.origin) {
      // A worker is of the page's own origin; what it imports need not be.
      own = URL.createObjectURL(
        new Blob([`import ${JSON.stringify(own)};`], { type: "text/javascript" }),
      );
    }
    this.#worker = new Worker(own, { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#take(data.id)?.resolve(data.image);
    this.#worker.onerror = () => {
      this.failed = true;
      for (const id of [...this.#waiting.keys()]) {
        this.#take(id)?.reject(new Error("The browser's encoder stopped."));
      }
    };
  }

  failed = false;

  /** @param {number} id */
  #take(id) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  /**
   * @param {any} source
   * @param {number} side
   */
  capture(source, side) {
    if (this.failed) return { canvas: canvasCamera.capture(source, side) };
    // A still image has no time stamp of its own, a video needs none said.
    const frame = new VideoFrame(source, source.videoWidth ? undefined : { timestamp: 0 });
    return { frame, ...shrunk(frame, side) };
  }

  /**
   * @param {any} shot
   * @param {number} quality 1 to 100
   * @returns {Promise<Uint8Array>}
   */
  encode(shot, quality) {
    if (shot.canvas) return canvasCamera.encode(shot.canvas, quality);
    const id = this.#number++;
    const { frame, width, height } = shot;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, frame, width, height, quality }, [frame]);
    });
  }

  /** @param {any} shot */
  release(shot) {
    shot.frame?.close();
  }

  close() {
    this.#worker.terminate();
  }
}
