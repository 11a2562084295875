import assert from "node:assert/strict";
import { test } from "node:test";

import {
  EndoLinkStream,
  Flight,
  Pace,
  Retry,
  Statistics,
  packFrame,
} from "../../../serving/viewer/endolink-client.js";

test("a frame's header is laid out as the service reads it", () => {
  const frame = { sequence: 7, capturedUs: 2 ** 40 + 5, sentAfterUs: 13, box: true };
  const packed = packFrame(frame, Uint8Array.of(1, 2, 3));
  assert.equal(
    Buffer.from(packed).toString("hex"),
    "454c0101" + "00000007" + "0000010000000005" + "0000000d" + "00000003" + "010203",
  );
});

test("a connection stalls where an answer takes much longer than usual", () => {
  const flight = new Flight();
  for (let number = 0; number < 20; number++) {
    flight.send(number, number * 1000);
    flight.answer(number, number * 1000 + 120);
  }
  flight.send(20, 20000);
  assert.equal(flight.stalled(20290), false);
  assert.equal(flight.stalled(20310), true);
  assert.equal(flight.dead(20310), false);
  assert.equal(flight.dead(23100), true);
  flight.answer(20, 20400);
  assert.equal(flight.size, 0);
  assert.equal(flight.waitedMs(30000), 0);
});

test("frames are let through evenly at the rate", () => {
  const pace = new Pace();
  let went = 0;
  for (let now = 0; now < 10000; now += 4) {
    if (pace.waitMs(now) === 0) {
      went += 1;
      pace.go(now, 10);
    }
  }
  assert.ok(Math.abs(went - 100) <= 2, `${went}`);
});

test("retries double up to five seconds and begin anew", () => {
  const retry = new Retry();
  const delays = Array.from({ length: 12 }, () => retry.delayMs());
  assert.ok(delays[0] <= 100);
  assert.ok(delays[11] >= 2500 && delays[11] <= 5000);
  retry.succeeded();
  assert.ok(retry.delayMs() <= 100);
});

test("statistics count, and know percentiles and the rate", () => {
  const statistics = new Statistics();
  assert.equal(statistics.ageMs(50), null);
  for (let age = 0; age <= 100; age++) statistics.age(age);
  assert.equal(statistics.ageMs(95), 95);
  for (let now = 0; now < 4000; now += 40) statistics.send(now, 1000);
  assert.equal(Math.round(statistics.kbitPerSecond(4000)), 200);
});

/** A transport that says what the test wants, and keeps what is sent. */
class FakeSocket {
  static made = [];
  bufferedAmount = 0;
  sent = [];
  constructor(address) {
    this.address = address;
    FakeSocket.made.push(this);
    queueMicrotask(() => this.onopen());
  }
  send(data) {
    this.sent.push(typeof data === "string" ? JSON.parse(data) : data);
  }
  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }
  close() {
    queueMicrotask(() => this.onclose());
  }
  get frames() {
    return this.sent.filter((data) => data instanceof Uint8Array);
  }
}

const READY = {
  type: "ready",
  session: "secret",
  resumed: false,
  advice: { type: "advice", side: 200, quality: 60, fps: 1000, window: 2 },
};
const camera = {
  capture: (source, side) => ({ source, side }),
  encode: async ({ source, side }, quality) => Uint8Array.of(source, side & 255, quality),
};
const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

async function open(options = {}) {
  FakeSocket.made = [];
  let now = 1000;
  const clock = { set: (value) => (now = value) };
  const stream = new EndoLinkStream("http://host:8000/", {
    camera,
    WebSocket: FakeSocket,
    now: () => now,
    hedge: false,
    ...options,
  });
  const heard = [];
  for (const type of ["verdict", "dropped", "alert", "state", "advice", "ready", "link", "error"]) {
    stream.addEventListener(type, ({ detail }) => heard.push([type, detail]));
  }
  await settle();
  const [socket] = FakeSocket.made;
  return { stream, socket, heard, clock };
}

test("it says hello, and answers a ping with its clock at once", async () => {
  const { stream, socket } = await open({ model: "m" });
  assert.equal(socket.address, "ws://host:8000/v1/streams");
  assert.deepEqual(socket.sent[0], {
    type: "hello", protocol: 1, clock_us: 1000000, model: "m", deadline_ms: 1000, resume: null,
  });
  socket.say({ type: "ping", id: 4 });
  assert.deepEqual(socket.sent[1], { type: "pong", id: 4, clock_us: 1000000 });
  stream.close();
});

test("frames fill the window, then the freshest waits and the others are dropped", async () => {
  const { stream, socket, heard, clock } = await open();
  socket.say(READY);
  for (let number = 0; number < 6; number++) {
    clock.set(1000 + 10 * number);
    stream.offer(number);
    await settle();
  }
  assert.deepEqual(socket.frames.map((frame) => frame[24]), [0, 1]);
  assert.deepEqual(socket.frames[0].slice(24), Uint8Array.of(0, 200, 60));
  const dropped = heard.filter(([type]) => type === "dropped").map(([, { sequence }]) => sequence);
  assert.deepEqual(dropped, [2, 3, 4]);
  clock.set(1070);
  socket.say({ type: "verdict", sequence: 0, state: "watching" });
  await settle();
  const [, verdict] = heard.find(([type]) => type === "verdict");
  assert.equal(verdict.ageMs, 70);
  assert.deepEqual(socket.frames.map((frame) => frame[24]), [0, 1, 5]);
  stream.close();
});

test("advice is followed", async () => {
  const { stream, socket } = await open();
  socket.say(READY);
  socket.say({ type: "advice", side: 100, quality: 40, fps: 1000, window: 1 });
  stream.offer(9);
  await settle();
  assert.deepEqual(socket.frames[0].slice(24), Uint8Array.of(9, 100, 40));
  stream.offer(10);
  await settle();
  assert.equal(socket.frames.length, 1);
  stream.close();
});

test("a connection that breaks is opened again with the session, and its frames are lost", async () => {
  const { stream, socket, heard } = await open();
  socket.say(READY);
  stream.offer(1);
  await settle();
  socket.onclose();
  assert.deepEqual(
    heard.filter(([type]) => type === "dropped").map(([, detail]) => detail.reason), ["lost"],
  );
  assert.equal(stream.connected, false);
  assert.deepEqual(heard.at(-1), ["link", { connected: false, code: null }]);
  await new Promise((resolve) => setTimeout(resolve, 250));
  const again = FakeSocket.made[1];
  assert.equal(again.sent[0].resume, "secret");
  again.say({ ...READY, resumed: true });
  assert.equal(stream.statistics.reconnects, 1);
  assert.equal(stream.connected, true);
  stream.close();
});

test("a stalled connection is hedged by the other", async () => {
  const { stream, socket, clock } = await open({ hedge: true });
  socket.say(READY);
  await settle();
  const second = FakeSocket.made[1];
  assert.equal(second.sent[0].resume, "secret");
  second.say({ ...READY, resumed: true });
  stream.offer(1);
  await settle();
  clock.set(1000 + Flight.STALL_TIMES * Flight.FIRST_MS + 10);
  stream.offer(2);
  await settle();
  assert.deepEqual([socket.frames.length, second.frames.length], [1, 1]);
  assert.equal(stream.statistics.hedged, 1);
  stream.close();
});

test("what the service refuses for good is told, and not tried again", async () => {
  const { stream, socket, heard } = await open();
  socket.say({ type: "error", fatal: true, code: "model-unknown", detail: "None such." });
  socket.onclose();
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.equal(heard[0][1].code, "model-unknown");
  assert.equal(FakeSocket.made.length, 1);
  stream.close();
});
