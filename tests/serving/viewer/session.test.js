import assert from "node:assert/strict";
import { test } from "node:test";

import { Moments } from "../../../serving/viewer/moments.js";
import { Session } from "../../../serving/viewer/session.js";

const FINDINGS = [
  { code: "polyp", kind: "lesion", threshold: 0.5 },
  { code: "cecum", kind: "landmark", threshold: 0.5 },
  { code: "bbps-2-3", kind: "view-quality", threshold: 0.5 },
];

function verdict(probabilities, usable = true) {
  const findings = FINDINGS.map((finding, at) => ({
    ...finding,
    probability: probabilities[at],
    present: probabilities[at] >= finding.threshold,
  }));
  return { usable, findings };
}

function watched(session, fromS, toS, probabilities, usable = true, stepS = 0.04) {
  for (let at = fromS; at < toS - 1e-9; at += stepS) session.judged(at, verdict(probabilities, usable));
}

test("time is counted once, as clear view and by preparation", () => {
  const session = new Session(10);
  watched(session, 0, 6, [0, 0, 0.9]);
  watched(session, 6, 8, [0, 0, 0.9], false);
  const known = session.summary();
  assert.ok(Math.abs(known.examinedS - 8) < 0.1, `${known.examinedS}`);
  assert.ok(Math.abs(known.usableShare - 0.75) < 0.02);
  assert.ok(known.preparation[0].share > 0.99);
  watched(session, 0, 8, [0, 0, 0.1]);
  const again = session.summary();
  assert.ok(Math.abs(again.examinedS - 8) < 0.2, `${again.examinedS}`);
  assert.ok(again.preparation[0].share < 0.02);
});

test("a frame that passes two grades of preparation counts for the likelier one", () => {
  const session = new Session(10);
  const grades = [
    { code: "bbps-2-3", kind: "view-quality", threshold: 0.44, probability: 0.9, present: true },
    { code: "impacted-stool", kind: "view-quality", threshold: 0.16, probability: 0.4, present: true },
    { code: "reduced-mucosal-view", kind: "view-quality", threshold: 0.5, probability: 0.6, present: true },
  ];
  for (let at = 0; at < 4; at += 0.04) session.judged(at, { usable: true, findings: grades });
  const shares = session.summary().preparation.map(({ share }) => share);
  assert.ok(shares[0] > 0.99, `${shares}`);
  assert.equal(shares[1], 0);
  assert.ok(shares[2] > 0.99, `${shares}`);
});

test("a stretch that was not looked at is not counted", () => {
  const session = new Session(100);
  watched(session, 0, 2, [0, 0, 0]);
  watched(session, 60, 62, [0, 0, 0]);
  const { examinedS } = session.summary();
  assert.ok(examinedS > 4 && examinedS < 4.6, `${examinedS}`);
});

test("rare frames leave no gaps in the course", () => {
  const session = new Session(10);
  watched(session, 0, 10, [0.7, 0, 0], true, 0.4);
  const missing = [...Array(90).keys()].filter((index) => !session.buckets.has(index));
  assert.deepEqual(missing, []);
});

test("an alert has its time and its peak, and keeps its mark when it is seen again", () => {
  const session = new Session(10);
  watched(session, 0, 3, [0, 0, 0]);
  const event = session.alertOn("polyp", "lesion", 3);
  watched(session, 3, 4, [0.8, 0, 0]);
  session.alertOff("polyp", 4.2, { startS: 2.8, peak: 0.85 });
  assert.deepEqual([event.startS, event.endS, event.peak], [2.8, 4.2, 0.85]);
  event.mark = "right";
  watched(session, 4, 10, [0, 0, 0]);
  watched(session, 0, 3, [0, 0, 0]);
  assert.equal(session.alertOn("polyp", "lesion", 3.1), event);
  assert.equal(session.alerts.length, 1);
  assert.equal(event.mark, "right");
  watched(session, 3, 8, [0, 0, 0]);
  session.alertOff("polyp", 4);
  session.alertOn("polyp", "lesion", 8);
  assert.equal(session.alerts.length, 2);
});

test("what was missed is marked so, and is no alert", () => {
  const session = new Session(null);
  watched(session, 0, 5, [0, 0, 0]);
  const seen = session.alertOn("polyp", "lesion", 3);
  session.alertOff("polyp", 4.5);
  watched(session, 0, 5, [0, 0, 0]);
  session.missed("polyp", "lesion", 4);
  assert.equal(seen.mark, null);
  session.events.splice(session.events.indexOf(seen), 1);
  const known = session.summary();
  assert.deepEqual([known.alerts, known.missed], [0, 1]);
});

test("a landmark's first time is the one that counts", () => {
  const session = new Session(null);
  watched(session, 0, 10, [0, 0, 0]);
  session.alertOn("cecum", "landmark", 10);
  session.alertOff("cecum", 12, {});
  watched(session, 10, 20, [0, 0, 0]);
  session.alertOn("cecum", "landmark", 20);
  assert.deepEqual(session.summary().landmarks.map(({ startS }) => startS), [10]);
});

test("memory is bounded, and what was marked stays", () => {
  const session = new Session(null);
  session.learn(FINDINGS);
  for (let at = 0; at < 500; at++) {
    const event = session.alertOn("polyp", "lesion", at * 10);
    session.alertOff("polyp", at * 10 + 1);
    if (at === 3) event.mark = "false-alarm";
  }
  assert.ok(session.events.length <= 200);
  assert.ok(session.events.some((event) => event.mark === "false-alarm"));
});

test("moments are found by frame and by time", () => {
  const moments = new Moments();
  for (let number = 0; number < 2000; number++) moments.keep(number, number * 40_000, number / 25);
  assert.equal(moments.of(1999), 1999 / 25);
  assert.equal(moments.of(0), null);
  assert.equal(moments.at(1990 * 40_000 + 10), 1990 / 25);
});
