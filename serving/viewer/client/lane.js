import { Flight } from "./flight.js";
import { Retry } from "./pace.js";

/** One connection of a session, opened again for as long as it is wanted. */
export class Lane {
  flight = new Flight();
  ready = false;
  retry = new Retry();
  /** @type {WebSocket | null} */ socket = null;
  /** @type {string | null} */ resume = null;
  /** Until it is opened again. @type {any} */ timer = null;

  /** Whether a frame can be sent. @param {number} window */
  room(window) {
    return this.ready && this.socket?.bufferedAmount === 0 && this.flight.size < window;
  }

  /** @param {any} message */
  say(message) {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(message));
  }
}
