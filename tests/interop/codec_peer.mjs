// What the tests of codecs share: numbers drawn from a seed, and naru's answers to many lines at once.
import { spawnSync } from "node:child_process";

export function drawer(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  return { next, below: (n) => next() % n, pick: (list) => list[next() % list.length] };
}

export function ask(lines) {
  const run = spawnSync(process.argv[2], { input: lines.join("\n") + "\n", maxBuffer: 1 << 30 });
  if (run.status !== 0) {
    throw new Error(`the peer ended with ${run.status ?? run.signal}: ${run.stderr}`);
  }
  const answers = run.stdout.toString("utf8").split("\n").slice(0, -1);
  if (answers.length !== lines.length) {
    throw new Error(`${answers.length} answers to ${lines.length} lines`);
  }
  return answers;
}

const bits = new DataView(new ArrayBuffer(8));

export function number(draw) {
  switch (draw.below(6)) {
    case 0:
      return draw.below(1000) - 500;
    case 1:
      return (draw.next() * 2 ** 21 + draw.below(2 ** 21)) * (draw.below(2) ? 1 : -1);
    case 2:
      return (draw.below(2000000) - 1000000) / 10 ** draw.below(8);
    case 3:
      return draw.next() / 2 ** 32;
    case 4:
      return draw.next() - 2 ** 31;
    default: {
      bits.setUint32(0, draw.next());
      bits.setUint32(4, draw.next());
      const value = bits.getFloat64(0);
      return Number.isFinite(value) ? value : 0;
    }
  }
}

const pieces = ["", "a", "key", "\"", "\\", "\n", "\u0000", "\u001f", "\u007f", "é", "한글", "🚢", "\u2028",
  "__proto__", "/", "0123456789abcdef"];

export function string(draw) {
  let text = "";
  for (let i = draw.below(5); i > 0; i--) {
    text += draw.pick(pieces);
  }
  return text;
}

// An object that JSON.parse would make: its "__proto__" is a member.
function member(object, key, value) {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

export function value(draw, depth, extra) {
  const kind = draw.below(depth > 0 ? 8 : 5);
  switch (kind) {
    case 0:
      return draw.pick([null, true, false]);
    case 1:
    case 2:
      return number(draw);
    case 3:
      return extra && draw.below(3) === 0 ? extra(draw) : string(draw);
    case 4:
      return string(draw);
    case 5:
    case 6:
      return Array.from({ length: draw.below(6) }, () => value(draw, depth - 1, extra));
    default: {
      const object = {};
      for (let i = draw.below(6); i > 0; i--) {
        member(object, string(draw), value(draw, depth - 1, extra));
      }
      return object;
    }
  }
}
