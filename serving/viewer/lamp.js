import { setIcon } from "./icons.js";

/** The one lamp: a shape, a colour and a word for how it is, and why. Told once, when it changes. */
export class Lamp {
  #shown = "";

  /** @param {HTMLElement} element @param {import("./language.js").Language} language */
  constructor(element, language) {
    this.element = element;
    this.language = language;
    this.shape = /** @type {HTMLElement} */ (element.querySelector(".lamp-shape"));
    this.word = /** @type {HTMLElement} */ (element.querySelector(".lamp-word"));
    this.reason = /** @type {HTMLElement} */ (element.querySelector(".lamp-reason"));
  }

  /**
   * @param {string} state
   * @param {string} reason the words for it, or nothing
   */
  show(state, reason) {
    const word = this.language.say(`state.${state}`);
    const shown = `${state} ${word} ${reason}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.element.dataset.state = state;
    setIcon(this.shape, state);
    this.word.textContent = word;
    this.reason.textContent = reason;
  }
}
