import { isAboutWho } from "./auth.js";
import { EndoLinkStream } from "./client/stream.js";
import { watchVideo } from "./client/watch.js";
import { Moments } from "./moments.js";
import { Session } from "./session.js";

/**
 * One source being watched: its stream of frames to the service, and what came back.
 *
 * Dispatches `ready`, `verdict`, `alert` (with its event of the session), `link`, `fault`.
 */
export class Examination extends EventTarget {
  /** The newest verdict message. @type {any} */ newest = null;
  /** What the service says of the stream. */
  server = { state: "ready", reason: /** @type {string | null} */ (null) };
  /** The findings whose alert is on. @type {string[]} */ alerts = [];
  everConnected = false;
  /** @type {string | null} */ refusal = null;
  /** @type {any} */ fault = null;
  offeredMs = -Infinity;
  connectionsTried = 0;
  #moments = new Moments();
  #stop = () => {};
  #beganMs = performance.now();

  /**
   * @param {string} service
   * @param {object} options
   * @param {import("./stage.js").Stage | null} options.stage what is watched; null to only connect
   * @param {any} options.camera
   * @param {{hello: () => object}} options.auth
   * @param {string | null} [options.model]
   */
  constructor(service, { stage, camera, auth, model = null }) {
    super();
    this.stage = stage;
    const recorded = stage?.isRecorded && Number.isFinite(stage.video.duration);
    const stills = stage?.source?.files?.length;
    this.session = new Session(recorded ? stage.video.duration : (stills ?? null));
    if (stills) this.session.bucketS = 1;
    this.stream = new EndoLinkStream(service, { camera, model, hello: auth.hello });
    this.#listen();
    if (stage && !stage.isStills) {
      this.#stop = watchVideo(stage.video, this.stream, {
        box: true,
        offered: (sequence, mediaTime, capturedUs) => {
          this.offeredMs = performance.now();
          const timeS = stage.isLive ? this.elapsedS : mediaTime;
          this.#moments.keep(sequence, capturedUs, timeS);
        },
      });
    }
  }

  /** How long it has been going on. */
  get elapsedS() {
    return (performance.now() - this.#beganMs) / 1000;
  }

  /** The time that is shown: of the recording, or of the session. */
  get timeS() {
    return this.stage?.isLive ? this.elapsedS : (this.stage?.timeS ?? 0);
  }

  /** How old the newest verdict is by now; null before the first. */
  get ageMs() {
    return this.newest ? performance.now() - this.newest.capturedUs / 1000 : null;
  }

  /** Watch no more; the connection stays until it is closed. */
  stop() {
    this.#stop();
  }

  close() {
    this.#stop();
    this.stream.close();
  }

  #listen() {
    /** @type {Record<string, (message: any) => void>} */
    const hear = {
      ready: (message) => {
        this.session.learn(message.findings);
        this.server = message.condition;
        this.#tell("ready", message);
      },
      model: (message) => {
        this.session.learn(message.findings);
        this.#tell("ready", message);
      },
      verdict: (message) => this.#judged(message),
      state: (message) => {
        this.server = { state: message.state, reason: message.reason };
        this.alerts = message.alerts;
      },
      alert: (message) => this.#alert(message),
      link: (message) => {
        if (message.connected) {
          this.everConnected = true;
          this.refusal = null;
        } else {
          // A connection that ends without a word takes back nothing that was said of who asks.
          if (message.code || !isAboutWho(this.refusal)) this.refusal = message.code ?? "unreachable";
          this.#lost();
        }
        this.#tell("link", message);
      },
      error: (message) => {
        if (message.fatal) this.fault = message;
        this.#tell("fault", message);
      },
    };
    for (const [type, listener] of Object.entries(hear)) {
      this.stream.addEventListener(type, (event) => listener(/** @type {any} */ (event).detail));
    }
  }

  /** @param {any} message */
  #judged(message) {
    this.newest = message;
    this.server = { state: message.state, reason: message.reason };
    this.alerts = message.alerts;
    const timeS = this.#moments.of(message.sequence);
    if (timeS !== null) this.session.judged(timeS, message.verdict);
    this.#tell("verdict", message);
  }

  /** @param {any} message */
  #alert(message) {
    const atS = this.#moments.at(message.at_us) ?? this.timeS;
    let event = null;
    if (message.on) {
      event = this.session.alertOn(message.finding, message.kind, atS);
      // The verdict that it comes with has not been told yet.
    } else {
      const startS = message.start_us ? (this.#moments.at(message.start_us) ?? undefined) : undefined;
      this.session.alertOff(message.finding, atS, { startS, peak: message.peak_probability });
    }
    this.#tell("alert", { ...message, event });
  }

  /** Without a link nothing is known: what was on is over, as far as it was seen. */
  #lost() {
    for (const event of this.session.events) {
      if (event.endS === null) this.session.alertOff(event.finding, this.timeS);
    }
    this.alerts = [];
  }

  /** @param {string} type @param {any} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
