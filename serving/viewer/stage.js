import { sizeOf } from "./client/camera.js";
import { SourceError } from "./sources.js";

/**
 * The picture. A video element shows it and plays by itself; nothing is drawn into it and nothing
 * waits for a verdict. Stills are on a canvas of their own; a frozen picture lies above the live
 * one, which goes on beneath. Dispatches `resize` where the picture moved on the screen.
 */
export class Stage extends EventTarget {
  /** @type {import("./sources.js").Source | null} */ source = null;
  frozen = false;
  /** The still that is shown. */ stillNumber = 0;

  /** @param {ParentNode} root */
  constructor(root) {
    super();
    this.picture = /** @type {HTMLElement} */ (root.querySelector(".picture"));
    this.video = /** @type {HTMLVideoElement} */ (root.querySelector("video"));
    this.still = /** @type {HTMLCanvasElement} */ (root.querySelector(".still"));
    this.cover = /** @type {HTMLCanvasElement} */ (root.querySelector(".frozen"));
    this.observer = new ResizeObserver(() => this.dispatchEvent(new Event("resize")));
    this.observer.observe(this.picture);
    this.video.addEventListener("resize", () => this.dispatchEvent(new Event("resize")));
  }

  get isLive() {
    return this.source?.stream !== undefined;
  }

  get isRecorded() {
    return this.source?.address !== undefined;
  }

  get isStills() {
    return this.source?.files !== undefined;
  }

  /** Whether the picture stands still: frozen, paused, or a still. */
  get isHeld() {
    if (this.isLive) return this.frozen;
    return this.isStills || (this.isRecorded && this.video.paused);
  }

  /** What shows the picture now. */
  get shown() {
    if (this.isStills) return this.still;
    return this.frozen ? this.cover : this.video;
  }

  /** Whether there is a picture at all; it may be on its way, while somebody scrubs. */
  get hasPicture() {
    if (!this.source) return false;
    return this.isStills ? this.still.width > 1 : this.video.videoWidth > 0;
  }

  /** The picture's own size in pixels. */
  get size() {
    return sizeOf(this.shown);
  }

  /** The time shown, in seconds; a still's number. */
  get timeS() {
    return this.isStills ? this.stillNumber : this.video.currentTime;
  }

  /**
   * Show a source in place of the one before.
   * @param {import("./sources.js").Source} source
   * @throws {SourceError} where the browser cannot play it
   */
  async show(source) {
    this.clear();
    this.source = source;
    if (source.files) {
      this.still.hidden = false;
      return;
    }
    const { video } = this;
    video.hidden = false;
    video.loop = source.loop ?? false;
    if (source.stream) video.srcObject = source.stream;
    else video.src = source.address ?? "";
    try {
      await new Promise((resolve, reject) => {
        video.onloadeddata = resolve;
        video.onerror = reject;
      });
    } catch {
      throw new SourceError("open.failed-video", { name: source.name });
    } finally {
      video.onloadeddata = video.onerror = null;
    }
    await video.play().catch(() => {}); // A browser that wants a click first shows the first frame.
  }

  /** Let go of the source. */
  clear() {
    this.source?.stop();
    this.source = null;
    this.unfreeze();
    const { video } = this;
    video.pause();
    video.srcObject = null;
    video.removeAttribute("src");
    video.load();
    this.still.hidden = true;
    this.still.width = this.still.height = 1;
    this.stillNumber = 0;
  }

  /**
   * Show a still.
   * @param {number} number from 0
   * @throws {SourceError} where the browser cannot
   */
  async showStill(number) {
    const file = this.source?.files?.[number];
    if (!file) return;
    let bitmap;
    try {
      bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    } catch {
      throw new SourceError("open.failed-image", { name: file.name });
    }
    this.stillNumber = number;
    this.still.width = bitmap.width;
    this.still.height = bitmap.height;
    this.still.getContext("2d")?.drawImage(bitmap, 0, 0);
    bitmap.close();
    this.dispatchEvent(new Event("resize"));
  }

  /** Keep a live picture as it is; it goes on beneath. */
  freeze() {
    if (!this.isLive || !this.hasPicture) return;
    const { width, height } = sizeOf(this.video);
    this.cover.width = width;
    this.cover.height = height;
    this.cover.getContext("2d")?.drawImage(this.video, 0, 0);
    this.cover.hidden = false;
    this.frozen = true;
  }

  unfreeze() {
    this.frozen = false;
    this.cover.hidden = true;
    this.cover.width = this.cover.height = 1;
  }

  /** Where the picture lies within its place, in pixels of the page. */
  get box() {
    const { width, height } = this.size;
    const { clientWidth, clientHeight } = this.picture;
    const scale = Math.min(clientWidth / (width || 1), clientHeight / (height || 1));
    return {
      scale,
      x: (clientWidth - width * scale) / 2,
      y: (clientHeight - height * scale) / 2,
      width: width * scale,
      height: height * scale,
    };
  }

  /**
   * Copy what is shown as it is, in full or shrunk.
   * @param {any} camera
   * @param {{side?: number, quality?: number}} [options] side: the shorter side, in pixels
   * @returns {Promise<Blob>} a JPEG
   */
  async grab(camera, { side = Infinity, quality = 92 } = {}) {
    // Whoever scrubs and keeps a picture means the one that is on its way.
    if (this.video.seeking) await this.#seeked();
    const shot = camera.capture(this.shown, side);
    return new Blob([await camera.encode(shot, quality)], { type: "image/jpeg" });
  }

  #seeked() {
    return new Promise((resolve) => this.video.addEventListener("seeked", resolve, { once: true }));
  }
}
