import { anonymous } from "./auth.js";
import { openFiles, openSample, openStream } from "./sources.js";
import { TEMPLATE } from "./template.js";
import { Viewer } from "./viewer.js";

const STYLES = ["./viewer.css", "./panels.css", "./report.css"];

/**
 * The viewer as a component, for the page at `/` and for a hospital's own:
 *
 *     <script type="module" src="https://endolink.example/viewer/endolink-viewer.js"></script>
 *     <endolink-viewer></endolink-viewer>
 *
 * Attributes: `service` (where it is; by default where this file came from), `model`, `lang` (`en`
 * or `zh`), `autostart` (the rendered sample plays until something is chosen). Methods: `watch` with
 * a MediaStream, a File or files, or `"sample"`; `snapshot`; `close`. Set `auth` before it is put
 * into the page, where the service asks who is there. Events, which leave the component:
 * `endolink-state`, `endolink-alert`, `endolink-verdict`, `endolink-snapshot`.
 */
export class EndoLinkViewer extends HTMLElement {
  /** @type {Viewer | null} */ viewer = null;
  auth = anonymous;

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
      root.prepend(sheet);
    }
    this.viewer = new Viewer(this, app, {
      service: (this.getAttribute("service") ?? new URL(import.meta.url).origin).replace(/\/$/, ""),
      model: this.getAttribute("model"),
      language: this.getAttribute("lang"),
      auth: this.auth,
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

  close() {
    this.viewer?.close();
    this.viewer = null;
  }
}

customElements.define("endolink-viewer", EndoLinkViewer);
