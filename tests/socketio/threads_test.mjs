// One server over several threads: its clients cannot tell. Connections are dealt out in turn, so that each next one is another
// thread's; a session's requests come by all of them. Every other feature: features_test.mjs --threads.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fixture, next, run, within, require } from './harness.mjs';
const { io } = require('socket.io-client');

const THREADS = 3;
const open = (c, options = {}) =>
  c.add(io(c.url, { transports: ['websocket'], forceNew: true, reconnection: false, rejectUnauthorized: false, ...options }));
async function connect(c, options) {
  const socket = open(c, options);
  await within(new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject)), 'connect');
  return socket;
}
/** A socket on each of the threads. */
async function each(c, options) {
  const found = new Map();
  while (found.size < THREADS) {
    const socket = await connect(c, options);
    found.set(await socket.emitWithAck('thread'), socket);
  }
  return [...found.values()];
}
const heard = (socket, event, count) =>
  within(new Promise((resolve) => {
    const all = [];
    socket.on(event, (value) => all.push(value) === count && resolve(all));
  }), `${count} times ${event}`);

/** HTTP by hand, over one connection: ask(head, body) resolves with {status, body}. */
function connection(c) {
  const socket = net.connect(c.port, '127.0.0.1');
  let input = '';
  let look = () => {};
  socket.setEncoding('latin1').on('data', (data) => { input += data; look(); });
  const until = (fits) => within(new Promise((resolve) => {
    look = () => { const found = fits(); if (found) resolve(found); };
    look();
  }), 'an answer');
  const answer = () => until(() => {
    const end = input.indexOf('\r\n\r\n');
    const size = end < 0 ? 0 : Number(/content-length: (\d+)/i.exec(input.slice(0, end))?.[1] ?? 0);
    if (end < 0 || input.length < end + 4 + size) return null;
    const found = { status: Number(input.slice(9, 12)), body: input.slice(end + 4, end + 4 + size) };
    input = input.slice(end + 4 + size);
    return found;
  });
  const write = (text) => socket.write(text, 'latin1');
  const ask = (line, fields = '', body = '') => {
    write(`${line} HTTP/1.1\r\nHost: here\r\n${fields}\r\n${body}`);
    return answer();
  };
  c.add({ close: () => socket.destroy() });
  return { ask, answer, write, socket };
}
const PATH = '/socket.io/?EIO=4&transport=polling';
async function session(c) {
  const first = connection(c);
  const { body } = await first.ask(`GET ${PATH}`);
  const { sid } = JSON.parse(body.slice(1));
  return { first, sid, path: `${PATH}&sid=${sid}` };
}

