import { access, isAboutWho } from "./auth.js";

/** Where people say who they are, and sign out: asked for when the service does, and never before. */
export class SignInSheet {
  /** A key that was typed and of which the service has not said yet what it thinks. */
  #tried = false;
  /** What the service said last. @type {string | null} */ #refusal = null;

  /** @param {import("./viewer.js").Viewer} viewer @param {import("./sign-in.js").SignIn} signIn */
  constructor(viewer, signIn) {
    this.viewer = viewer;
    this.signIn = signIn;
    this.sheet = /** @type {HTMLDialogElement} */ (viewer.find(".who-sheet"));
    this.button = viewer.find("[data-action=who]");
    this.says = viewer.find(".who-says");
    this.provider = viewer.find(".who-provider");
    this.form = viewer.find(".who-key");
    this.input = /** @type {HTMLInputElement} */ (this.form.querySelector("input"));
    this.form.addEventListener("submit", (event) => this.#tryKey(event));
    this.provider.addEventListener("click", () => this.#leave());
    viewer.find(".who-out").addEventListener("click", () => this.#out());
    signIn.addEventListener("change", () => this.#know());
    this.#know();
  }

  /** Take in how the service answers to who asks. @param {boolean} connected @param {string | null} code */
  hear(connected, code) {
    const before = this.#refusal;
    if (connected) this.#refusal = null;
    else if (isAboutWho(code)) this.#refusal = code;
    this.#know();
    if (connected) {
      this.#tried = false;
      if (before !== null && this.sheet.open) this.sheet.close();
      return;
    }
    if (!this.#refusal) return;
    if (this.#tried) {
      this.#tried = false;
      this.#warn(code === "forbidden" ? "who.forbidden" : "who.unknown");
      this.input.select();
    } else if (before === null && this.#mayAsk) {
      this.show();
    }
  }

  /** Nothing is laid over a patient's picture: there the lamp says it. */
  get #mayAsk() {
    const { source } = this.viewer.stage;
    return !source || source.kind === "sample";
  }

  async show() {
    const { viewer, signIn } = this;
    const { language } = viewer;
    const isIn = signIn.isIn && !this.#refusal;
    this.form.hidden = this.provider.hidden = true;
    viewer.find(".who-out").hidden = !isIn;
    const { provider, failure } = signIn;
    if (isIn && provider) this.#say("who.in-at", { provider });
    else if (isIn) this.#say("who.in-key");
    else if (failure) this.#failed(failure);
    else if (this.#refusal === "forbidden") this.#warn("who.forbidden");
    else this.#say("who.asked");
    if (!this.sheet.open) this.sheet.showModal();
    if (isIn) return;
    const offers = await access(signIn.service).catch(() => null);
    this.form.hidden = !offers?.methods.includes("key");
    if (offers?.sign_in && signIn.canLeave) {
      this.offer = offers.sign_in;
      this.provider.hidden = false;
      const host = new URL(this.offer.issuer).host;
      this.provider.textContent = language.say("who.provider", { host });
      this.provider.focus();
    } else if (!this.form.hidden) {
      this.input.focus();
    }
  }

  /** @param {Event} event */
  #tryKey(event) {
    event.preventDefault();
    const key = this.input.value.trim();
    if (!key) return;
    this.#tried = true;
    this.#say("who.trying");
    this.signIn.useKey(key);
    this.input.value = "";
    this.viewer.again();
  }

  async #leave() {
    this.#say("who.leaving");
    try {
      await this.signIn.leaveFor(/** @type {any} */ (this.offer));
    } catch (error) {
      this.#failed(/** @type {Error} */ (error));
    }
  }

  async #out() {
    this.sheet.close();
    const left = await this.signIn.signOut();
    // Whoever comes next finds nothing of what was seen.
    if (this.signIn.canLeave && !left) location.reload();
    else this.viewer.again();
  }

  /** Show the button where there is something to say. */
  #know() {
    this.button.hidden = !this.signIn.isIn && !this.#refusal;
    this.button.classList.toggle("urgent", this.#refusal !== null);
  }

  /** @param {Error} error of the way to the provider, or of its answer */
  #failed(error) {
    // What `fetch` throws where nobody answers; the browser's own words for it help nobody.
    if (error instanceof TypeError) this.#warn("who.unreachable");
    else this.#warn("who.failed", { detail: error.message });
  }

  /** @param {string} key @param {Record<string, string>} [values] */
  #say(key, values) {
    this.says.textContent = this.viewer.language.say(key, values);
    this.says.classList.remove("wrong");
  }

  /** Say what stands in the way. @param {string} key @param {Record<string, string>} [values] */
  #warn(key, values) {
    this.#say(key, values);
    this.says.classList.add("wrong");
  }
}
