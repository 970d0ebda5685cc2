// Socket.IO packets in MessagePack against the two encoders that clients have: notepack.io 2.2, which
// socket.io-msgpack-parser is made of, and @msgpack/msgpack. Both ways. Usage: node msgpack_test.mjs CODEC_PEER
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { decode, encode } from "@msgpack/msgpack";
import { ask, drawer, string, value } from "./codec_peer.mjs";

const notepack = createRequire(import.meta.url)("notepack.io");
const draw = drawer(7);

const bytes = () => Buffer.from(Array.from({ length: draw.below(300) }, () => draw.below(256)));

// Data with at most ten buffers, and what JSON makes of it: placeholders in order.
function data(extra) {
  let left = 10;
  const buffer = () => (left-- > 0 ? bytes() : null);
  return [string(draw) + "!", ...Array.from({ length: draw.below(4) }, () => value(draw, 3, extra && (() => extra(buffer))))];
}

function taken(v, attachments) {
  if (Buffer.isBuffer(v)) {
    attachments.push(v);
    return { _placeholder: true, num: attachments.length - 1 };
  }
  if (v instanceof Date) {
    return v.toJSON();
  }
  if (Array.isArray(v)) {
    return v.map((each) => taken(each === undefined ? null : each, attachments));
  }
  if (v === null || typeof v !== "object") {
    return Object.is(v, -0) ? 0 : v;
  }
  const entries = Object.entries(v).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries.map(([key, each]) => [key, taken(each, attachments)]));
}

function plain(v) {
  return JSON.parse(JSON.stringify(v));
}

// notepack writes a whole number above 64 bits in 64 bits, that is, wrongly, and a key "__proto__" is refused by one decoder and
// lost by the other: they get none.
function fits(v) {
  if (typeof v === "number") {
    return !Number.isInteger(v) || Math.abs(v) < 2 ** 63;
  }
  if (v === null || typeof v !== "object" || Buffer.isBuffer(v) || v instanceof Date) {
    return true;
  }
  return !Object.hasOwn(v, "__proto__") && Object.values(v).every(fits);
}

const packets = [];
while (packets.length < 1500) {
  const extra = (buffer) => draw.pick([buffer, () => undefined, () => new Date(draw.next() * 1000 - 2 ** 40)])();
  const packet = { type: 2, data: data(extra), options: { compress: true }, nsp: draw.pick(["/", "/chat"]) };
  if (draw.below(2)) {
    packet.id = draw.next();
  }
  if (fits(packet.data)) {
    packets.push(packet);
  }
}

// In: from either encoder, as JSON text and attachments. @msgpack/msgpack knows neither undefined nor notepack's Date.
const sent = [];
for (const packet of packets) {
  sent.push({ packet, wire: notepack.encode(packet) });
  const attachments = [];
  const json = taken(packet.data, attachments);
  const filled = (v) =>
    v !== null && typeof v === "object"
      ? v._placeholder
        ? attachments[v.num]
        : Array.isArray(v)
          ? v.map(filled)
          : Object.fromEntries(Object.entries(v).map(([key, each]) => [key, filled(each)]))
      : v;
  const simple = { ...packet, data: filled(json) };
  sent.push({ packet: simple, wire: Buffer.from(encode(simple)) });
}
const unpacked = ask(sent.map(({ wire }) => `unpack ${wire.toString("hex")}`));
for (const [i, { packet }] of sent.entries()) {
  const attachments = [];
  const json = taken(packet.data, attachments);
  const [text, ...hex] = unpacked[i].split("\t");
  const head = attachments.length > 0 ? `5${attachments.length}-` : "2";
  const nsp = packet.nsp === "/" ? "" : packet.nsp + ",";
  const start = head + nsp + (packet.id ?? "");
  assert.equal(text.slice(0, start.length), start);
  assert.deepStrictEqual(JSON.parse(text.slice(start.length)), plain(json));
  assert.deepStrictEqual(hex, attachments.map((each) => each.toString("hex")));
}

// Out: what naru packs, both decoders read as the same.
const packed = ask(unpacked.map((line) => `pack ${line}`));
for (const [i, line] of packed.entries()) {
  const wire = Buffer.from(line, "hex");
  const { packet } = sent[i];
  for (const read of [notepack.decode(wire), decode(wire)]) {
    const attachments = [];
    const expected = [];
    assert.equal(read.type, 2);
    assert.equal(read.nsp, packet.nsp);
    assert.equal(read.id, packet.id);
    const got = taken(buffers(read.data), attachments);
    assert.deepStrictEqual(plain(got), plain(taken(packet.data, expected)));
    assert.deepStrictEqual(attachments, expected);
  }
}
console.log(`${sent.length} packets in and out`);

// @msgpack/msgpack gives Uint8Arrays.
function buffers(v) {
  if (v instanceof Uint8Array) {
    return Buffer.from(v);
  }
  if (Array.isArray(v)) {
    return v.map(buffers);
  }
  return v !== null && typeof v === "object" ? Object.fromEntries(Object.entries(v).map(([k, e]) => [k, buffers(e)])) : v;
}
