import { canvasCamera, WorkerCamera } from "./camera.js";
import { Flight } from "./flight.js";
import { packFrame, PROTOCOL } from "./frame.js";
import { Lane } from "./lane.js";
import { Pace } from "./pace.js";
import { Statistics } from "./statistics.js";

/** What a client cannot mend by asking again. */
const FINAL = new Set(["model-unknown", "stream-message-invalid"]);
/** What takes somebody to mend it, who says so by `again`; until then it is asked now and then. */
const ABOUT_WHO = new Set(["unauthenticated", "forbidden"]);
const ABOUT_WHO_MS = 5000;

/**
 * One session with the service.
 *
 * It dispatches `CustomEvent`s; `detail` is the message, as `docs/streams.md` describes it:
 * `verdict` (with `ageMs`, from capture to now, and `capturedUs`), `dropped` (one of the two for
 * every frame that was offered), `alert`, `state`, `advice`, `ready`, `error`; and `link` with
 * `{connected, code}`, where `code` says why the service lets nobody in.
 */
export class EndoLinkStream extends EventTarget {
  /** @type {Lane[]} */ #lanes;
  #active = 0;
  #sequence = 0;
  /** @type {{sequence: number, capturedUs: number, shot: any, box: boolean} | null} */ #next = null;
  /** @type {Map<number, number>} */ #captured = new Map();
  #encoding = false;
  #pace = new Pace();
  #closed = false;
  #ownsCamera = false;
  /** @type {any} */ #options;
  #timer;
  #paced = false;
  /** @type {Map<string, string>} */ #said = new Map();
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
   * @param {() => object} [options.hello] what else the first message of a connection says
   * @param {any} [options.camera] how pictures are taken; in a worker where the browser can
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
      hello: () => ({}),
      WebSocket: globalThis.WebSocket,
      now: () => performance.now(),
      ...options,
    };
    if (!this.#options.camera) {
      this.#options.camera = WorkerCamera.open() ?? canvasCamera;
      this.#ownsCamera = true;
    }
    this.address = `${url.replace(/^http/, "ws").replace(/\/$/, "")}/v1/streams`;
    this.#lanes = this.#options.hedge ? [new Lane(), new Lane()] : [new Lane()];
    this.#connect(this.#lanes[0]);
    // Stalls are looked for at a fraction of the shortest.
    this.#timer = setInterval(() => this.#look(), 20);
  }

  /** Whether a connection is up. */
  get connected() {
    return this.#lanes.some((lane) => lane.ready);
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
    this.#supersede();
    const shot = this.#options.camera.capture(source, this.#picture().side);
    this.#next = { sequence, capturedUs, shot, box };
    this.#send();
    return sequence;
  }

  /** Connect at once, and say anew who asks: other credentials are there. */
  again() {
    for (const lane of this.#lanes) {
      lane.retry.succeeded();
      if (lane.socket) {
        lane.socket.close();
      } else if (lane.timer !== null) {
        clearTimeout(lane.timer);
        lane.timer = null;
        if (lane === this.#lanes[0] || this.ready) this.#connect(lane);
      }
    }
  }

  /** End the session. */
  close() {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#supersede();
    for (const lane of this.#lanes) {
      if (lane.ready) lane.say({ type: "bye" });
      lane.socket?.close();
    }
    if (this.#ownsCamera) this.#options.camera.close?.();
  }

  #picture() {
    return this.#options.adapt && this.advice ? this.advice : this.#options;
  }

  /** Let go of the frame that waits. */
  #supersede() {
    if (!this.#next) return;
    const { sequence, shot } = this.#next;
    this.#next = null;
    this.#options.camera.release?.(shot);
    this.#drop({ type: "dropped", sequence, reason: "superseded" });
  }

  async #send() {
    const lane = this.#choose();
    if (!this.#next || !lane || this.#encoding) return;
    const now = this.#options.now();
    const wait = this.#pace.waitMs(now);
    if (wait > 0) {
      this.#sendIn(wait);
      return;
    }
    this.#pace.go(now, this.#options.adapt && this.advice ? this.advice.fps : 1000);
    const next = this.#next;
    this.#next = null;
    this.#encoding = true;
    try {
      const image = await this.#options.camera.encode(next.shot, this.#picture().quality);
      this.#transmit(lane, next, image);
    } catch {
      // The picture could not be compressed: said, and the next one tried.
      this.#drop({ type: "dropped", sequence: next.sequence, reason: "lost" });
    } finally {
      this.#encoding = false;
    }
    if (!this.#closed) this.#send();
  }

  /** @param {number} waitMs */
  #sendIn(waitMs) {
    if (this.#paced) return;
    this.#paced = true;
    setTimeout(() => {
      this.#paced = false;
      this.#send();
    }, waitMs);
  }

  /** @param {Lane} lane @param {any} frame @param {Uint8Array} image */
  #transmit(lane, { sequence, capturedUs, box }, image) {
    if (!lane.ready || this.#closed) {
      this.#drop({ type: "dropped", sequence, reason: "lost" });
      return;
    }
    const sentAfterUs = Math.max(0, this.clockUs() - capturedUs);
    this.#captured.set(sequence, capturedUs);
    lane.flight.send(sequence, this.#options.now());
    lane.socket?.send(packFrame({ sequence, capturedUs, sentAfterUs, box }, image));
    this.statistics.send(this.#options.now(), image.length);
  }

  /** The connection that the next frame takes; null where none has room. */
  #choose() {
    const now = this.#options.now();
    let active = this.#lanes[this.#active];
    if (!active.ready || active.flight.stalled(now)) {
      const other = this.#lanes.findIndex(
        (lane) => lane.ready && lane !== active && !lane.flight.stalled(now),
      );
      if (other >= 0) {
        if (active.ready) this.statistics.hedged += 1;
        this.#active = other;
        active = this.#lanes[other];
      }
    }
    return active.room(this.advice?.window ?? 1) ? active : null;
  }

  #look() {
    const now = this.#options.now();
    for (const lane of this.#lanes) {
      // A dead peer does not answer a close either: it is not waited for.
      if (lane.ready && lane.flight.dead(now)) this.#leave(lane, lane.socket);
    }
    this.#send();
  }

  /** @param {Lane} lane */
  #connect(lane) {
    if (this.#closed) return;
    lane.resume = this.ready?.session ?? null;
    const socket = new this.#options.WebSocket(this.address);
    socket.binaryType = "arraybuffer";
    lane.socket = socket;
    socket.onopen = () => {
      socket.send(
        JSON.stringify({
          type: "hello",
          protocol: PROTOCOL,
          clock_us: this.clockUs(),
          model: this.#options.model,
          deadline_ms: this.#options.deadlineMs,
          resume: lane.resume,
          ...this.#options.hello(),
        }),
      );
    };
    const refusal = { final: false, atLeastMs: 0, code: null };
    socket.onmessage = ({ data }) => {
      if (this.#closed) return;
      const message = JSON.parse(data);
      if (message.type === "ping") {
        socket.send(JSON.stringify({ type: "pong", id: message.id, clock_us: this.clockUs() }));
      } else if (message.type === "ready") {
        this.#enter(lane, message);
      } else if (message.type === "error" && message.fatal) {
        this.#refuse(lane, message, refusal);
      } else {
        this.#hear(message);
      }
    };
    socket.onclose = () => this.#leave(lane, socket, refusal);
  }

  /** @param {Lane} lane @param {any} ready */
  #enter(lane, ready) {
    lane.retry.succeeded();
    lane.ready = true;
    if (ready.session !== this.ready?.session) {
      // What was said before is of another session.
      this.#said.clear();
    } else if (!this.#lanes.some((other) => other !== lane && other.ready)) {
      this.statistics.reconnects += 1;
    }
    if (lane === this.#lanes[0] || ready.session !== this.ready?.session) {
      this.ready = ready;
      this.advice = ready.advice;
      this.#tell("ready", ready);
    }
    // The second connection needs the session that the first begins.
    for (const other of this.#lanes) {
      if (!other.socket && other.timer === null) this.#connect(other);
    }
    this.#tell("link", { connected: true, code: null });
    this.#send();
  }

  /** Take in why a connection ends. @param {Lane} lane @param {any} error @param {any} refusal */
  #refuse(lane, error, refusal) {
    refusal.code = error.code;
    refusal.atLeastMs = ABOUT_WHO.has(error.code) ? ABOUT_WHO_MS : (error.retry_after ?? 0) * 1000;
    if (error.code === "session-unknown") {
      // Unless the other connection has begun another meanwhile.
      if (this.ready?.session === lane.resume) this.ready = null;
    } else if (FINAL.has(error.code)) {
      refusal.final = true;
      this.#tell("error", error);
    }
  }

  /**
   * @param {Lane} lane
   * @param {any} socket the one that is gone, or is given up
   * @param {any} [refusal]
   */
  #leave(lane, socket, refusal = { final: false, atLeastMs: 0, code: null }) {
    if (lane.socket !== socket) return;
    lane.socket = null;
    lane.ready = false;
    socket.onmessage = null;
    socket.close();
    this.#lose(lane);
    if (!this.connected) this.#tell("link", { connected: false, code: refusal.code });
    if (refusal.final || this.#closed) return;
    lane.timer = setTimeout(
      () => {
        lane.timer = null;
        // A second connection waits for the session of the first.
        if (lane === this.#lanes[0] || this.ready) this.#connect(lane);
      },
      Math.max(refusal.atLeastMs, lane.retry.delayMs()),
    );
  }

  /** @param {any} message */
  #hear(message) {
    const now = this.#options.now();
    if (message.type === "verdict" || message.type === "dropped") {
      for (const lane of this.#lanes) lane.flight.answer(message.sequence, now);
      const capturedUs = this.#captured.get(message.sequence);
      if (capturedUs !== undefined) {
        this.#captured.delete(message.sequence);
        if (message.type === "dropped") {
          this.#drop(message);
        } else {
          const ageMs = now - capturedUs / 1000;
          this.statistics.age(ageMs);
          this.#tell("verdict", { ...message, ageMs, capturedUs });
        }
      }
      this.#send();
    } else if (this.#isNews(message)) {
      if (message.type === "advice") this.advice = message;
      this.#tell(message.type, message);
    }
  }

  /** Whether it was not told yet: what concerns the session comes on each of its connections. */
  #isNews(message) {
    if (message.type !== "alert" && message.type !== "advice") return true;
    const about = `${message.type} ${message.finding ?? ""}`;
    const text = JSON.stringify(message);
    if (this.#said.get(about) === text) return false;
    this.#said.set(about, text);
    return true;
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
