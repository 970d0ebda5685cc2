// The Socket.IO programs of examples/, and their twins of docs/from-socket-io-to-naru.md, by the official client.
//
//   examples_test.mjs DIRECTORY-OF-THE-EXAMPLES
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { start, run, next, require } from './harness.mjs';
const { io } = require('socket.io-client');

const directory = process.argv[2];
const twins = path.join(path.dirname(fileURLToPath(import.meta.url)), '../docs/socketio');
const client = (c, options = {}) => c.add(io(c.url, { forceNew: true, reconnection: false, ...options }));
async function connected(c, options) {
  const socket = client(c, options);
  await next(socket, 'connect');
  return socket;
}

const tests = {
  async socketio_chat(c) {
    const page = await (await fetch(c.url)).text();
    assert.ok(page.includes('/socket.io/socket.io.js'));
    const script = await fetch(`${c.url}/socket.io/socket.io.js`);
    assert.equal(script.status, 200);
    const [a, b] = [await connected(c), await connected(c)];
    const both = Promise.all([next(a, 'chat message'), next(b, 'chat message')]);
    a.emit('chat message', '<b>hello</b>');
    assert.deepEqual(await both, ['<b>hello</b>', '<b>hello</b>']);
  },
  async socketio_rooms(c) {
    const [a, b, other] = [await connected(c), await connected(c), await connected(c)];
    const notHere = [];
    other.onAny((...args) => notHere.push(args));
    await a.emitWithAck('join', 'kitchen');
    const joined = next(a, 'joined');
    await b.emitWithAck('join', 'kitchen');
    const bId = b.id;
    assert.equal(await joined, bId);
    const said = next(b, 'said');
    other.emit('say', 'kitchen', 'from outside');
    await other.emitWithAck('join', 'hall');
    a.emit('say', 'kitchen', 'hello');
    assert.deepEqual(await said, ['kitchen', 'hello']);
    const left = next(a, 'left');
    b.disconnect();
    assert.equal(await left, bId);
    assert.deepEqual(notHere, []);
  },
  async socketio_acks(c) {
    const [a, b, silent] = [await connected(c), await connected(c), await connected(c)];
    assert.equal(await a.emitWithAck('add', 1, 2.5), 3.5);
    for (const [socket, vote] of [[a, true], [b, false]]) socket.on('vote', (answer) => answer(vote));
    silent.on('vote', () => {});
    const poll = () => new Promise((resolve) => a.emit('poll', (...args) => resolve(args)));
    assert.deepEqual(await poll(), [1, 3]);
    silent.on('vote', (answer) => answer(true));
    assert.deepEqual(await poll(), [2, 3]);
  },
  async socketio_auth(c) {
    const error = await next(client(c, { auth: { token: 'let me out' } }), 'connect_error');
    assert.deepEqual([error.message, error.data], ['not authorized', { code: 401 }]);
    const socket = await connected(c, { auth: { token: 'let me in', name: 'ann' } });
    assert.equal(await socket.emitWithAck('who am i'), 'ann');
  },
  async socketio_recovery(c) {
    const publisher = await connected(c);
    const socket = await connected(c, { reconnection: false });
    const { id } = socket;
    const news = [];
    socket.on('news', (text) => news.push(text));
    const first = next(socket, 'news');
    publisher.emit('publish', 'heard'); // the twin recovers nobody before the first event
    await first;
    const away = next(socket, 'disconnect');
    socket.io.engine.close();
    await away;
    const published = next(publisher, 'news');
    publisher.emit('publish', 'missed');
    await published;
    const back = next(socket, 'connect'); // not before that has been missed
    socket.connect();
    await back;
    assert.deepEqual([socket.recovered, socket.id, news], [true, id, ['heard', 'missed']]);
    await c.server.line((line) => line === `${id} is back`);
  },
  async socketio_admin(c) {
    const wrong = client({ ...c, url: `${c.url}/admin` }, { auth: { username: 'admin', password: 'fairy' } });
    assert.equal((await next(wrong, 'connect_error')).message, 'invalid credentials');
    const a = await connected(c);
    const admin = client({ ...c, url: `${c.url}/admin` }, { auth: { username: 'admin', password: 'ferry' } });
    const [sockets, config] = await Promise.all([next(admin, 'all_sockets'), next(admin, 'config')]);
    assert.ok(sockets.some(({ id }) => id === a.id));
    assert.ok(config.supportedFeatures.includes('JOIN') && config.supportedFeatures.includes('ALL_EVENTS'));
    const joined = next(admin, 'room_joined');
    await a.emitWithAck('join', 'kitchen');
    assert.deepEqual((await joined).slice(0, 3), ['/', 'kitchen', a.id]);
    const allowed = async (origin) => {
      const answer = await fetch(`${c.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } });
      return answer.headers.get('access-control-allow-origin');
    };
    assert.equal(await allowed('https://admin.socket.io'), 'https://admin.socket.io');
    assert.equal(await allowed('https://admin.socket.iq'), null);
  },
};

let failed = 0;
async function round(title, name, command, ...args) {
  const server = await start(command, [...args, '127.0.0.1:0']);
  failed += await run(title, { [name]: tests[name] }, { url: server.url, server }, process.env.NARU_ONLY);
  process.kill(server.pid); // these end by the signal itself
}
for (const name of Object.keys(tests)) {
  await round('example', name, path.join(directory, name));
  const twin = path.join(twins, `${name}.mjs`);
  if (existsSync(twin)) await round('twin', name, process.execPath, twin);
}
process.exit(failed ? 1 : 0);
