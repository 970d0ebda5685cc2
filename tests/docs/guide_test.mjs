// The programs of docs/from-ws-to-naru.md do the same: each example in C, and its twin in ws, is put to one script.
//
//   guide_test.mjs TOPIC DIRECTORY-OF-THE-EXAMPLES
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { adler32 } from './adler32.mjs';
import { WebSocket } from 'ws';

const [topic, directory] = process.argv.slice(2);
const twins = join(dirname(fileURLToPath(import.meta.url)), 'ws');
const scratch = mkdtempSync(join(tmpdir(), 'naru-guide-'));
const MIB = 1 << 20;
const SANITIZED = process.env.NARU_SANITIZED === '1'; // then memory says nothing
const running = new Set();

const C = (name) => [join(directory, name)];
const JS = (name) => [process.execPath, join(twins, `${name}.mjs`)];

// ---- programs -------------------------------------------------------------------------------------------------------

function start([program, ...first], ...rest) {
  const child = spawn(program, [...first, ...rest], { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  child.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.line = async () => (await child.lines.next()).value;
  child.ended = once(child, 'exit').then(([status, signal]) => {
    running.delete(child);
    return signal ?? status;
  });
  return child;
}

async function serve(command, ...options) {
  const server = start(command, ...options, '127.0.0.1:0');
  const line = await server.line();
  assert.match(line ?? '', /^listening on 127\.0\.0\.1:\d+$/);
  server.address = line.slice('listening on '.length);
  return server;
}

async function stop(server) {
  server.kill('SIGKILL');
  await server.ended;
}

function rss(child) {
  const found = readFileSync(`/proc/${child.pid}/status`, 'ascii').match(/VmHWM:\s+(\d+) kB/);
  return Number(found[1]) * 1024;
}

// ---- connections ----------------------------------------------------------------------------------------------------

// A connection whose messages and end wait in line.
class Peer {
  constructor(url, ...more) {
    this.socket = new WebSocket(url, ...more);
    this.got = [];
    this.waiting = [];
    const put = (item) => (this.waiting.shift() ?? ((kept) => this.got.push(kept)))(item);
    this.socket.on('message', (data, isBinary) => put(isBinary ? data : String(data)));
    this.socket.on('close', (code, reason) => put({ code, reason: String(reason) }));
    this.socket.on('error', (error) => put({ error: error.message }));
  }
  next() {
    return this.got.length ? this.got.shift() : new Promise((resolve) => this.waiting.push(resolve));
  }
  async close() {
    this.socket.close(1000);
    assert.equal((await this.next()).code, 1000);
  }
}

async function connect(url, ...more) {
  const peer = new Peer(url, ...more);
  await once(peer.socket, 'open');
  return peer;
}

// ---- what each topic promises ------------------------------------------------------------------------------------------

async function echoes(url, options) {
  const peer = await connect(url, options);
  for (const message of ['hello', '', '나루', 'x'.repeat(70_000)]) {
    peer.socket.send(message);
    assert.equal(await peer.next(), message);
  }
  const bytes = randomBytes(1000);
  peer.socket.send(bytes);
  assert.deepEqual(await peer.next(), bytes);
  await peer.close();
}

const topics = {
  async echo(command) {
    const server = await serve(command);
    await echoes(`ws://${server.address}/`);
    const lost = new Peer(`ws://${server.address}/elsewhere`);
    assert.match((await lost.next()).error, /Unexpected server response: 4\d\d/);
    await stop(server);
  },

  async broadcast(command) {
    const server = await serve(command);
    const peers = await Promise.all([1, 2, 3].map(() => connect(`ws://${server.address}/`)));
    peers[0].socket.send('all aboard');
    for (const peer of peers) assert.equal(await peer.next(), 'all aboard');
    peers[2].socket.terminate();
    peers[1].socket.send(Buffer.from([1, 2]));
    for (const peer of peers.slice(0, 2)) assert.deepEqual(await peer.next(), Buffer.from([1, 2]));
    await Promise.all(peers.slice(0, 2).map((peer) => peer.close()));
    await stop(server);
  },

  async chat(command) {
    const server = await serve(command);
    const join = (room) => connect(`ws://${server.address}${room}`);
    const [ann, bob, eve] = await Promise.all([join('/chat/kitchen'), join('/chat/kitchen'), join('/chat/attic')]);
    ann.socket.send('soup');
    assert.equal(await bob.next(), 'soup');
    eve.socket.send('nobody hears me');
    bob.socket.send('yes');
    assert.equal(await ann.next(), 'yes');
    await bob.close();
    const cat = await join('/chat/attic');
    cat.socket.send('meow'); // the first that eve hears: nothing came from the kitchen
    assert.equal(await eve.next(), 'meow');
    await Promise.all([ann, eve, cat].map((peer) => peer.close()));
    assert.match((await new Peer(`ws://${server.address}/other`).next()).error, /: 40[04]/);
    await stop(server);
  },

  async late_accept(command) {
    const server = await serve(command);
    const url = `ws://${server.address}/`;
    const before = performance.now();
    const peer = new Peer(url, { headers: { Authorization: 'Bearer ferry' } });
    assert.equal(await peer.next(), 'welcome, ferryman');
    assert.ok(performance.now() - before > 45, 'it was decided at once');
    await peer.close();
    const stranger = new WebSocket(url, { headers: { Authorization: 'Bearer ferrz' } });
    const [, response] = await once(stranger, 'unexpected-response');
    assert.deepEqual([response.statusCode, response.headers['www-authenticate']], [401, 'Bearer']);
    const left = new WebSocket(url);
    left.on('error', () => {});
    await once(left._req, 'finish');
    left.terminate(); // while its token is looked up
    const again = new Peer(url, { headers: { Authorization: 'Bearer ferry' } });
    assert.equal(await again.next(), 'welcome, ferryman');
    await again.close();
    await stop(server);
  },

  async send_file(command, isNaru) {
    const path = join(scratch, 'file');
    for (const size of [0, 5, 16384, 16385, 64 * MIB]) {
      if (size < MIB) writeFileSync(path, randomBytes(size));
      else truncateSync(path, size);
      const server = await serve(command, path);
      const before = rss(server);
      const peer = await connect(`ws://${server.address}/`, { maxPayload: 128 * MIB });
      if (size > MIB) {
        peer.socket.pause();
        // While somebody else gets all of it, the slow reader's waits in the file, not in memory.
        const quick = await connect(`ws://${server.address}/`, { maxPayload: 128 * MIB });
        assert.equal((await quick.next()).length, size);
        assert.equal((await quick.next()).code, 1000);
        if (isNaru && !SANITIZED) assert.ok(rss(server) - before < MIB, `grew by ${rss(server) - before} bytes`);
        peer.socket.resume();
      }
      const digest = (data) => createHash('sha256').update(data).digest('hex');
      assert.equal(digest(await peer.next()), digest(readFileSync(path)));
      assert.deepEqual(await peer.next(), { code: 1000, reason: 'that was all' });
      if (isNaru && !SANITIZED) assert.ok(rss(server) - before < MIB, `grew by ${rss(server) - before} bytes`);
      await stop(server);
    }
    const server = await serve(command, join(scratch, 'nothing'));
    assert.deepEqual(await new Peer(`ws://${server.address}/`).next(), { code: 1011, reason: 'no file' });
    await stop(server);
  },

  async receive_chunks(command, isNaru) {
    const server = await serve(command);
    const peer = await connect(`ws://${server.address}/`, { perMessageDeflate: false });
    const before = rss(server);
    const sizes = isNaru ? [0, 1, 125, 126, 65536, 200_000, 96 * MIB] : [0, 1, 125, 126, 65536, 200_000];
    for (const size of sizes) {
      const data = Buffer.alloc(size, 'ferry');
      peer.socket.send(data); // one frame
      const expected = `${size} bytes, ${adler32(data).toString(16).padStart(8, '0')}`;
      assert.equal(await peer.next(), expected);
      const part = size > MIB ? MIB : 60_000; // at most 1024 fragments
      for (let at = 0; at < size; at += part) peer.socket.send(data.subarray(at, at + part), { fin: false });
      peer.socket.send('', { fin: true, binary: true });
      assert.equal(await peer.next(), expected); // and in fragments
    }
    if (isNaru && !SANITIZED) assert.ok(rss(server) - before < MIB, `grew by ${rss(server) - before} bytes`);
    await peer.close();
    await stop(server);
  },

  async heartbeat(command) {
    const server = await serve(command);
    const alive = await connect(`ws://${server.address}/`);
    assert.match(await server.line(), /^alive/);
    await alive.close();
    assert.equal(await server.line(), 'gone: 1000');
    const dead = await connect(`ws://${server.address}/`, { autoPong: false });
    assert.equal(await server.line(), 'gone: 1006');
    assert.equal((await dead.next()).code, 1006);
    await stop(server);
  },

  async server(command) {
    const server = await serve(command);
    await echoes(`ws://${server.address}/`);
    const peers = await Promise.all([1, 2, 3].map(() => connect(`ws://${server.address}/`)));
    const before = performance.now();
    server.kill('SIGTERM');
    for (const peer of peers) assert.equal((await peer.next()).code, 1001);
    assert.equal(await server.ended, 0);
    const took = performance.now() - before;

    const second = await serve(command);
    const deaf = await connect(`ws://${second.address}/`);
    deaf.socket.pause(); // never reads the Close
    const since = performance.now();
    second.kill('SIGTERM');
    assert.equal(await second.ended, 0);
    const waited = performance.now() - since;
    assert.ok(waited > 1900, 'it did not wait for the peer');
    assert.ok(took < waited, 'all had answered, and it waited');
    deaf.socket.terminate();
  },

  async subprotocols(command) {
    const server = await serve(command);
    for (const [asked, agreed, greeting] of [
      [['json'], 'json', '{"hello":"there"}'],
      [['plain'], 'plain', 'hello there'],
      [['other', 'plain', 'json'], 'plain', 'hello there'],
      [[], '', 'hello there'],
    ]) {
      const peer = new Peer(`ws://${server.address}/`, asked);
      assert.equal(await peer.next(), greeting);
      assert.equal(peer.socket.protocol, agreed);
      await peer.close();
    }
    assert.equal((await new Peer(`ws://${server.address}/`, ['other']).next()).error, 'Server sent no subprotocol');
    await stop(server);
  },

  async tls(command) {
    const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(scratch, name));
    const openssl = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    execFileSync('openssl', [...openssl, '-keyout', key, '-out', cert, ...names], { stdio: 'pipe' });
    const server = await serve(command, cert, key);
    await echoes(`wss://${server.address}/`, { ca: readFileSync(cert) });
    assert.match((await new Peer(`wss://${server.address}/`).next()).error, /self-signed certificate/);
    await stop(server);
  },

  // The client's twin, each of them against both echo servers.
  async client(command) {
    for (const echo of [C('echo'), JS('echo')]) {
      const server = await serve(echo);
      const client = start(command, `ws://${server.address}/`);
      assert.deepEqual([await client.line(), await client.line()], ['hello', 'closed with 1000']);
      assert.equal(await client.ended, 0);
      const lost = start(command, `ws://${server.address}/elsewhere`);
      assert.equal(await lost.line(), 'closed with 1006');
      assert.equal(await lost.ended, 1);
      await stop(server);
    }
  },
};

try {
  await topics[topic](C(topic), true);
  await topics[topic](JS(topic), false);
  console.log(`${topic}: the same in naru and in ws`);
} finally {
  for (const child of running) child.kill('SIGKILL');
  rmSync(scratch, { recursive: true });
}
