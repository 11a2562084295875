/** Where the network looks, laid over a picture that stands still: warm where it speaks most. */

/**
 * Colours for the map's grey: from nothing through violet to yellow, which differ in lightness too.
 * @param {number} value 0 to 255
 * @returns {[number, number, number, number]}
 */
function colour(value) {
  const share = value / 255;
  return [
    Math.round(90 + 165 * Math.min(1, share * 1.6)),
    Math.round(255 * Math.max(0, share - 0.25) * 1.2),
    Math.round(170 * Math.max(0, 1 - share * 1.4)),
    Math.round(190 * Math.min(1, share * 1.3)),
  ];
}

/**
 * The map as a picture of the frame's size.
 * @param {{box: number[], png: string}} heatmap as the service gives it
 * @param {{width: number, height: number}} frame the frame that was judged, in pixels
 * @param {number} width of the result
 * @param {number} height
 * @returns {Promise<OffscreenCanvas>}
 */
export async function drawHeatmap({ box, png }, frame, width, height) {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  const grey = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const tinted = new OffscreenCanvas(grey.width, grey.height);
  const pen = /** @type {any} */ (tinted.getContext("2d", { willReadFrequently: true }));
  pen.drawImage(grey, 0, 0);
  grey.close();
  const pixels = pen.getImageData(0, 0, tinted.width, tinted.height);
  for (let at = 0; at < pixels.data.length; at += 4) pixels.data.set(colour(pixels.data[at]), at);
  pen.putImageData(pixels, 0, 0);
  const whole = new OffscreenCanvas(width, height);
  const context = /** @type {any} */ (whole.getContext("2d"));
  context.imageSmoothingQuality = "high";
  const [x, y] = [width / frame.width, height / frame.height];
  const [x0, y0, x1, y1] = box;
  context.drawImage(tinted, x0 * x, y0 * y, (x1 - x0) * x, (y1 - y0) * y);
  return whole;
}
