import { SignIn } from "./sign-in.js";
import { openFiles, openSample, openStream } from "./sources.js";
import { TEMPLATE } from "./template.js";
import { Viewer } from "./viewer.js";

// The last has the last word.
const STYLES = ["./report.css", "./panels.css", "./viewer.css", "./forced-colours.css"];

/**
 * The viewer as a component, for the page at `/` and for a hospital's own:
 *
 *     <script type="module" src="https://endolink.example/viewer/endolink-viewer.js"></script>
 *     <endolink-viewer></endolink-viewer>
 *
 * Attributes: `service` (where it is; by default where this file came from), `model`, `lang` (`en`
 * or `zh`), `autostart` (the rendered sample plays until something is chosen). Methods: `watch` with
 * a MediaStream, a File or files, or `"sample"`; `snapshot`; `close`. Where the service asks who is
 * there the viewer signs people in; a page that knows its user sets `auth` before it puts the viewer
 * in, and calls `again` when it has other credentials. Events, which leave the component:
 * `endolink-state`, `endolink-alert`, `endolink-verdict`, `endolink-snapshot`.
 */
export class EndoLinkViewer extends HTMLElement {
  /** @type {Viewer | null} */ viewer = null;
  /** Who asks; where the page does not say, the viewer signs people in. @type {import("./auth.js").Auth | null} */
  auth = null;

  connectedCallback() {
    if (this.viewer) return;
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.innerHTML = TEMPLATE;
    const app = /** @type {HTMLElement} */ (root.firstElementChild);
    // Nothing is shown before it can be shown as it is meant.
    app.hidden = true;
    let waiting = STYLES.length;
    for (const style of STYLES) {
      const sheet = document.createElement("link");
      sheet.rel = "stylesheet";
      sheet.onload = sheet.onerror = () => {
        waiting -= 1;
        if (waiting === 0) app.hidden = false;
      };
      sheet.href = new URL(style, import.meta.url).href;
      app.before(sheet);
    }
    const service = (this.getAttribute("service") ?? new URL(import.meta.url).origin).replace(/\/$/, "");
    const signIn = this.auth ? null : new SignIn(service);
    if (signIn?.isReturning) signIn.return().then(() => this.#start(app, service, signIn));
    else this.#start(app, service, signIn);
  }

  /** @param {HTMLElement} app @param {string} service @param {SignIn | null} signIn */
  #start(app, service, signIn) {
    this.viewer = new Viewer(this, app, {
      service,
      model: this.getAttribute("model"),
      language: this.getAttribute("lang"),
      auth: /** @type {import("./auth.js").Auth} */ (this.auth ?? signIn),
      signIn,
    });
    if (this.hasAttribute("autostart")) this.viewer.begin();
  }

  disconnectedCallback() {
    // It may only be on its way to another place in the page.
    queueMicrotask(() => {
      if (!this.isConnected) this.close();
    });
  }

  /** @param {MediaStream | File | File[] | "sample"} what */
  async watch(what) {
    if (!this.viewer) throw new Error("Put the viewer into the page first.");
    if (what === "sample") return this.viewer.open(openSample());
    if (what instanceof MediaStream) return this.viewer.open(openStream(what));
    return this.viewer.open(await openFiles(Array.isArray(what) ? what : [what]));
  }

  /** Keep the picture that is shown. */
  async snapshot() {
    return this.viewer?.desk.snapshot();
  }

  /** Ask the service again: `auth` has other credentials now. */
  again() {
    this.viewer?.again();
  }

  close() {
    this.viewer?.close();
    this.viewer = null;
  }
}

customElements.define("endolink-viewer", EndoLinkViewer);
