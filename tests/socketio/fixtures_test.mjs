// The two servers that other projects' suites are run against, beside what those suites ask of them: sio-fixture (the protocol's
// own suite) and sio-client-fixture (socket.io-client's). Not for: what any server does; that is wire_test.mjs.
import assert from 'node:assert/strict';
import { fixture, run, within, next, require } from './harness.mjs';
const WebSocket = require('ws');
const { io } = require('socket.io-client');

const connect = (c, path = '/', options = {}) => c.add(io(c.url + path, { forceNew: true, reconnection: false, ...options }));
const answer = (socket, event, ...args) => within(new Promise((r) => socket.emit(event, ...args, r)), event);
/** The first argument; behind it comes the offset for recovery. */
const first = async (arguments_) => [await arguments_].flat()[0];
const ways = [['polling'], ['websocket'], ['polling', 'websocket']];

/* ---- the protocol's suite ---------------------------------------------------------------------------------------- */

const one = (ws, event) => within(new Promise((r) => ws.addEventListener(event, r, { once: true })), event);

/** A session that has said `packet`: its two first frames, and how long after the word the second came. */
async function joined(c, packet) {
  const ws = c.add(new WebSocket(`${c.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`));
  ws.binaryType = 'arraybuffer';
  const open = JSON.parse((await one(ws, 'message')).data.slice(1));
  assert.deepEqual([open.pingInterval, open.pingTimeout, open.maxPayload], [300, 200, 1000000]);
  const frames = [];
  const both = new Promise((r) => ws.addEventListener('message', ({ data }) => frames.push(data) === 2 && r()));
  const began = performance.now();
  ws.send(packet);
  await within(both, 'two frames');
  return { ws, connected: frames[0], auth: frames[1], after: performance.now() - began };
}

