/**
 * EndoLink's client for browsers, without dependencies: capture, shrink, encode, send the freshest
 * frame, hear the verdict.
 *
 *     import { EndoLinkStream, watchVideo } from "http://127.0.0.1:8000/viewer/endolink-client.js";
 *
 *     const stream = new EndoLinkStream("http://127.0.0.1:8000");
 *     stream.addEventListener("verdict", ({ detail }) => console.log(detail.state, detail.ageMs));
 *     watchVideo(document.querySelector("video"), stream);
 *
 * What it does is what the Python client does, by the same protocol (`docs/streams.md`): a frame
 * that could not be sent when the next was captured never is; size, quality, rate and window follow
 * the service's advice; two connections are open, and where one stalls the next frame takes the
 * other; one that breaks is opened again, and the session goes on.
 *
 * It points; the clinician decides.
 */

/** Raised by a change that an older client would misread. */
export const PROTOCOL = 1;
/** The bytes before each image. */
export const HEADER_BYTES = 24;

/**
 * @typedef {object} Frame
 * @property {number} sequence counts captured frames, sent or not
 * @property {number} capturedUs when it was captured, in microseconds of the client's clock
 * @property {number} [sentAfterUs] how long after its capture it is sent
 * @property {boolean} [box] whether to say where each finding is
 */

/**
 * Write a frame as one binary message: its header in network byte order, then the image.
 * @param {Frame} frame
 * @param {Uint8Array} image a JPEG, PNG, WebP, BMP or TIFF file
 * @returns {Uint8Array}
 */
export function packFrame(frame, image) {
  const message = new Uint8Array(HEADER_BYTES + image.length);
  const view = new DataView(message.buffer);
  view.setUint16(0, 0x454c); // EL
  view.setUint8(2, PROTOCOL);
  view.setUint8(3, frame.box ? 1 : 0);
  view.setUint32(4, frame.sequence);
  view.setUint32(8, Math.floor(frame.capturedUs / 2 ** 32));
  view.setUint32(12, frame.capturedUs % 2 ** 32);
  view.setUint32(16, Math.min(frame.sentAfterUs ?? 0, 2 ** 32 - 1));
  view.setUint32(20, image.length);
  message.set(image, HEADER_BYTES);
  return message;
}

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

/**
 * How pictures are taken and compressed, in a browser: on a canvas of the advised size.
 *
 * `capture` keeps what the source shows now, and is quick; `encode` comes when there is room.
 */
export const canvasCamera = {
  /**
   * @param {CanvasImageSource} source
   * @param {number} side the shorter side to shrink to, in pixels
   * @returns {OffscreenCanvas}
   */
  capture(source, side) {
    const any = /** @type {any} */ (source);
    const width = any.videoWidth ?? any.naturalWidth ?? any.displayWidth ?? any.width;
    const height = any.videoHeight ?? any.naturalHeight ?? any.displayHeight ?? any.height;
    const scale = Math.min(1, side / Math.min(width, height));
    const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
    const context = canvas.getContext("2d", { alpha: false });
    context.imageSmoothingQuality = "medium";
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    return canvas;
  },

  /**
   * @param {OffscreenCanvas} canvas
   * @param {number} quality 1 to 100
   * @returns {Promise<Uint8Array>}
   */
  async encode(canvas, quality) {
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: quality / 100 });
    return new Uint8Array(await blob.arrayBuffer());
  },
};

/** One connection of a session. */
class Lane {
  flight = new Flight();
  ready = false;

  /** @param {WebSocket} socket */
  constructor(socket) {
    this.socket = socket;
  }

  /** @param {number} window */
  room(window) {
    return this.ready && this.socket.bufferedAmount === 0 && this.flight.size < window;
  }
}

/**
 * One session with the service.
 *
 * It dispatches `CustomEvent`s; `detail` is the message, as `docs/streams.md` describes it:
 * `verdict` (with `ageMs`, from capture to now), `dropped` (one of the two for every frame that was
 * offered), `alert`, `state`, `advice`, `ready`, `error`; and `link` with `{connected}`.
 */
export class EndoLinkStream extends EventTarget {
  /** @type {(Lane | null)[]} */ #lanes;
  #active = 0;
  #sequence = 0;
  /** @type {{sequence: number, capturedUs: number, shot: any, box: boolean} | null} */ #next = null;
  /** @type {Map<number, number>} */ #captured = new Map();
  #encoding = false;
  #pace = new Pace();
  #closed = false;
  /** @type {any} */ #options;
  #timer;
  #paced = false;
  statistics = new Statistics();
  /** The last `ready` message; null before the first. @type {any} */ ready = null;
  /** What the service advises to send. @type {any} */ advice = null;

