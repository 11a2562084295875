/**
 * EndoLink's client for browsers, without dependencies: capture, shrink, encode, send the freshest
 * frame, hear the verdict.
 *
 *     import { EndoLinkStream, watchVideo } from "http://127.0.0.1:8000/viewer/endolink-client.js";
 *
 *     const stream = new EndoLinkStream("http://127.0.0.1:8000");
 *     stream.addEventListener("verdict", ({ detail }) => console.log(detail.state, detail.ageMs));
 *     watchVideo(document.querySelector("video"), stream);
 *
 * What it does is what the Python client does, by the same protocol (`docs/streams.md`): a frame
 * that could not be sent when the next was captured never is; size, quality, rate and window follow
 * the service's advice; two connections are open, and where one stalls the next frame takes the
 * other; one that breaks is opened again, and the session goes on.
 *
 * It points; the clinician decides.
 */

export { canvasCamera, WorkerCamera } from "./client/camera.js";
export { Flight } from "./client/flight.js";
export { HEADER_BYTES, packFrame, PROTOCOL } from "./client/frame.js";
export { Pace, Retry } from "./client/pace.js";
export { scoreFrame } from "./client/score.js";
export { Statistics } from "./client/statistics.js";
export { EndoLinkStream } from "./client/stream.js";
export { watchVideo } from "./client/watch.js";
