// naru's JSON against Node's: random values, written compactly and with blanks; and texts with one byte changed, which
// both must refuse or read as the same. Usage: node json_test.mjs CODEC_PEER
import assert from "node:assert/strict";
import { ask, drawer, value } from "./codec_peer.mjs";

const draw = drawer(20);
const texts = [];
for (let i = 0; i < 4000; i++) {
  texts.push(JSON.stringify(value(draw, 5)));
}
for (let i = 0; i < 2000; i++) {
  texts.push(JSON.stringify(value(draw, 3), null, draw.pick([" ", "\t"])).replaceAll("\n", "\r"));
}
// Numbers as people write them, and halves of pairs.
for (let i = 0; i < 4000; i++) {
  const digits = () => String(draw.next()).repeat(1 + draw.below(3));
  const fraction = draw.below(2) ? "." + digits() : "";
  const exponent = draw.below(2) ? draw.pick(["e", "E", "e+", "e-"]) + draw.below(340) : "";
  texts.push(draw.pick(["", "-"]) + draw.pick(["0", "1" + digits(), "9"]) + fraction + exponent);
}
for (let i = 0; i < 1000; i++) {
  const unit = () => draw.pick(["\\ud83d", "\\udea2", "\\u0041", "\\n", "x", "\\uDBFF", "\\udFfF"]);
  texts.push(`"${unit()}${unit()}${unit()}"`);
}
const marks = ["{", "}", "[", "]", ",", ":", "\"", "\\", "0", "1", "-", ".", "e", " ", "t", "\t", "\u0001", "u"];
for (let i = 0; i < 8000; i++) {
  const text = JSON.stringify(value(draw, 3));
  const at = draw.below(text.length + 1);
  texts.push(text.slice(0, at) + draw.pick([...marks, ""]) + text.slice(at + draw.below(2)));
}

const sent = texts.map((text) => Buffer.from(text, "utf8").toString("utf8"));
const answers = ask(sent.map((text) => `json ${text}`));
let refused = 0;
for (const [i, text] of sent.entries()) {
  let expected = "error";
  try {
    // Our strings are UTF-8, so that half a pair is U+FFFD. Reading it twice in Node would sort and drop keys: compare values.
    expected = JSON.parse(text, (_, v) => (typeof v === "string" ? v.toWellFormed() : v));
  } catch {
    refused++;
  }
  if (expected === "error" || answers[i] === "error") {
    assert.equal(answers[i] === "error" ? "error" : answers[i], expected === "error" ? "error" : "a value", JSON.stringify(text));
    continue;
  }
  assert.deepStrictEqual(wellFormedKeys(JSON.parse(answers[i])), wellFormedKeys(infiniteIsNull(expected)), text);
  if (typeof expected === "number" && Number.isFinite(expected)) {
    assert.equal(answers[i], JSON.stringify(expected), text);
  }
}
assert.ok(refused > 1000 && refused < 8000, `${refused} of the changed texts were bad`);
console.log(`${texts.length} texts, ${refused} of them refused by both`);

function infiniteIsNull(v) {
  return JSON.parse(JSON.stringify(v));
}

// Keys keep halves of pairs in Node; ours cannot.
function wellFormedKeys(v) {
  if (Array.isArray(v)) {
    return v.map(wellFormedKeys);
  }
  if (v === null || typeof v !== "object") {
    return v;
  }
  const entries = Object.entries(v).map(([key, each]) => [key.toWellFormed(), wellFormedKeys(each)]);
  return new Map(entries);
}
