/**
 * How it all is, in one word and a reason, from what the service says and what only the page knows.
 * Nothing silences an alert while its verdicts are fresh; without a link there is none to show.
 */

/** A verdict older than this is not of what is shown: as the service has it for a link. */
export const OLD_MS = 300;
/** Older than this it is not shown as anything but old. */
export const STALE_MS = 1000;

/** Refusals that are told as they are, whether there was a link before or not. */
const UNTIL_MENDED = /** @type {Record<string, string>} */ ({
  overloaded: "overloaded",
  unauthenticated: "signed-out",
  forbidden: "forbidden",
  "identity-unreachable": "identity",
});

/**
 * @typedef {object} Facts
 * @property {"none" | "live" | "recorded" | "stills"} source
 * @property {boolean} [lost] the source is gone
 * @property {boolean} [held] a recording that the user paused, or that has not begun
 * @property {boolean} [ended]
 * @property {boolean} everConnected
 * @property {boolean} connected
 * @property {string | null} [refusal] why the service lets nobody in
 * @property {string | null} [fault] what it refuses for good
 * @property {{state: string, reason: string | null}} server as it said last
 * @property {number | null} ageMs of the newest verdict; null before the first
 * @property {number} offeredMs since the newest frame was offered
 * @property {boolean} [found] a still, or a held picture, shows a lesion
 * @property {{number: number, total: number, read: boolean} | null} [still]
 */

/**
 * @param {Facts} facts
 * @returns {{state: string, reason: string | null}}
 */
export function condition(facts) {
  if (facts.fault) return { state: "error", reason: "refused" };
  if (facts.lost) return { state: "error", reason: "source-lost" };
  if (!facts.connected) {
    const why = UNTIL_MENDED[facts.refusal ?? ""];
    if (why) return { state: "error", reason: why };
    if (facts.everConnected) return { state: "degraded", reason: "lost" };
    if (facts.refusal === null) return { state: "connecting", reason: null };
    return { state: "error", reason: "unreachable" };
  }
  if (facts.source === "none") return { state: "ready", reason: "none" };
  if (facts.source === "stills") {
    if (facts.found) return { state: "alert", reason: null };
    return facts.still?.read ? { state: "ready", reason: "read" } : { state: "watching", reason: "reading" };
  }
  if (facts.held) {
    if (facts.found) return { state: "alert", reason: null };
    return facts.ended ? { state: "ready", reason: "ended" } : { state: "paused", reason: "held" };
  }
  const offering = facts.offeredMs < STALE_MS;
  if (offering && facts.ageMs !== null && facts.ageMs > STALE_MS) {
    return { state: "degraded", reason: "old" };
  }
  if (facts.server.state === "ready") {
    return offering ? { state: "watching", reason: null } : { state: "ready", reason: "waiting" };
  }
  return facts.server;
}
