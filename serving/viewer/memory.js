/** What a browser keeps for the page; a page may forbid it, then everything is asked again. */
class Memory {
  /** @param {"localStorage" | "sessionStorage"} kind */
  constructor(kind) {
    this.kind = kind;
  }

  /** @param {string} name @returns {string | null} */
  get(name) {
    try {
      return globalThis[this.kind].getItem(`endolink.${name}`);
    } catch {
      return null;
    }
  }

  /** @param {string} name @param {string} value */
  set(name, value) {
    try {
      globalThis[this.kind].setItem(`endolink.${name}`, value);
    } catch {
      // Not kept, then.
    }
  }

  /** @param {string} name */
  remove(name) {
    try {
      globalThis[this.kind].removeItem(`endolink.${name}`);
    } catch {
      // It was not kept.
    }
  }
}

/** From one visit to the next: no picture, and nothing of what was seen. */
export const visits = new Memory("localStorage");
/** For as long as the tab is open. */
export const tab = new Memory("sessionStorage");
