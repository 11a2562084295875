import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { clockTime, Language } from "../../../serving/viewer/language.js";
import { en } from "../../../serving/viewer/locale-en.js";
import { zh } from "../../../serving/viewer/locale-zh.js";
import { whereabouts } from "../../../serving/viewer/marks.js";

const FOLDER = new URL("../../../serving/viewer/", import.meta.url);

test("both languages say the same things, with the same values in them", () => {
  assert.deepEqual(Object.keys(en).sort(), Object.keys(zh).sort());
  const places = (text) => (text.match(/\{\w+\}/g) ?? []).sort().join();
  for (const key of Object.keys(en)) assert.equal(places(en[key]), places(zh[key]), key);
});

test("every text that is asked for is there", () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".js"));
  const asked = files.flatMap((name) => {
    const source = readFileSync(new URL(name, FOLDER), "utf8");
    const calls = [...source.matchAll(/say\(\s*"([a-z][\w.-]+)"/g)];
    const marks = [...source.matchAll(/data-(?:text|label)="([a-z][\w.-]+)"/g)];
    return [...calls, ...marks].map((match) => match[1]);
  });
  assert.ok(asked.length > 80);
  for (const key of asked) assert.ok(key in en, key);
});

test("a finding is called as the service calls it", () => {
  const language = new Language("zh-CN");
  language.learn([{ code: "polyp", label: "Polyp", labels: { en: "Polyp", zh: "息肉" } }]);
  assert.equal(language.finding("polyp"), "息肉");
  assert.equal(language.finding("unknown"), "unknown");
  language.switch();
  assert.equal(language.finding("polyp"), "Polyp");
  assert.equal(new Language("de").code, "en");
});

test("times and places are said shortly", () => {
  assert.deepEqual([0, 64, 3727].map(clockTime), ["0:00", "1:04", "1:02:07"]);
  assert.equal(whereabouts([0.7, 0.7, 0.9, 0.9]), "lower-right");
  assert.equal(whereabouts([0.4, 0.4, 0.6, 0.6]), "centre");
  assert.equal(whereabouts([0.4, 0, 0.6, 0.2]), "upper");
});