  /**
   * @param {string} url where the service is, as in `http://127.0.0.1:8000`
   * @param {object} [options]
   * @param {string | null} [options.model] which model judges; the service's first by default
   * @param {number} [options.deadlineMs] a frame older than this is not judged
   * @param {boolean} [options.adapt] false: send `side` and `quality` for good
   * @param {boolean} [options.hedge] false: keep one connection
   * @param {number} [options.side]
   * @param {number} [options.quality]
   * @param {any} [options.camera] how pictures are taken; `canvasCamera` by default
   * @param {any} [options.WebSocket] the transport; the browser's own by default
   * @param {() => number} [options.now] a clock in milliseconds that never goes back
   */
  constructor(url, options = {}) {
    super();
    this.#options = {
      model: null,
      deadlineMs: 1000,
      adapt: true,
      hedge: true,
      side: 320,
      quality: 75,
      camera: canvasCamera,
      WebSocket: globalThis.WebSocket,
      now: () => performance.now(),
      ...options,
    };
    this.address = `${url.replace(/^http/, "ws").replace(/\/$/, "")}/v1/streams`;
    this.#lanes = this.#options.hedge ? [null, null] : [null];
    this.#connect(0, new Retry());
    // Stalls are looked for at a fraction of the shortest.
    this.#timer = setInterval(() => this.#look(), 20);
  }

  /** Whether a connection is up. */
  get connected() {
    return this.#lanes.some((lane) => lane?.ready);
  }

  /** The clock that capture times are of, in microseconds. */
  clockUs() {
    return Math.round(this.#options.now() * 1000);
  }

  /**
   * Give the newest picture; it is sent when there is room, unless a newer one comes.
   * @param {any} source what the camera takes: a video, an image, a canvas, a bitmap
   * @param {object} [options]
   * @param {number} [options.capturedUs] when it was captured, by `clockUs`; now by default
   * @param {boolean} [options.box] whether to say where each finding is
   * @returns {number} the frame's sequence number
   */
  offer(source, { capturedUs = this.clockUs(), box = false } = {}) {
    const sequence = this.#sequence++;
    this.statistics.captured += 1;
    if (this.#next) {
      this.#drop({ type: "dropped", sequence: this.#next.sequence, reason: "superseded" });
    }
    const shot = this.#options.camera.capture(source, this.#picture().side);
    this.#next = { sequence, capturedUs, shot, box };
    this.#send();
    return sequence;
  }

  /** End the session. */
  close() {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const lane of this.#lanes) {
      if (lane?.ready) lane.socket.send(JSON.stringify({ type: "bye" }));
      lane?.socket.close();
    }
  }

  #picture() {
    return this.#options.adapt && this.advice ? this.advice : this.#options;
  }

  async #send() {
    const lane = this.#choose();
    if (!this.#next || !lane || this.#encoding) return;
    const now = this.#options.now();
    const wait = this.#pace.waitMs(now);
    if (wait > 0) {
      if (!this.#paced) {
        this.#paced = true;
        setTimeout(() => {
          this.#paced = false;
          this.#send();
        }, wait);
      }
      return;
    }
    this.#pace.go(now, this.#options.adapt && this.advice ? this.advice.fps : 1000);
    const { sequence, capturedUs, shot, box } = this.#next;
    this.#next = null;
    this.#encoding = true;
    try {
      const image = await this.#options.camera.encode(shot, this.#picture().quality);
      const sentAfterUs = Math.max(0, this.clockUs() - capturedUs);
      if (!lane.ready) {
        this.#drop({ type: "dropped", sequence, reason: "lost" });
        return;
      }
      this.#captured.set(sequence, capturedUs);
      lane.flight.send(sequence, this.#options.now());
      lane.socket.send(packFrame({ sequence, capturedUs, sentAfterUs, box }, image));
      this.statistics.send(this.#options.now(), image.length);
    } finally {
      this.#encoding = false;
    }
    this.#send();
  }

  /** The connection that the next frame takes; null where none has room. */
  #choose() {
    const now = this.#options.now();
    let active = this.#lanes[this.#active];
    if (!active?.ready || active.flight.stalled(now)) {
      const other = this.#lanes.findIndex(
        (lane) => lane?.ready && lane !== active && !lane.flight.stalled(now),
      );
      if (other >= 0) {
        if (active?.ready) this.statistics.hedged += 1;
        this.#active = other;
        active = this.#lanes[other];
      }
    }
    return active?.room(this.advice?.window ?? 1) ? active : null;
  }

  #look() {
    const now = this.#options.now();
    for (const lane of this.#lanes) if (lane?.ready && lane.flight.dead(now)) lane.socket.close();
    this.#send();
  }

  /** @param {number} index @param {Retry} retry */
  #connect(index, retry) {
    if (this.#closed) return;
    if (index > 0 && !this.ready) {
      // The second connection needs the session that the first begins.
      setTimeout(() => this.#connect(index, retry), 100);
      return;
    }
    const resume = this.ready?.session ?? null;
    const socket = new this.#options.WebSocket(this.address);
    socket.binaryType = "arraybuffer";
    const lane = new Lane(socket);
    this.#lanes[index] = lane;
    let again = true;
    let atLeastMs = 0;
    socket.onopen = () => {
      socket.send(
        JSON.stringify({
          type: "hello",
          protocol: PROTOCOL,
          clock_us: this.clockUs(),
          model: this.#options.model,
          deadline_ms: this.#options.deadlineMs,
          resume,
        }),
      );
    };
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "ping") {
        socket.send(JSON.stringify({ type: "pong", id: message.id, clock_us: this.clockUs() }));
      } else if (message.type === "ready") {
        retry.succeeded();
        lane.ready = true;
        if (index === 0) {
          if (message.resumed) this.statistics.reconnects += 1;
          this.ready = message;
          this.advice = message.advice;
          this.#tell("ready", message);
          if (this.#lanes.length > 1 && !this.#lanes[1]) this.#connect(1, new Retry());
        }
        this.#tell("link", { connected: true });
        this.#send();
      } else if (message.type === "error" && message.fatal) {
        if (message.code === "session-unknown") {
          // Unless the other connection has begun another meanwhile.
          if (this.ready?.session === resume) this.ready = null;
        } else if (message.retry_after) {
          atLeastMs = message.retry_after * 1000;
        } else if (["model-unknown", "stream-message-invalid"].includes(message.code)) {
          again = false;
          this.#tell("error", message);
        }
      } else {
        this.#hear(message);
      }
    };
    socket.onclose = () => {
      lane.ready = false;
      this.#lose(lane);
      if (!this.connected) this.#tell("link", { connected: false });
      if (!again || this.#closed) return;
      setTimeout(() => this.#connect(index, retry), Math.max(atLeastMs, retry.delayMs()));
    };
  }

  /** @param {any} message */
  #hear(message) {
    const now = this.#options.now();
    if (message.type === "verdict" || message.type === "dropped") {
      for (const lane of this.#lanes) lane?.flight.answer(message.sequence, now);
      const capturedUs = this.#captured.get(message.sequence);
      if (capturedUs !== undefined) {
        this.#captured.delete(message.sequence);
        if (message.type === "dropped") {
          this.#drop(message);
        } else {
          const ageMs = now - capturedUs / 1000;
          this.statistics.age(ageMs);
          this.#tell("verdict", { ...message, ageMs });
        }
      }
      this.#send();
    } else {
      if (message.type === "advice") this.advice = message;
      this.#tell(message.type, message);
    }
  }

  /** Take in what was under way on a connection that is gone. @param {Lane} lane */
  #lose(lane) {
    for (const sequence of lane.flight.sequences) {
      if (this.#captured.delete(sequence)) {
        this.#drop({ type: "dropped", sequence, reason: "lost" });
      }
    }
    lane.flight = new Flight();
  }

  /** @param {any} message */
  #drop(message) {
    this.statistics.drop(message.reason);
    this.#tell("dropped", message);
  }

  /** @param {string} type @param {any} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * Offer every frame that a video shows, as it shows it. Gives a function that stops it.
 * @param {HTMLVideoElement} video
 * @param {EndoLinkStream} stream
 * @returns {() => void}
 */
