import { access } from "./auth.js";

/** Where frames go and what becomes of them there, as the service says it: nothing is promised before. */
export class Privacy {
  /** @type {{purpose: string, days: number} | null | undefined} undefined until it is known */ #keeps;

  /** @param {HTMLElement} root @param {string} service @param {import("./language.js").Language} language */
  constructor(root, service, language) {
    this.service = service;
    this.language = language;
    this.foot = /** @type {HTMLElement} */ (root.querySelector(".privacy"));
    this.opening = /** @type {HTMLElement} */ (root.querySelector(".open-privacy"));
  }

  async learn() {
    try {
      this.#keeps = (await access(this.service)).keeps;
    } catch {
      this.#keeps = undefined;
    }
    this.say();
  }

  say() {
    const { language } = this;
    const { host } = new URL(this.service);
    const keeps = this.#keeps;
    const how = keeps ? "some-kept" : keeps === null ? "none-kept" : "sent";
    const purpose = keeps ? language.say(`purpose.${keeps.purpose}`) : "";
    const values = { host, purpose, days: keeps?.days ?? "" };
    this.foot.textContent = language.say(`privacy.${how}`, values);
    this.opening.textContent = language.say(`open.${how}`, values);
  }
}
