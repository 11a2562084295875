/**
 * Where pictures come from. A source is what was opened; the stage shows it. Nothing is read until
 * the user chose it, and a camera or a screen is let go when another source is opened.
 */

/**
 * @typedef {object} Source
 * @property {"sample" | "video" | "stills" | "camera" | "screen"} kind
 * @property {string} name what the user knows it by
 * @property {string} group names this source in exported labels, and nobody's patient
 * @property {string} [address] of a recording
 * @property {MediaStream} [stream] of a camera or a screen
 * @property {File[]} [files] stills, in their order
 * @property {boolean} [loop]
 * @property {() => void} stop
 */

/** Something that could not be opened; `key` is what to say, with `values`. */
export class SourceError extends Error {
  /** @param {string} key @param {Record<string, string>} [values] */
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

const VIDEO = /\.(mp4|m4v|mov|webm|mkv|ogv|avi|mpe?g|ts)$/i;
const IMAGE = /\.(jpe?g|png|webp|bmp|gif|avif)$/i;
const byName = new Intl.Collator("en", { numeric: true });

/** Whether a file is a moving picture. @param {File} file */
const isVideo = (file) => file.type.startsWith("video/") || (!file.type && VIDEO.test(file.name));
const isImage = (/** @type {File} */ file) =>
  file.type.startsWith("image/") ? !/tiff|dicom/.test(file.type) : !file.type && IMAGE.test(file.name);

/**
 * Open files that were chosen or dropped: one video, or any number of pictures.
 * @param {File[]} files
 * @returns {Promise<Source>}
 * @throws {SourceError}
 */
export async function openFiles(files) {
  const video = files.find(isVideo);
  if (video) return openVideo(video);
  const images = files.filter(isImage).sort((a, b) => byName.compare(pathOf(a), pathOf(b)));
  if (images.length) {
    const name = images.length === 1 ? images[0].name : folderOf(images[0]) || images[0].name;
    return {
      kind: "stills",
      name,
      group: await groupOf(images.map((file) => `${pathOf(file)} ${file.size}`).join("\n")),
      files: images,
      stop() {},
    };
  }
  if (files.length > 1 || files[0] === undefined) throw new SourceError("open.failed-empty");
  throw new SourceError("open.failed-kind", { name: files[0].name });
}

const pathOf = (/** @type {File} */ file) => file.webkitRelativePath || file.name;
const folderOf = (/** @type {File} */ file) => file.webkitRelativePath.split("/")[0];

/** @param {File} file @returns {Promise<Source>} */
async function openVideo(file) {
  const address = URL.createObjectURL(file);
  return {
    kind: "video",
    name: file.name,
    group: await groupOf(`${file.name} ${file.size}`),
    address,
    stop: () => URL.revokeObjectURL(address),
  };
}

/**
 * A name that is the same for the same recording and tells nobody what the file was called: file
 * names may name a patient.
 * @param {string} text
 */
async function groupOf(text) {
  if (!globalThis.crypto?.subtle) return `source-${Date.now().toString(36)}`;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const bytes = [...new Uint8Array(digest)].slice(0, 6);
  return `source-${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

const liveGroup = () => `live-${new Date().toISOString().replace(/[-:]|\.\d+Z$/g, "")}`;

/** The rendered clip. @returns {Source} */
export function openSample() {
  return {
    kind: "sample",
    name: "",
    group: "sample",
    address: new URL("./sample.webm", import.meta.url).href,
    loop: true,
    stop() {},
  };
}

/** @param {MediaStream} stream @param {"camera" | "screen"} kind @param {string} [name] @returns {Source} */
export function openStream(stream, kind = "camera", name = stream.getVideoTracks()[0]?.label ?? "") {
  return {
    kind,
    name,
    group: liveGroup(),
    stream,
    stop: () => stream.getTracks().forEach((track) => track.stop()),
  };
}

/** Ask for a camera or a capture card. @param {string} [deviceId] @returns {Promise<Source>} */
export async function openCamera(deviceId) {
  if (!navigator.mediaDevices) throw new SourceError("open.insecure");
  const video = {
    width: { ideal: 1920 },
    height: { ideal: 1080 },
    frameRate: { ideal: 30 },
    ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
  };
  try {
    return openStream(await navigator.mediaDevices.getUserMedia({ video, audio: false }), "camera");
  } catch (error) {
    throw new SourceError("open.failed-camera", { detail: error.message });
  }
}

/** Ask for a screen or a window. @returns {Promise<Source>} */
export async function openScreen() {
  if (!navigator.mediaDevices?.getDisplayMedia) throw new SourceError("open.insecure");
  try {
    const options = { video: { frameRate: { ideal: 30 } }, audio: false };
    return openStream(await navigator.mediaDevices.getDisplayMedia(options), "screen");
  } catch (error) {
    throw new SourceError("open.failed-screen", { detail: error.message });
  }
}

/** The cameras that the browser tells of. @returns {Promise<MediaDeviceInfo[]>} */
export async function cameras() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  return all.filter((device) => device.kind === "videoinput" && device.deviceId);
}

/**
 * The files of what was dropped, those in folders too.
 * @param {DataTransfer} dropped
 * @returns {Promise<File[]>}
 */
export async function droppedFiles(dropped) {
  const entries = [...dropped.items]
    .map((item) => item.webkitGetAsEntry?.())
    .filter((entry) => entry !== null && entry !== undefined);
  if (!entries.some((entry) => entry.isDirectory)) return [...dropped.files];
  const files = [];
  while (entries.length) {
    const entry = /** @type {any} */ (entries.shift());
    if (entry.isFile) {
      files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    } else {
      const reader = entry.createReader();
      // A reader gives a hundred at a time, and then none.
      for (let more; (more = await read(reader)).length; ) entries.push(...more);
    }
  }
  return files;
}

/** @returns {Promise<any[]>} */
const read = (/** @type {any} */ reader) =>
  new Promise((resolve, reject) => reader.readEntries(resolve, reject));
