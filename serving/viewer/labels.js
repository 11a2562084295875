import { zip } from "./zip.js";

/**
 * The clinician's marks as `labels.csv` (`file,finding,present,group`), which `endolink train`
 * reads, with the frames that it names.
 */

/** Whether each mark says that the finding is there. */
const PRESENT = { right: 1, missed: 1, "false-alarm": 0 };

/**
 * @param {import("./session.js").Event[]} events
 * @param {string} group
 * @returns {{file: string, finding: string, present: number, group: string, picture: Blob}[]}
 */
export function rows(events, group) {
  return events
    .filter((event) => event.mark && event.picture)
    .map((event) => ({
      file: `frames/${group}-${String(event.id).padStart(4, "0")}.jpg`,
      finding: event.finding,
      present: PRESENT[/** @type {"right"} */ (event.mark)],
      group,
      picture: event.picture,
    }));
}

/** @param {ReturnType<typeof rows>} labelled */
export function csv(labelled) {
  const lines = labelled.map((row) => `${row.file},${row.finding},${row.present},${row.group}`);
  return ["file,finding,present,group", ...lines, ""].join("\n");
}

/** @param {ReturnType<typeof rows>} labelled @returns {Promise<Blob>} */
export async function pack(labelled) {
  const files = await Promise.all(
    labelled.map(async ({ file, picture }) => ({
      name: file,
      content: new Uint8Array(await picture.arrayBuffer()),
    })),
  );
  return zip([{ name: "labels.csv", content: new TextEncoder().encode(csv(labelled)) }, ...files]);
}

/** Hand a file to the user. @param {Blob} content @param {string} name */
export function save(content, name) {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser reads it after the click, at its own time.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
