/** A frame as it goes over the stream: `docs/streams.md` has the layout. */

/** Raised by a change that an older client would misread. */
export const PROTOCOL = 1;
/** The bytes before each image. */
export const HEADER_BYTES = 24;

/**
 * @typedef {object} Frame
 * @property {number} sequence counts captured frames, sent or not
 * @property {number} capturedUs when it was captured, in microseconds of the client's clock
 * @property {number} [sentAfterUs] how long after its capture it is sent
 * @property {boolean} [box] whether to say where each finding is
 */

/**
 * Write a frame as one binary message: its header in network byte order, then the image.
 * @param {Frame} frame
 * @param {Uint8Array} image a JPEG, PNG, WebP, BMP or TIFF file
 * @returns {Uint8Array}
 */
export function packFrame(frame, image) {
  const message = new Uint8Array(HEADER_BYTES + image.length);
  const view = new DataView(message.buffer);
  view.setUint16(0, 0x454c); // EL
  view.setUint8(2, PROTOCOL);
  view.setUint8(3, frame.box ? 1 : 0);
  view.setUint32(4, frame.sequence);
  view.setUint32(8, Math.floor(frame.capturedUs / 2 ** 32));
  view.setUint32(12, frame.capturedUs % 2 ** 32);
  view.setUint32(16, Math.min(frame.sentAfterUs ?? 0, 2 ** 32 - 1));
  view.setUint32(20, image.length);
  message.set(image, HEADER_BYTES);
  return message;
}
