/** A worker that shrinks and compresses frames, so that the page's own thread need not. */

/** @type {OffscreenCanvas | undefined} */
let canvas;
/** @type {any} */
let context;

globalThis.onmessage = async ({ data: { id, frame, width, height, quality } }) => {
  if (canvas?.width !== width || canvas?.height !== height) {
    canvas = new OffscreenCanvas(width, height);
    // Read back for every frame: kept where the processor has it.
    context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    context.imageSmoothingQuality = "medium";
  }
  context.drawImage(frame, 0, 0, width, height);
  frame.close();
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: quality / 100 });
  const image = new Uint8Array(await blob.arrayBuffer());
  globalThis.postMessage({ id, image }, [image.buffer]);
};
