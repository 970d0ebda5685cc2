// What every JavaScript peer does: reads the command line and the case file, plays a case over a connection, says
// how it went. The grammar of a case file is told in cases.py.
//
// A connection is an adapter: send(kind, bytes), fragments(kind, parts, pingBetween), ping(bytes) -> resolves at its
// pong, close(code, reason), protocol, and `inbox`, into which it puts {type: 'text'|'binary', data} and
// {type: 'close', code, reason}.
import { readFileSync } from 'node:fs';

const TEXT = Buffer.from('naru 나루 é 𐍈 ferry ');
const BINARY = Buffer.from(Array.from({ length: 251 }, (_, i) => (i * 7 + 3) & 255));

// `size` bytes that no shift or cut leaves equal to themselves; a text is cut at a character and filled up with "x".
export function payload(kind, size) {
  const out = Buffer.alloc(size, kind === 'text' ? TEXT : BINARY);
  if (kind === 'text') {
    let cut = size;
    while (cut > 0 && (TEXT[cut % TEXT.length] & 0xc0) === 0x80) cut--;
    out.fill('x', cut);
  }
  return out;
}

export function readCases(file) {
  const cases = new Map();
  let current;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const words = line.split(' ');
    if (words[0] === 'case') cases.set(words[1], (current = { name: words[1], protocols: [], select: '', steps: [] }));
    else if (words[0] === 'protocols') {
      current.protocols = words[1].split(',');
      current.select = words[2];
    } else if (line) current.steps.push(words);
  }
  return cases;
}

export class Inbox {
  items = [];
  waiters = [];

  put(item) {
    const waiter = this.waiters.shift();
    if (waiter) waiter(item);
    else this.items.push(item);
  }

  take() {
    if (this.items.length) return Promise.resolve(this.items.shift());
    return new Promise((resolve) => this.waiters.push(resolve));
  }
}

export class Unsupported extends Error {}

class Difference extends Error {}

function brief(item) {
  if (item.type === 'close') return `close ${item.code} ${item.reason || ''}`;
  return `${item.type} of ${item.data.length} bytes ${JSON.stringify(item.data.subarray(0, 24).toString('latin1'))}`;
}

async function expectMessage(conn, kind, data) {
  const item = await conn.inbox.take();
  if (item.type !== kind || !data.equals(item.data)) {
    throw new Difference(`wanted ${brief({ type: kind, data })}, got ${brief(item)}`);
  }
}

async function expectClose(conn, code) {
  const item = await conn.inbox.take();
  if (item.type !== 'close' || item.code !== code) throw new Difference(`wanted close ${code}, got ${brief(item)}`);
}

const STEPS = {
  async echo(conn, [kind, size]) {
    const data = payload(kind, Number(size));
    conn.send(kind, data);
    await expectMessage(conn, kind, data);
  },
  async fragments(conn, [kind, sizes, ping]) {
    const parts = sizes.split(',').map(Number);
    const data = payload(kind, parts.reduce((a, b) => a + b, 0));
    let at = 0;
    const pieces = parts.map((size) => data.subarray(at, (at += size)));
    if (!conn.fragments) throw new Unsupported('fragments');
    const pong = conn.fragments(kind, pieces, ping === 'ping');
    await expectMessage(conn, kind, data);
    await pong;
  },
  async ping(conn, [size]) {
    if (!conn.ping) throw new Unsupported('ping');
    await conn.ping(payload('binary', Number(size)));
  },
  async burst(conn, [kind, size, count]) {
    const data = payload(kind, Number(size));
    for (let i = 0; i < Number(count); i++) conn.send(kind, data);
    for (let i = 0; i < Number(count); i++) await expectMessage(conn, kind, data);
  },
  async hello(conn, [count]) {
    for (let n = 1; n <= Number(count); n++) {
      const data = Buffer.from(`hello. This is message number #${n}`);
      conn.send('text', data);
      await expectMessage(conn, 'text', data);
    }
  },
  async close(conn, [code, ...reason]) {
    conn.close(code === undefined ? undefined : Number(code), reason.join(' '));
    await expectClose(conn, code === undefined ? 1005 : Number(code));
  },
  async await(conn, [code], name) {
    console.log(`await ${name}`);
    await expectClose(conn, Number(code));
  },
};

export async function play(conn, test) {
  try {
    if (conn.protocol !== test.select) throw new Difference(`wanted protocol "${test.select}", got "${conn.protocol}"`);
    for (const [verb, ...words] of test.steps) await STEPS[verb](conn, words, test.name);
    console.log(`case ${test.name} ok`);
  } catch (error) {
    const word = error instanceof Unsupported ? 'unsupported' : 'fail';
    console.log(`case ${test.name} ${word} ${error.message || error}`);
    conn.close(1000, '');
  }
}

// PEER server --cases FILE [--tls CERT KEY] [--deflate MODE]
// PEER client URL --cases FILE [--ca FILE] [--deflate MODE]
// MODE: off, takeover, no-takeover, small-window. --builtin anywhere: see peer_undici.mjs
export async function main({ server, client }) {
  const words = process.argv.slice(2);
  const options = { deflate: 'off', builtin: words.includes('--builtin') };
  const [role, ...rest] = words.filter((word) => word !== '--builtin');
  for (let i = 0; i < rest.length; i++) {
    if (rest[i] === '--cases') options.cases = readCases(rest[++i]);
    else if (rest[i] === '--deflate') options.deflate = rest[++i];
    else if (rest[i] === '--ca') options.ca = readFileSync(rest[++i]);
    else if (rest[i] === '--tls') options.tls = { cert: readFileSync(rest[++i]), key: readFileSync(rest[++i]) };
    else options.url = rest[i];
  }
  if (role === 'server') {
    server(options);
    return;
  }
  for (const test of options.cases.values()) {
    try {
      await play(await client(options, test), test);
    } catch (error) {
      console.log(`case ${test.name} fail ${error.message || error}`);
    }
  }
  process.exit(0);
}
