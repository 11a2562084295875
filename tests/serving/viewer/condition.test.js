import assert from "node:assert/strict";
import { test } from "node:test";

import { condition } from "../../../serving/viewer/condition.js";

const LIVE = {
  source: "live",
  everConnected: true,
  connected: true,
  refusal: null,
  fault: null,
  server: { state: "watching", reason: null },
  ageMs: 50,
  offeredMs: 20,
};
const said = (/** @type {any} */ facts) => {
  const { state, reason } = condition({ ...LIVE, ...facts });
  return [state, reason];
};

for (const [name, facts, expected] of /** @type {[string, any, any][]} */ ([
  ["all is well", {}, ["watching", null]],
  ["nothing was opened", { source: "none" }, ["ready", "none"]],
  ["an alert", { server: { state: "alert", reason: null } }, ["alert", null]],
  ["the view is dark", { server: { state: "paused", reason: "dark" } }, ["paused", "dark"]],
  ["the first try", { connected: false, everConnected: false }, ["connecting", null]],
  [
    "nobody is signed in",
    { connected: false, everConnected: false, refusal: "unauthenticated" },
    ["error", "signed-out"],
  ],
  [
    "access ended meanwhile",
    { connected: false, refusal: "unauthenticated" },
    ["error", "signed-out"],
  ],
  ["another's work", { connected: false, refusal: "forbidden" }, ["error", "forbidden"]],
  [
    "nobody answers",
    { connected: false, everConnected: false, refusal: "unreachable" },
    ["error", "unreachable"],
  ],
  ["the service is full", { connected: false, refusal: "overloaded" }, ["error", "overloaded"]],
  [
    "the link is lost in an alert",
    { connected: false, refusal: "unreachable", server: { state: "alert", reason: null } },
    ["degraded", "lost"],
  ],
  [
    "the last verdict of an alert is old",
    { ageMs: 1500, server: { state: "alert", reason: null } },
    ["degraded", "old"],
  ],
  ["it is refused for good", { fault: { code: "model-unknown" } }, ["error", "refused"]],
  ["the camera is unplugged", { lost: true }, ["error", "source-lost"]],
  ["a recording is paused", { source: "recorded", held: true }, ["paused", "held"]],
  ["it shows a polyp", { source: "recorded", held: true, found: true }, ["alert", null]],
  ["it is over", { source: "recorded", held: true, ended: true }, ["ready", "ended"]],
  [
    "the first frames are on their way",
    { server: { state: "ready", reason: null }, ageMs: null },
    ["watching", null],
  ],
  [
    "no frames come",
    { server: { state: "ready", reason: null }, offeredMs: 3000 },
    ["ready", "waiting"],
  ],
  ["a still is read", { source: "stills", still: { read: true } }, ["ready", "read"]],
  ["a still is not yet", { source: "stills", still: { read: false } }, ["watching", "reading"]],
])) {
  test(name, () => assert.deepEqual(said(facts), expected));
}
