import { tab } from "./memory.js";
import { answerIn, farewell, prepare, redeem, renew } from "./oidc.js";

/** Kept for as long as the tab is open: a key, and the question while the user is at the provider. */
const KEY = "key";
const PENDING = "pending";
/** A token is renewed when this much of its time is left, and tried again after so long. */
const LEFT = 0.25;
const AGAIN_MS = 5000;
/** The longest that a timer takes. */
const MOST_MS = 2 ** 31 - 1;

/**
 * Who sits before the page, where the service asks: by a key, or by the hospital's provider. Tokens
 * are in the page's memory alone. An `auth` for everything that asks; dispatches `change`.
 *
 * @implements {import("./auth.js").Auth}
 */
export class SignIn extends EventTarget {
  /** @type {string | null} */ #credential = null;
  /** @type {import("./oidc.js").Tokens | null} */ #tokens = null;
  /** @type {import("./oidc.js").SignInOffer | null} */ #offer = null;
  /** @type {any} */ #timer;
  /** Why the provider let nobody in. @type {Error | null} */ failure = null;

  /** @param {string} service */
  constructor(service) {
    super();
    this.service = service;
    this.#credential = tab.get(KEY);
  }

  headers = () =>
    /** @type {Record<string, string>} */ (
      this.#credential ? { Authorization: `Bearer ${this.#credential}` } : {}
    );
  hello = () => (this.#credential ? { credential: this.#credential } : {});

  get isIn() {
    return this.#credential !== null;
  }

  /** Where the user signed in; null with a key. */
  get provider() {
    return this.#tokens && this.#offer ? new URL(this.#offer.issuer).host : null;
  }

  /** Whether a provider can send people back to this page: to the service's own, and no other. */
  get canLeave() {
    return location.origin === this.service && isSecureContext;
  }

  /** @param {string} key */
  useKey(key) {
    this.#forget();
    tab.set(KEY, key);
    this.#set(key);
  }

  /** Go to the provider; the page is left. @param {import("./oidc.js").SignInOffer} offer */
  async leaveFor(offer) {
    const { address, pending } = await prepare(offer, this.#back);
    tab.set(PENDING, JSON.stringify(pending));
    location.assign(address);
  }

  /** Whether the provider has just sent the user back. */
  get isReturning() {
    return this.canLeave && tab.get(PENDING) !== null && answerIn(location) !== null;
  }

  /** Take in what the provider said. It is out of the address before anything else is asked. */
  async return() {
    const answer = /** @type {URLSearchParams} */ (answerIn(location));
    const pending = JSON.parse(tab.get(PENDING) ?? "{}");
    tab.remove(PENDING);
    history.replaceState(null, "", location.pathname);
    try {
      this.#offer = pending.offer;
      this.#take(await redeem(pending, answer, this.#back));
    } catch (error) {
      this.failure = /** @type {Error} */ (error);
    }
  }

  /**
   * Forget who it was; at the provider too, where it has a place for that.
   * @returns {Promise<boolean>} whether the page is left for it
   */
  async signOut() {
    const [offer, identity] = [this.#offer, this.#tokens?.identity ?? null];
    this.#forget();
    this.#set(null);
    const address = offer && (await farewell(offer, identity, this.#back).catch(() => null));
    if (address) location.assign(address);
    return Boolean(address);
  }

  close() {
    clearTimeout(this.#timer);
  }

  get #back() {
    return `${this.service}/`;
  }

  /** @param {import("./oidc.js").Tokens} tokens */
  #take(tokens) {
    this.#tokens = tokens;
    this.#set(tokens.access);
    if (tokens.refresh && tokens.lastsS) this.#renewIn(tokens.lastsS * 1000 * (1 - LEFT));
  }

  /** @param {number} waitMs */
  #renewIn(waitMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#renew(), Math.min(waitMs, MOST_MS));
  }

  async #renew() {
    const refresh = this.#tokens?.refresh;
    if (!refresh || !this.#offer) return;
    try {
      this.#take(await renew(this.#offer, refresh));
    } catch (error) {
      // A network that is away comes back; a provider that says no has said it.
      if (error instanceof TypeError) this.#renewIn(AGAIN_MS);
    }
  }

  #forget() {
    clearTimeout(this.#timer);
    tab.remove(KEY);
    this.#tokens = this.#offer = null;
    this.failure = null;
  }

  /** @param {string | null} credential */
  #set(credential) {
    this.#credential = credential;
    this.dispatchEvent(new Event("change"));
  }
}