const threads = {
  async 'what many say is heard in one order by all'(c) {
    const sockets = [...(await each(c)), ...(await each(c, { transports: ['polling'] }))];
    const COUNT = 200;
    const all = Promise.all(sockets.map((socket) => heard(socket, 'news', COUNT * sockets.length)));
    sockets.forEach((socket, s) => {
      for (let i = 0; i < COUNT; i++) socket.emit('to', {}, `${s}.${i}`, () => {});
    });
    const [first, ...others] = await all;
    for (const other of others) assert.deepEqual(other, first);
    sockets.forEach((_, s) => assert.deepEqual(first.filter((x) => x.startsWith(`${s}.`)).map((x) => Number(x.split('.')[1])),
      Array.from({ length: COUNT }, (_, i) => i)));
  },
  async 'what goes to one does not overtake what went to all'(c) {
    const sockets = await each(c);
    const order = sockets.map((socket) => {
      const seen = [];
      socket.on('news', (x) => seen.push(x));
      socket.on('back', (x) => seen.push(x));
      return seen;
    });
    for (let i = 0; i < 100; i++) {
      for (const socket of sockets) {
        socket.emit('to', { broadcast: false }, `${socket.id} ${2 * i}`, () => {});
        socket.emit('reply', `${socket.id} ${2 * i + 1}`);
      }
    }
    await Promise.all(sockets.map((socket) => socket.emitWithAck('echo')));
    sockets.forEach((socket, s) => {
      const own = order[s].filter((x) => x.startsWith(socket.id)).map((x) => Number(x.split(' ')[1]));
      assert.deepEqual(own, Array.from({ length: 200 }, (_, i) => i));
    });
  },
  async 'rooms, exceptions, fetchSockets, orders by id, on all threads'(c) {
    const [a, b, d] = await each(c);
    await a.emitWithAck('sockets-join', {}, 'all');
    assert.deepEqual((await a.emitWithAck('fetch', { rooms: ['all'] })).map(({ id }) => id).sort(), [a.id, b.id, d.id].sort());
    assert.deepEqual((await a.emitWithAck('fetch', { rooms: ['all'], local: true })).map(({ id }) => id), [a.id]);
    assert.deepEqual((await a.emitWithAck('fetch', { rooms: ['all'], except: [b.id] })).map(({ id }) => id).sort(), [a.id, d.id].sort());
    await a.emitWithAck('sockets-leave', { rooms: [b.id] }, 'all');
    assert.deepEqual((await b.emitWithAck('rooms')), [b.id]);
    const gone = next(d, 'disconnect');
    const ids = [a.id, b.id, d.id];
    a.emit('disconnect-sockets', { rooms: [ids[2]] }, true);
    assert.equal([await gone].flat()[0], 'io server disconnect');
    assert.deepEqual((await a.emitWithAck('fetch', { rooms: ids })).map(({ id }) => id).sort(), [ids[0], ids[1]].sort());
  },
  async 'a question to all: each answers, one is late'(c) {
    const sockets = await each(c);
    sockets.forEach((socket, i) => socket.on('question', (answer) => answer({ i, bytes: Buffer.from([i]) })));
    const ask = (options) => within(new Promise((r) => sockets[0].emit('ask', options, (...x) => r(x))), 'answers');
    const [error, answers] = await ask({ timeout: 5000 });
    assert.deepEqual([error, answers.map(({ i }) => i).sort()], [false, [0, 1, 2]]);
    sockets[2].off('question');
    const [late, some] = await ask({ timeout: 100 });
    assert.deepEqual([late, some.map(({ i }) => i).sort()], [true, [0, 1]]);
  },
  async 'events between the servers, with answers; sessions on all of them'(c) {
    const [a, b] = await each(c);
    await a.emitWithAck('log');
    const [error, answers] = await within(new Promise((r) => a.emit('server-side', 'hi', Buffer.from('b'), (...x) => r(x))), 'answers');
    assert.deepEqual([error, answers], [false, ['hi', 'hi']]);
    const lines = await b.emitWithAck('log');
    assert.deepEqual(lines.filter((line) => line.startsWith('hello')), Array(2).fill('hello "hi",{"_placeholder":true,"num":0}'));
    assert.ok(await a.emitWithAck('clients') >= THREADS);
  },
  async 'children of a parent hear it on all threads'(c) {
    const root = await connect(c);
    const children = await Promise.all(Array.from({ length: 2 * THREADS }, async () => {
      const socket = open({ ...c, url: `${c.url}/dynamic-1` });
      await next(socket, 'name');
      return socket;
    }));
    const all = Promise.all(children.map((socket) => next(socket, 'to-children')));
    root.emit('parent-emit');
    await all;
  },
  async 'polling and the upgrade find their session from any thread'(c) {
    for (const transports of [['polling'], ['polling', 'websocket']]) {
      const sockets = await Promise.all(Array.from({ length: 12 }, () => connect(c, { transports })));
      const large = 'é'.repeat(150000);
      assert.ok((await Promise.all(sockets.map((socket) => socket.emitWithAck('echo', large)))).every((x) => x === large));
      if (transports.length > 1) {
        await Promise.all(sockets.map((socket) => socket.io.engine.transport.name === 'websocket' || next(socket.io.engine, 'upgrade')));
      }
    }
  },
};

