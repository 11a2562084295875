import { icon } from "./icons.js";
import { clockTime } from "./language.js";

/**
 * The two lists beside the picture: every alert, to be confirmed or called false, and every
 * snapshot, with its finding and note. Dispatches `go`, `mark`, `remove` and `edit`.
 */
export class Lists extends EventTarget {
  /** @type {Map<any, HTMLElement>} */ #cards = new Map();
  #shown = "";

  /** @param {HTMLElement} root @param {import("./language.js").Language} language */
  constructor(root, language) {
    super();
    this.language = language;
    this.tabs = /** @type {HTMLElement[]} */ ([...root.querySelectorAll("[role=tab]")]);
    this.panels = /** @type {HTMLElement[]} */ ([...root.querySelectorAll("[role=tabpanel]")]);
    this.tabs.forEach((tab, number) => {
      tab.addEventListener("click", () => this.select(number));
      tab.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        event.stopPropagation();
        this.select(1 - number);
        this.tabs[1 - number].focus();
      });
    });
  }

  /** @param {number} number 0 for the alerts, 1 for the snapshots */
  select(number) {
    this.tabs.forEach((tab, index) => {
      tab.setAttribute("aria-selected", String(index === number));
      tab.tabIndex = index === number ? 0 : -1;
      this.panels[index].hidden = index !== number;
    });
  }

  /** Begin anew. */
  clear() {
    this.#cards.clear();
    this.#shown = "";
    for (const panel of this.panels) panel.querySelector(".cards")?.replaceChildren();
  }

  /**
   * @param {import("./session.js").Event[]} alerts
   * @param {import("./snapshots.js").Snapshot[]} snapshots
   * @param {{canSeek: boolean, stills: boolean, codes: string[]}} about
   */
  show(alerts, snapshots, about) {
    const shown = JSON.stringify([
      this.language.code,
      about,
      alerts.map(({ id, mark, endS, peak, thumbnail }) => [id, mark, endS, peak.toFixed(2), thumbnail]),
      snapshots.map(({ id, finding }) => [id, finding]),
    ]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#fill(0, alerts, (event) => this.#alertCard(event, about));
    this.#fill(1, snapshots, (snapshot) => this.#snapshotCard(snapshot, about));
  }

  /** Put the keyboard into a snapshot's note. @param {import("./snapshots.js").Snapshot} snapshot */
  editNote(snapshot) {
    this.select(1);
    this.#cards.get(snapshot)?.querySelector("input")?.focus();
  }

  /** @param {number} number @param {any[]} items @param {(item: any) => HTMLElement} make */
  #fill(number, items, make) {
    const panel = this.panels[number];
    const list = /** @type {HTMLElement} */ (panel.querySelector(".cards"));
    /** @type {HTMLElement} */ (panel.querySelector(".empty")).hidden = items.length > 0;
    const count = /** @type {HTMLElement} */ (this.tabs[number].querySelector(".count"));
    count.textContent = items.length ? String(items.length) : "";
    const wanted = [...items].reverse().map((item) => {
      const old = this.#cards.get(item);
      // What somebody is writing in is left alone.
      const busy = old?.contains(/** @type {ShadowRoot} */ (old.getRootNode()).activeElement);
      const card = busy && old ? old : make(item);
      this.#cards.set(item, card);
      return card;
    });
    if (wanted.length !== list.children.length || wanted.some((card, at) => list.children[at] !== card)) {
      const focused = /** @type {ShadowRoot} */ (list.getRootNode()).activeElement;
      const keep = focused instanceof HTMLElement && list.contains(focused) ? focused : null;
      list.replaceChildren(...wanted);
      keep?.focus();
    }
  }

  /** @param {any} item @param {string} address @param {any} about */
  #picture(item, address, { canSeek, stills }) {
    const timeS = item.alertS ?? item.timeS;
    const time = stills ? `#${timeS + 1}` : clockTime(timeS);
    const button = document.createElement(canSeek ? "button" : "span");
    button.className = "thumb";
    if (canSeek) {
      /** @type {HTMLButtonElement} */ (button).type = "button";
      button.setAttribute("aria-label", this.language.say("list.go", { time }));
      button.addEventListener("click", () => this.#tell("go", timeS));
    }
    if (address) {
      const image = document.createElement("img");
      image.src = address;
      image.alt = "";
      button.append(image);
    }
    const stamp = document.createElement("span");
    stamp.textContent = time;
    button.append(stamp);
    return button;
  }

  /** @param {any} event @param {any} about */
  #alertCard(event, about) {
    const { language } = this;
    const card = document.createElement("li");
    card.className = "card";
    card.dataset.mark = event.mark ?? "";
    const body = document.createElement("div");
    const name = document.createElement("strong");
    name.textContent = language.finding(event.finding);
    const more = document.createElement("small");
    const lasted = event.endS === null ? null : event.endS - event.startS;
    more.textContent =
      event.mark === "missed"
        ? language.say("mark.missed")
        : [
            language.percent(event.peak),
            !about.stills && lasted !== null ? `${lasted.toFixed(1)} ${language.say("unit.s")}` : "",
          ]
            .filter(Boolean)
            .join(" · ");
    const actions = document.createElement("div");
    actions.className = "card-actions";
    const marks = event.mark === "missed" ? ["missed"] : ["right", "false-alarm"];
    for (const mark of marks) {
      const on = event.mark === mark;
      actions.append(
        this.#button(mark, language.say(`mark.${mark}`), () => this.#tell("mark", { event, mark: on ? null : mark }), on),
      );
    }
    body.append(name, more, actions);
    card.append(this.#picture(event, event.thumbnail, about), body);
    return card;
  }

  /** @param {any} snapshot @param {any} about */
  #snapshotCard(snapshot, about) {
    const { language } = this;
    const card = document.createElement("li");
    card.className = "card";
    const body = document.createElement("div");
    const finding = document.createElement("select");
    finding.setAttribute("aria-label", language.say("snapshot.finding"));
    for (const code of ["", ...about.codes]) {
      const option = document.createElement("option");
      option.value = code;
      option.textContent = code ? language.finding(code) : language.say("snapshot.no-finding");
      option.selected = code === (snapshot.finding ?? "");
      finding.append(option);
    }
    finding.addEventListener("change", () => {
      snapshot.finding = finding.value || null;
      snapshot.chosen = true;
      this.#tell("edit", snapshot);
    });
    const note = document.createElement("input");
    note.type = "text";
    note.maxLength = 500;
    note.value = snapshot.note;
    note.placeholder = language.say("snapshot.note-hint");
    note.setAttribute("aria-label", language.say("snapshot.note"));
    note.addEventListener("input", () => {
      snapshot.note = note.value;
      this.#tell("edit", snapshot);
    });
    note.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") note.blur();
    });
    body.append(finding, note);
    card.append(this.#picture(snapshot, snapshot.address, about), body);
    card.append(
      this.#button("close", language.say("snapshot.remove"), () => this.#tell("remove", snapshot)),
    );
    return card;
  }

  /** @param {string} picture @param {string} text @param {() => void} act @param {boolean} [pressed] */
  #button(picture, text, act, pressed) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small";
    button.append(icon(picture));
    if (picture === "close") {
      button.setAttribute("aria-label", text);
      button.title = text;
    } else {
      button.append(text);
      button.setAttribute("aria-pressed", String(pressed ?? false));
    }
    button.addEventListener("click", act);
    return button;
  }

  /** @param {string} type @param {any} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
