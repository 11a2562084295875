/**
 * Who asks. An `auth` has `headers`, which go with every request, and `hello`, which goes into the
 * first message of a stream; neither ever goes into an address. A page that knows its user gives
 * the viewer one; else the viewer signs people in itself (`sign-in.js`).
 *
 * @typedef {object} Auth
 * @property {() => Record<string, string>} headers
 * @property {() => object} hello
 */

/**
 * What the service says to anybody: how people sign in, and what it keeps of what it is sent.
 * @param {string} service
 * @returns {Promise<{required: boolean, methods: string[],
 *   sign_in: import("./oidc.js").SignInOffer | null, keeps: {purpose: string, days: number} | null}>}
 */
export const access = async (service) => (await fetch(`${service}/v1/access`)).json();

/** What the service says to whoever it does not know, or who may not. */
const REFUSALS = new Set(["unauthenticated", "forbidden"]);

/** Whether it takes other credentials to go on. @param {string | null | undefined} code */
export const isAboutWho = (code) => REFUSALS.has(code ?? "");