const byHand = {
  async 'a request goes to its session with its connection, which stays there'(c) {
    const { path: at } = await session(c);
    for (let i = 0; i < 2 * THREADS; i++) {
      const other = connection(c);
      if (i === 0) {
        assert.deepEqual(await other.ask(`POST ${at}`, 'Content-Length: 2\r\n', '40'), { status: 200, body: 'ok' });
        assert.match((await other.ask(`GET ${at}`)).body, /^40\{/);
      }
      const post = 'Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n';
      // The body comes when it is asked for: by the thread that the connection has gone to.
      assert.equal((await other.ask(`POST ${at}`, post)).status, 100);
      const text = `421["echo",${i}]`;
      other.write(`${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`);
      assert.deepEqual(await other.answer(), { status: 200, body: 'ok' });
      assert.deepEqual(await other.ask(`GET ${at}`), { status: 200, body: `431[${i}]` });
      assert.equal((await other.ask('GET /elsewhere')).status, 404);
    }
  },
  async 'requests one behind the other in one segment'(c) {
    const { path: at } = await session(c);
    for (let i = 0; i < THREADS; i++) {
      const other = connection(c);
      const text = i ? `421["echo",${i}]` : '40';
      const post = `POST ${at} HTTP/1.1\r\nHost: here\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
      other.write(`${post}GET ${at} HTTP/1.1\r\nHost: here\r\n\r\n`);
      assert.deepEqual(await other.answer(), { status: 200, body: 'ok' });
      assert.match((await other.answer()).body, i ? new RegExp(`^431\\[${i}\\]$`) : /^40/);
    }
  },
  async 'a GET that hangs elsewhere ends its session when its client goes'(c) {
    const watcher = await connect(c);
    await watcher.emitWithAck('log');
    for (let i = 0; i < THREADS; i++) {
      const { first, path: at } = await session(c);
      await first.ask(`POST ${at}`, 'Content-Length: 2\r\n', '40');
      await first.ask(`GET ${at}`);
      const one = connection(c);
      one.write(`GET ${at} HTTP/1.1\r\nHost: here\r\n\r\n`);
      one.socket.end();
      const lines = [];
      while (!lines.includes('disconnect transport error')) lines.push(...(await watcher.emitWithAck('log')));
    }
  },
  async 'ids that nobody has, of any thread and of none'(c) {
    const { sid } = await session(c);
    for (let i = 0; i < 300; i += 23) {
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
      const strange = `${'x'.repeat(14)}${alphabet[(i >> 6) & 63]}${alphabet[i & 63]}${sid.slice(16)}`;
      const { status, body } = await connection(c).ask(`GET ${PATH}&sid=${strange}`);
      assert.deepEqual([status, JSON.parse(body).code], [400, 1], strange);
    }
  },
};

let failed = 0;
const folder = mkdtempSync(path.join(tmpdir(), 'naru-threads-'));
execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
  '-keyout', path.join(folder, 'key.pem'), '-out', path.join(folder, 'cert.pem'), '-subj', '/CN=localhost'], { stdio: 'pipe' });
async function round(title, args, ...tests) {
  const server = await fixture('sio-feature-fixture', '--threads', String(THREADS), ...args);
  const url = args.includes('--tls') ? server.url.replace('http:', 'https:') : server.url;
  for (const some of tests) failed += await run(title, some, { url, port: server.port, threads: THREADS }, process.env.NARU_ONLY);
  await server.stop();
}
try {
  await round('dealt', [], threads, byHand);
  await round('by the kernel', ['--spread', 'kernel'], { polling: threads['polling and the upgrade find their session from any thread'] });
  await round('TLS', ['--tls', folder], threads);
  const { 'ids that nobody has, of any thread and of none': _, ...some } = byHand;
  await round('own ids', ['--own-ids'], some);
} finally {
  rmSync(folder, { recursive: true });
}
process.exit(failed ? 1 : 0);