export function watchVideo(video, stream) {
  let going = true;
  const step = () => {
    if (!going) return;
    stream.offer(video);
    video.requestVideoFrameCallback(step);
  };
  video.requestVideoFrameCallback(step);
  return () => {
    going = false;
  };
}

/**
 * Score one image file over HTTP.
 * @param {string} url where the service is
 * @param {Blob | ArrayBuffer | Uint8Array} image
 * @param {object} [options]
 * @param {"none" | "box"} [options.explain]
 * @param {string} [options.model]
 * @param {AbortSignal} [options.signal] aborting takes the frame's work with it
 * @returns {Promise<any>} the verdict
 * @throws {Error} with the problem's `code` and `retryAfter` (seconds), where there is none
 */
export async function scoreFrame(url, image, { explain, model, signal } = {}) {
  const query = new URLSearchParams();
  if (explain) query.set("explain", explain);
  if (model) query.set("model", model);
  const answer = await fetch(`${url.replace(/\/$/, "")}/v1/frames?${query}`, {
    method: "POST",
    body: image,
    headers: { "Content-Type": "application/octet-stream" },
    signal,
  });
  const said = await answer.json();
  if (answer.ok) return said;
  const error = new Error(said.detail);
  throw Object.assign(error, { code: said.code, retryAfter: said.retry_after });
}
