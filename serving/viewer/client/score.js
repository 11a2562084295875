/**
 * Score one image file over HTTP.
 * @param {string} url where the service is
 * @param {Blob | ArrayBuffer | Uint8Array} image
 * @param {object} [options]
 * @param {"none" | "box" | "heatmap"} [options.explain]
 * @param {string | null} [options.model]
 * @param {Record<string, string>} [options.headers] what the service asks of whoever comes in
 * @param {AbortSignal} [options.signal] aborting takes the frame's work with it
 * @returns {Promise<any>} the verdict
 * @throws {Error} with the problem's `code` and `retryAfter` (seconds), where there is none
 */
export async function scoreFrame(url, image, { explain, model, headers, signal } = {}) {
  const query = new URLSearchParams();
  if (explain) query.set("explain", explain);
  if (model) query.set("model", model);
  const answer = await fetch(`${url.replace(/\/$/, "")}/v1/frames?${query}`, {
    method: "POST",
    body: image,
    headers: { "Content-Type": "application/octet-stream", ...headers },
    signal,
  });
  const said = await answer.json();
  if (answer.ok) return said;
  const error = new Error(said.detail);
  throw Object.assign(error, { code: said.code, retryAfter: said.retry_after });
}
