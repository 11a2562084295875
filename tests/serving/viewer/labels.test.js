import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { csv, pack, rows } from "../../../serving/viewer/labels.js";
import { crc32 } from "../../../serving/viewer/zip.js";

const picture = new Blob([Uint8Array.of(0xff, 0xd8, 1, 2, 3)]);
const EVENTS = [
  { id: 1, finding: "polyp", mark: "right", picture },
  { id: 2, finding: "polyp", mark: null, picture },
  { id: 3, finding: "polyp", mark: "false-alarm", picture },
  { id: 12, finding: "cancer", mark: "missed", picture },
];

test("only what was marked is exported, as present or not", () => {
  assert.equal(
    csv(rows(EVENTS, "source-1")),
    "file,finding,present,group\n" +
      "frames/source-1-0001.jpg,polyp,1,source-1\n" +
      "frames/source-1-0003.jpg,polyp,0,source-1\n" +
      "frames/source-1-0012.jpg,cancer,1,source-1\n",
  );
});

test("a checksum is the one of the standard", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
});

test("the archive is read by others", async () => {
  const blob = await pack(rows(EVENTS, "source-1"));
  const file = join(mkdtempSync(join(tmpdir(), "labels-")), "labels.zip");
  writeFileSync(file, Buffer.from(await blob.arrayBuffer()));
  const code =
    "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; " +
    "print(z.namelist()); print(z.read('labels.csv').decode().splitlines()[0])";
  const said = execFileSync("python3", ["-c", code, file], { encoding: "utf8" });
  assert.match(said, /labels\.csv.*frames\/source-1-0001\.jpg/);
  assert.match(said, /file,finding,present,group/);
});
