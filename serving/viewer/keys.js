/** Which key does what; shown by the help, in this order. */
export const KEYS = [
  [["Space"], "help.play", "freeze"],
  [["S"], "help.snapshot", "snapshot"],
  [["N"], "help.note", "note"],
  [["C"], "help.right", "right"],
  [["F"], "help.false-alarm", "false-alarm"],
  [["M"], "help.missed", "missed"],
  [["H"], "help.heat", "heat"],
  [["←", "→"], "help.back", ["back", "on"]],
  [[",", "."], "help.step", ["step-back", "step"]],
  [["[", "]"], "help.event", ["last-alert", "next-alert"]],
  [["O"], "help.open", "open"],
  [["R"], "help.report", "report"],
  [["D"], "help.link", "link"],
  [["A"], "help.sound", "sound"],
  [["L"], "help.language", "language"],
  [["X"], "help.fullscreen", "fullscreen"],
  [["?"], "help.help", "help"],
  [["Esc"], "help.close", null],
];

const NAMES = { Space: " ", "←": "ArrowLeft", "→": "ArrowRight" };

/** @type {Map<string, string>} */
const ACTIONS = new Map(
  KEYS.flatMap(([keys, , actions]) =>
    /** @type {string[]} */ (keys).flatMap((key, at) => {
      const action = Array.isArray(actions) ? actions[at] : actions;
      const name = NAMES[/** @type {"Space"} */ (key)] ?? /** @type {string} */ (key).toLowerCase();
      return action ? [/** @type {[string, string]} */ ([name, String(action)])] : [];
    }),
  ),
);

/** Where typing is typing. */
const TYPING = "input:not([type=checkbox]), select, textarea, [contenteditable]";

/**
 * The action that a key stands for; null where it is somebody else's.
 * @param {KeyboardEvent} event
 * @param {boolean} single whether single letters are on
 * @returns {string | null}
 */
export function actionOf(event, single) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return null;
  const target = /** @type {Element} */ (event.composedPath()[0]);
  if (target.matches?.(TYPING)) return null;
  const { key } = event;
  // A focused button answers to the space bar itself; the timeline to its arrows, as we do.
  if (key === " " && target.matches?.("button, a, summary, [role=tab], input")) return null;
  if (!single && key.length === 1 && key !== " ") return null;
  if (!single && key === " " && !target.matches?.(".timeline")) return null;
  return ACTIONS.get(key.length === 1 ? key.toLowerCase() : key) ?? null;
}

/** Write the list of keys. @param {HTMLElement} list @param {import("./language.js").Language} language */
export function fillKeys(list, language) {
  list.replaceChildren(
    ...KEYS.flatMap(([keys, text]) => {
      const [term, said] = [document.createElement("dt"), document.createElement("dd")];
      for (const key of /** @type {string[]} */ (keys)) {
        const cap = document.createElement("kbd");
        cap.textContent = key;
        term.append(cap);
      }
      said.textContent = language.say(String(text));
      return [term, said];
    }),
  );
}
