/** A ZIP archive of files that are compressed already: stored as they are (PKWARE's APPNOTE 6.3). */

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** @param {Uint8Array} bytes */
export function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/**
 * @param {{name: string, content: Uint8Array}[]} files
 * @returns {Blob}
 */
export function zip(files) {
  /** @type {Uint8Array[]} */ const parts = [];
  /** @type {Uint8Array[]} */ const index = [];
  let offset = 0;
  for (const { name, content } of files) {
    const path = new TextEncoder().encode(name);
    const common = [
      [2, 20], // the version that is needed
      [2, 0x0800], // names are UTF-8
      [2, 0], // stored
      [2, 0], // time and date: none, the same files give the same archive
      [2, 0x21],
      [4, crc32(content)],
      [4, content.length],
      [4, content.length],
      [2, path.length],
      [2, 0],
    ];
    const local = record([[4, 0x04034b50], ...common]);
    parts.push(local, path, content);
    const entry = [[4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]];
    index.push(record(entry), path);
    offset += local.length + path.length + content.length;
  }
  const size = index.reduce((sum, part) => sum + part.length, 0);
  const count = files.length;
  const end = [[4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, size], [4, offset], [2, 0]];
  return new Blob(/** @type {BlobPart[]} */ ([...parts, ...index, record(end)]), {
    type: "application/zip",
  });
}

/** Numbers in little-endian order. @param {number[][]} fields sizes in bytes, and values */
function record(fields) {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}
