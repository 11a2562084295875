/**
 * Signing in at an OpenID Connect provider: the authorization code flow with PKCE (RFC 7636), for a
 * page that can keep no secret. The access token is for the service, which checks it; nothing in it
 * is read here.
 */

/**
 * @typedef {object} SignInOffer what the service says at `/v1/access`
 * @property {string} issuer
 * @property {string} client_id
 * @property {string} audience
 *
 * @typedef {object} Pending what is kept while the user is at the provider
 * @property {string} state
 * @property {string} verifier
 * @property {SignInOffer} offer
 *
 * @typedef {object} Tokens
 * @property {string} access
 * @property {string | null} refresh
 * @property {string | null} identity
 * @property {number} lastsS
 */

const SCOPE = "openid endolink:score endolink:stream";

/** @param {Uint8Array} bytes */
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
const unguessable = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** What the provider says of itself (OpenID Connect Discovery 1.0). @param {string} issuer */
export async function discover(issuer) {
  const answer = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  if (!answer.ok) throw new Error(`${new URL(issuer).host}: ${answer.status}`);
  const described = await answer.json();
  if (described.issuer !== issuer) throw new Error("The provider calls itself by another name.");
  return described;
}

/**
 * Prepare to go to the provider.
 * @param {SignInOffer} offer
 * @param {string} back where it sends the user afterwards
 * @returns {Promise<{address: string, pending: Pending}>}
 */
export async function prepare(offer, back) {
  const described = await discover(offer.issuer);
  const pending = { state: unguessable(), verifier: unguessable(), offer };
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
  const address = new URL(described.authorization_endpoint);
  const asked = {
    response_type: "code",
    client_id: offer.client_id,
    redirect_uri: back,
    scope: SCOPE,
    state: pending.state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
    // Behind the #, so that the code is in no server's log.
    ...(described.response_modes_supported?.includes("fragment") && { response_mode: "fragment" }),
    // RFC 8707 has it name the service by an address; others know it by the client.
    ...(URL.canParse(offer.audience) && { resource: offer.audience }),
  };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  return { address: address.href, pending };
}

/**
 * What the provider sent the user back with, if it did.
 * @param {Location} location
 * @returns {URLSearchParams | null}
 */
export function answerIn(location) {
  for (const text of [location.hash, location.search]) {
    const answer = new URLSearchParams(text.slice(1));
    if (answer.has("state") && (answer.has("code") || answer.has("error"))) return answer;
  }
  return null;
}

/**
 * Exchange the code for tokens.
 * @param {Pending} pending @param {URLSearchParams} answer @param {string} back as before
 * @returns {Promise<Tokens>}
 * @throws {Error} where the answer is not to our question, or the provider says no
 */
export async function redeem({ state, verifier, offer }, answer, back) {
  const issuer = answer.get("iss"); // RFC 9207
  if (answer.get("state") !== state || (issuer !== null && issuer !== offer.issuer)) {
    throw new Error("The answer is to another question.");
  }
  const code = answer.get("code");
  if (!code) throw new Error(answer.get("error_description") ?? answer.get("error") ?? "");
  const asked = { grant_type: "authorization_code", code, redirect_uri: back, code_verifier: verifier };
  return ask(offer, asked);
}

/** Tokens in place of those that end. @param {SignInOffer} offer @param {string} refresh */
export const renew = (offer, refresh) =>
  ask(offer, { grant_type: "refresh_token", refresh_token: refresh });

/** @param {SignInOffer} offer @param {Record<string, string>} asked @returns {Promise<Tokens>} */
async function ask(offer, asked) {
  const { token_endpoint: endpoint } = await discover(offer.issuer);
  const body = new URLSearchParams({ client_id: offer.client_id, ...asked });
  const answer = await fetch(endpoint, { method: "POST", body });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error_description ?? said.error);
  return {
    access: said.access_token,
    refresh: said.refresh_token ?? asked.refresh_token ?? null,
    identity: said.id_token ?? null,
    lastsS: said.expires_in ?? 0,
  };
}

/**
 * Where to sign out; null where the provider has no such place.
 * @param {SignInOffer} offer @param {string | null} identity @param {string} back
 */
export async function farewell(offer, identity, back) {
  const { end_session_endpoint: endpoint } = await discover(offer.issuer);
  if (!endpoint) return null;
  const address = new URL(endpoint);
  address.searchParams.set("client_id", offer.client_id);
  address.searchParams.set("post_logout_redirect_uri", back);
  if (identity) address.searchParams.set("id_token_hint", identity);
  return address.href;
}
