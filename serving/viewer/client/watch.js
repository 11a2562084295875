/** Whether a video has a picture at this moment: not while its source is exchanged. @param {HTMLVideoElement} video */
export const hasFrame = (video) => video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;

/**
 * Offer every frame that a video shows, as it shows it. Gives a function that stops it.
 * @param {HTMLVideoElement} video
 * @param {import("./stream.js").EndoLinkStream} stream
 * @param {object} [options]
 * @param {boolean} [options.box] whether to say where each finding is
 * @param {(sequence: number, mediaTime: number, capturedUs: number) => void} [options.offered]
 *   hears of each frame, with its time in the recording in seconds, and on the stream's clock
 * @returns {() => void}
 */
export function watchVideo(video, stream, { box = false, offered } = {}) {
  let handle = 0;
  /** @type {VideoFrameRequestCallback} */
  const step = (now, metadata) => {
    handle = video.requestVideoFrameCallback(step);
    // Its source may have been exchanged since.
    if (!hasFrame(video)) return;
    const atUs = capturedUs(stream, now, metadata);
    offered?.(stream.offer(video, { capturedUs: atUs, box }), metadata.mediaTime, atUs);
  };
  handle = video.requestVideoFrameCallback(step);
  return () => video.cancelVideoFrameCallback(handle);
}

/**
 * When a frame was captured, by the stream's clock: a camera says it, a recording's is when it is
 * shown.
 */
function capturedUs(stream, now, metadata) {
  const captured = metadata.captureTime;
  const plausible = captured !== undefined && captured <= now && captured > now - 1000;
  return plausible ? Math.round(captured * 1000) : stream.clockUs();
}
