import {
  cameras,
  droppedFiles,
  openCamera,
  openFiles,
  openSample,
  openScreen,
  SourceError,
} from "./sources.js";

/**
 * How a source is chosen: the sheet, the buttons on an empty stage, files dropped anywhere.
 * Dispatches `source` with what was opened, and `failed` with a SourceError.
 */
export class Opening extends EventTarget {
  /** @param {HTMLElement} root @param {import("./language.js").Language} language */
  constructor(root, language) {
    super();
    this.language = language;
    this.sheet = /** @type {HTMLDialogElement} */ (root.querySelector(".open-sheet"));
    this.devices = /** @type {HTMLElement} */ (root.querySelector(".devices"));
    this.drop = /** @type {HTMLElement} */ (root.querySelector(".drop"));
    this.inputs = {
      file: /** @type {HTMLInputElement} */ (root.querySelector(".pick-file")),
      folder: /** @type {HTMLInputElement} */ (root.querySelector(".pick-folder")),
    };
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-source]"))) {
      button.addEventListener("click", () => this.choose(button.dataset.source ?? ""));
    }
    for (const input of Object.values(this.inputs)) {
      input.addEventListener("change", () => {
        const files = [...(input.files ?? [])];
        input.value = "";
        if (files.length) this.take(() => openFiles(files));
      });
    }
    this.devices.querySelector("select")?.addEventListener("change", (event) => {
      const { value } = /** @type {HTMLSelectElement} */ (event.target);
      if (value) this.take(() => openCamera(value));
    });
    this.#followDrops(root);
  }

  async show() {
    const safe = globalThis.isSecureContext && navigator.mediaDevices !== undefined;
    const insecure = /** @type {HTMLElement} */ (this.sheet.querySelector(".insecure"));
    insecure.hidden = safe;
    this.sheet.showModal();
    const known = (await cameras()).filter((device) => device.label);
    this.devices.hidden = known.length < 2;
    const options = known.map((device) => new Option(device.label, device.deviceId));
    this.devices.querySelector("select")?.replaceChildren(new Option("", ""), ...options);
  }

  /** @param {string} kind */
  choose(kind) {
    if (kind === "file" || kind === "folder") this.inputs[kind].click();
    else if (kind === "camera") this.take(() => openCamera());
    else if (kind === "screen") this.take(openScreen);
    else this.take(async () => openSample());
  }

  /** @param {() => Promise<import("./sources.js").Source>} open */
  async take(open) {
    try {
      const source = await open();
      this.sheet.close();
      this.#tell("source", source);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.sheet.close();
      this.#tell("failed", error);
    }
  }

  /** @param {HTMLElement} root */
  #followDrops(root) {
    const isFiles = (/** @type {DragEvent} */ event) =>
      event.dataTransfer?.types.includes("Files") ?? false;
    root.addEventListener("dragover", (event) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      this.drop.hidden = false;
    });
    root.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget || !root.contains(/** @type {Node} */ (event.relatedTarget))) {
        this.drop.hidden = true;
      }
    });
    root.addEventListener("drop", (event) => {
      if (!isFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      this.drop.hidden = true;
      const { dataTransfer } = event;
      this.take(async () => openFiles(await droppedFiles(dataTransfer)));
    });
  }

  /** @param {string} type @param {any} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