const protocol = {
  'auth comes in a segment of its own, with what was sent': async (c) => {
    for (const [packet, head, auth] of [
      ['40', '40', '42["auth",{}]'],
      ['40{"token":"1"}', '40', '42["auth",{"token":"1"}]'],
      ['40/custom', '40/custom,', '42/custom,["auth",{}]'],
      ['40/custom,{"a":[]}', '40/custom,', '42/custom,["auth",{"a":[]}]'],
    ]) {
      const session = await joined(c, packet);
      assert.equal(session.auth, auth);
      // That suite listens for one frame at a time, and misses the second of a segment.
      assert.ok(session.after >= 49, `${session.after} ms`);
      assert.ok(session.connected.startsWith(head));
      // A pid would be recovery, which that suite takes for a mistake.
      assert.deepEqual(Object.keys(JSON.parse(session.connected.slice(head.length))), ['sid']);
    }
  },
  'a client that leaves before its auth': async (c) => {
    for (let i = 0; i < 20; i++) {
      const ws = c.add(new WebSocket(`${c.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`));
      await one(ws, 'message');
      ws.send('40');
      if (i % 3 === 0) ws.send('41');
      await one(ws, 'message');
      if (i % 3 === 1) ws.terminate();
      else ws.close();
      await one(ws, 'close');
    }
    assert.equal((await joined(c, '40')).auth, '42["auth",{}]');
  },
  'echoes, with bytes and with acknowledgement': async (c) => {
    const { ws } = await joined(c, '40');
    const frames = [];
    const three = new Promise((r) => {
      ws.addEventListener('message', ({ data }) => data !== '2' && frames.push(data) === 3 && r());
    });
    ws.send('452-7["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
    ws.send(Uint8Array.of(1, 2, 3));
    ws.send(Uint8Array.of(4));
    await within(three, 'the acknowledgement');
    assert.equal(frames[0], '462-7[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
    assert.deepEqual(frames.slice(1).map((bytes) => [...new Uint8Array(bytes)]), [[1, 2, 3], [4]]);
  },
  'who never connects is let go': async (c) => {
    const ws = c.add(new WebSocket(`${c.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`));
    ws.on('message', (data) => data.toString() === '2' && ws.send('3'));
    await one(ws, 'close');
  },
};

/* ---- the client's suite ------------------------------------------------------------------------------------------ */

const client = {
  'any bytes will do': async (c) => {
    for (const transports of ways) {
      const socket = connect(c, '/', { transports });
      const bytes = Uint8Array.of(0, 255, 128).buffer;
      for (const [event, argument, back] of [
        ['buffa', bytes, 'buffack'],
        ['jsonbuff', { hello: 'lol', message: bytes, goodbye: 'gotcha' }, 'jsonbuff-ack'],
        ['blob', bytes, 'back'],
        ['jsonblob', { hello: 'lol', message: bytes, goodbye: 'gotcha' }, 'jsonblob-ack'],
        ['blob3', bytes, 'blob3-ack'],
      ]) {
        const came = next(socket, back);
        socket.emit(event, argument);
        await came;
      }
    }
  },
  'buffers in order, of each socket by itself': async (c) => {
    const [one, other] = [connect(c), connect(c)];
    other.on('abuff2-ack', () => assert.fail('it has sent no first buffer'));
    const came = next(one, 'abuff2-ack');
    one.emit('abuff1', Buffer.from('x'));
    one.emit('abuff2', 'second');
    await came;
    other.emit('abuff2', 'second');
    assert.equal(await answer(other, 'echo', 1), 1);
  },
  'dates, words, false, bytes, acknowledgements both ways': async (c) => {
    const socket = connect(c);
    const words = [];
    const all = new Promise((r) => socket.on('takeUtf8', (word) => words.push(word) === 5 && r()));
    socket.emit('getUtf8');
    await within(all, 'five words');
    assert.deepEqual(words, ['てすと', 'Я Б Г Д Ж Й', 'Ä ä Ü ü ß', 'utf8 — string', 'utf8 — string']);
    for (const [event, back, fits] of [
      ['getDate', 'takeDate', (v) => !Number.isNaN(Date.parse(v))],
      ['getDateObj', 'takeDateObj', (v) => !Number.isNaN(Date.parse(v.date))],
      ['false', 'false', (v) => v === false],
      ['doge', 'doge', (v) => v.toString() === 'asdfasdf'],
      ['getbin', 'takebin', (v) => v.toString() === 'asdfasdf'],
      ['hi', 'hi', (v) => typeof v === 'string'],
    ]) {
      const came = first(next(socket, back));
      socket.emit(event);
      assert.ok(fits(await came), event);
    }
    assert.ok(Date.parse(await answer(socket, 'getAckDate', {})));
    const got = next(socket, 'got it');
    socket.on('ack', (reply) => reply(5, { test: true }));
    socket.emit('ack');
    await got;
    await assert.rejects(socket.timeout(50).emitWithAck('unknown'));
  },
  'namespaces, the handshake, refusals': async (c) => {
    for (const path of ['/foo', '/']) {
      const socket = connect(c, path);
      assert.equal(await answer(socket, 'getId'), socket.id);
    }
    for (const path of ['/timeout_socket', '/valid', '/asd']) await next(connect(c, path), 'connect');
    const options = { query: { '&a': '&=?a' }, auth: { e: 'f' } };
    const shaken = await first(next(connect(c, '/abc', options), 'handshake'));
    assert.deepEqual([shaken.query['&a'], shaken.auth], ['&=?a', { e: 'f' }]);
    const refused = async (path, options) => (await next(connect(c, path, options), 'connect_error')).message;
    assert.equal(await refused('/no'), 'Auth failed (custom namespace)');
    assert.equal(await refused('/', { query: { fail: true } }), 'Auth failed (main namespace)');
    assert.equal(await refused('/unheard'), 'Invalid namespace');
  },
  'a session is recovered': async (c) => {
    const socket = connect(c, '/', { reconnection: true, reconnectionDelay: 10 });
    const hi = next(socket, 'hi');
    socket.emit('hi');
    await hi;
    const { id } = socket;
    const again = next(socket, 'connect');
    socket.io.engine.close();
    await again;
    assert.deepEqual([socket.id, socket.recovered], [id, true]);
  },
};

/* ---- both -------------------------------------------------------------------------------------------------------- */

let failed = 0;
for (const [name, tests] of [['sio-fixture', protocol], ['sio-client-fixture', client]]) {
  const { url, stop } = await fixture(name);
  failed += await run(name, tests, { url }, process.env.NARU_ONLY);
  await stop();
}
process.exit(failed ? 1 : 0);
