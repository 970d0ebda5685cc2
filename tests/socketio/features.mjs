// Every feature of a Socket.IO server, by the official client, over each transport: put to naru's fixture and to the same server
// on npm's socket.io. `naru` in a context says which of the two it is, where naru does better on purpose.
import assert from 'node:assert/strict';
import { next, within, require } from './harness.mjs';
const { io } = require('socket.io-client');

export const WAYS = { websocket: ['websocket'], polling: ['polling'], upgrade: ['polling', 'websocket'] };

function open({ url, add, transports, extra }, nsp = '', options = {}) {
  return add(io(url + nsp, { transports, forceNew: true, reconnection: false, ...extra, ...options }));
}
async function connect(context, nsp, options) {
  const socket = open(context, nsp, options);
  await within(new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  }), 'connect');
  return socket;
}
const refused = (socket) => next(socket, 'connect_error');
const log = async (socket) => socket.emitWithAck('log');
const plain = (value) => JSON.parse(JSON.stringify(value));
const bytes = (value) => Buffer.isBuffer(value) || value instanceof Uint8Array;
/** Resolves when the server has handled all that this socket has sent. */
const settled = (socket) => within(socket.emitWithAck('echo'), 'an echo');
/** What `socket` heard of `event` until the server had done what was asked of it. */
function heard(socket, event = 'news') {
  const all = [];
  socket.on(event, (...args) => all.push(args.length === 1 ? args[0] : args));
  return all;
}

export const everywhere = {
  async 'an id of 20 characters, that is not the session\'s'(c) {
    const socket = await connect(c);
    assert.match(socket.id, /^[A-Za-z0-9_-]{20}$/);
    assert.notEqual(socket.id, socket.io.engine.id);
  },
  async 'events carry every kind of value'(c) {
    const socket = await connect(c);
    const sent = [null, true, -1, 2.5, 'tëxt "quoted" \u2028', [1, [2]], { a: { b: null } }];
    assert.deepEqual(await socket.emitWithAck('echo', ...sent, 'end').then(plain), sent[0]);
    socket.emit('reply', ...sent);
    assert.deepEqual(await next(socket, 'back'), sent);
  },
  async 'an answer may have several arguments, bytes and nested bytes'(c) {
    const socket = await connect(c);
    const answer = await within(new Promise((resolve) => socket.emit('values', (...args) => resolve(args))), 'values');
    assert.deepEqual(answer.slice(0, 5), [null, true, -5, 1.5, '"héllo"\n']);
    assert.deepEqual(Buffer.from(answer[5]), Buffer.from([1, 2, 3]));
    assert.deepEqual(Buffer.from(answer[6].deep[0]), Buffer.from([4]));
    assert.deepEqual([answer[6].flag, answer[6].num], [true, 9]);
  },
  async 'bytes go there and back, nested too, ten of them'(c) {
    const socket = await connect(c);
    const ten = Array.from({ length: 10 }, (_, i) => Buffer.alloc(i + 1, i));
    socket.emit('reply', { all: ten }, 'tail');
    const [{ all }, tail] = await next(socket, 'back');
    assert.equal(tail, 'tail');
    assert.ok(all.every((piece, i) => bytes(piece) && Buffer.from(piece).equals(ten[i])));
  },
  async 'a large event goes there and back'(c) {
    const socket = await connect(c);
    const large = 'é'.repeat(200000);
    assert.equal(await socket.emitWithAck('echo', large), large);
    const binary = Buffer.alloc(300000, 7);
    assert.ok(Buffer.from(await socket.emitWithAck('echo', binary)).equals(binary));
  },
  async 'names like __proto__ are names'(c) {
    const socket = await connect(c);
    assert.equal(await socket.emitWithAck('__proto__', 1), 1);
    await socket.emitWithAck('join', '__proto__');
    await socket.emitWithAck('join', 'constructor');
    assert.deepEqual((await socket.emitWithAck('rooms')).sort(), ['__proto__', 'constructor', socket.id].sort());
  },
  async 'order is kept among events and answers'(c) {
    const socket = await connect(c);
    const seen = [];
    socket.on('back', (i) => seen.push(i));
    for (let i = 0; i < 200; i++) socket.emit('reply', i);
    await settled(socket);
    assert.deepEqual(seen, Array.from({ length: 200 }, (_, i) => i));
  },
  async 'rooms: union, exceptions, broadcast, ids; each socket once'(c) {
    const [a, b, d] = [await connect(c), await connect(c), await connect(c)];
    const [ha, hb, hd] = [heard(a), heard(b), heard(d)];
    await a.emitWithAck('join', 'r1');
    await b.emitWithAck('join', 'r1');
    await b.emitWithAck('join', 'r2');
    await d.emitWithAck('join', 'r2');
    const to = (options, payload) => a.emitWithAck('to', options, payload);
    await to({ rooms: ['r1', 'r2'] }, 1);
    await to({ rooms: ['r1'], except: ['r2'] }, 2);
    await to({ rooms: ['r1', 'r2'], broadcast: true }, 3);
    await to({ broadcast: true }, 4);
    await to({ rooms: [d.id] }, 5);
    await to({ rooms: [d.id, 'r2', d.id] }, 6);
    await to({ except: [a.id, 'r2'] }, 7);
    await to({ rooms: ['nobody'] }, 8);
    await to({ rooms: ['r1'], local: !c.threads, plain: true }, 9);
    await Promise.all([a, b, d].map(settled));
    assert.deepEqual(ha, [1, 2, 9]);
    assert.deepEqual(hb, [1, 3, 4, 6, 9]);
    assert.deepEqual(hd, [1, 3, 4, 5, 6]);
    await b.emitWithAck('leave', 'r1');
    await to({ rooms: ['r1'] }, 10);
    await Promise.all([a, b].map(settled));
    assert.deepEqual([ha.at(-1), hb.at(-1)], [10, 9]);
  },
  async 'a broadcast carries bytes'(c) {
    const [a, b] = [await connect(c), await connect(c)];
    const arrived = next(b, 'news');
    await a.emitWithAck('to', { broadcast: true }, { inside: Buffer.from('bytes') });
    assert.equal(Buffer.from((await arrived).inside).toString(), 'bytes');
  },
  async 'acknowledgements by the client: in time, too late, never'(c) {
    const socket = await connect(c);
    socket.on('question', (n, answer) => answer({ n }));
    assert.deepEqual(await within(new Promise((r) => socket.emit('ask-me', 0, (...x) => r(x))), 'answer'), [false, { n: 7 }]);
    assert.deepEqual(await within(new Promise((r) => socket.emit('ask-me', 5000, (...x) => r(x))), 'answer'), [false, { n: 7 }]);
    socket.off('question');
    assert.deepEqual(await within(new Promise((r) => socket.emit('ask-me', 30, (...x) => r(x))), 'answer'), [true]);
  },
  async 'a broadcast with acknowledgements: all, some, none'(c) {
    const [a, b, d] = [await connect(c), await connect(c), await connect(c)];
    for (const [socket, name] of [[b, 'b'], [d, 'd']]) {
      socket.on('question', (answer) => answer(name));
      await socket.emitWithAck('join', 'polled');
    }
    const ask = (options) => within(new Promise((r) => a.emit('ask', options, (...x) => r(x))), 'answers');
    const [error, answers] = await ask({ rooms: ['polled'], timeout: 5000 });
    assert.deepEqual([error, answers.sort()], [false, ['b', 'd']]);
    d.off('question');
    assert.deepEqual(await ask({ rooms: ['polled'], timeout: 60 }), [true, ['b']]);
    assert.deepEqual(await ask({ rooms: ['nobody'], timeout: 60 }), [false, []]);
    assert.equal((await ask({ rooms: ['polled'] }))[0], true);
  },
  async 'fetchSockets, data, socketsJoin, socketsLeave'(c) {
    const [a, b] = [await connect(c), await connect(c)];
    await a.emitWithAck('set-data', { name: 'a' });
    await a.emitWithAck('join', 'f');
    await b.emitWithAck('join', 'f');
    const fetched = await a.emitWithAck('fetch', { rooms: ['f'] });
    assert.deepEqual(fetched.sort((x, y) => (x.id === a.id ? -1 : 1)), [{ id: a.id, data: { name: 'a' } }, { id: b.id, data: {} }]);
    await a.emitWithAck('sockets-join', { rooms: ['f'], except: [a.id] }, 'g');
    assert.deepEqual((await a.emitWithAck('fetch', { rooms: ['g'] })).map((s) => s.id), [b.id]);
    await a.emitWithAck('sockets-leave', { rooms: ['f'] }, 'g');
    assert.deepEqual(await a.emitWithAck('fetch', { rooms: ['g'] }), []);
  },
  async 'disconnectSockets, without and with the session'(c) {
    const [a, b, d] = [await connect(c), await connect(c), await connect(c)];
    await b.emitWithAck('join', 'out');
    let reason = next(b, 'disconnect');
    a.emit('disconnect-sockets', { rooms: ['out'] }, false);
    assert.equal((await reason)[0] ?? (await reason), 'io server disconnect');
    await d.emitWithAck('join', 'out');
    reason = next(d, 'disconnect');
    a.emit('disconnect-sockets', { rooms: ['out'] }, true);
    assert.equal((await reason)[0] ?? (await reason), 'io server disconnect');
    await settled(a);
  },
  async 'middleware: refused with and without data, let in, let in later'(c) {
    let error = await refused(open(c, '/auth', { auth: { token: 'wrong' } }));
    assert.deepEqual([error.message, error.data], ['not authorized', { code: 401 }]);
    error = await refused(open(c, '/auth'));
    assert.deepEqual([error.message, error.data], ['not authorized', undefined]);
    for (const token of ['123', 'later']) {
      const socket = await connect(c, '/auth', { auth: { token } });
      assert.equal((await socket.emitWithAck('handshake')).auth.token, token);
    }
  },
  async 'the handshake'(c) {
    const socket = await connect(c, '', { query: { key: 'v&ä', list: '1' }, auth: { who: 'me' }, extraHeaders: { 'x-test': 'yes' } });
    const { headers, time, address, xdomain, secure, issued, url, query, auth } = await socket.emitWithAck('handshake');
    assert.equal(headers['x-test'], 'yes');
    assert.ok(Math.abs(new Date(time) - Date.now()) < 60000, time);
    assert.ok(Math.abs(issued - Date.now()) < 60000);
    assert.equal(address.replace('::ffff:', ''), '127.0.0.1');
    assert.deepEqual([xdomain, secure], [false, false]);
    assert.ok(url.startsWith('/socket.io/?'));
    assert.deepEqual([query.key, query.list, query.EIO], ['v&ä', '1', '4']);
    assert.deepEqual(auth, { who: 'me' });
  },
  async 'unknown namespaces, and namespaces beside one another'(c) {
    const root = open(c, '', { forceNew: true });
    const nope = c.add(root.io.socket('/nope'));
    assert.equal((await refused(nope)).message, 'Invalid namespace');
    const noted = c.add(root.io.socket('/noted'));
    await next(noted, 'connect');
    noted.emit('reply', 'beside');
    assert.equal(await next(noted, 'back'), 'beside');
    noted.disconnect();
    await settled(root);
  },
  async 'children of a pattern and of a predicate; they go with their last socket'(c) {
    const root = await connect(c);
    await log(root);
    const child = open(c, '/dynamic-101');
    assert.equal(await next(child, 'name'), '/dynamic-101');
    assert.equal(await child.emitWithAck('echo', 5), 5);
    const second = open(c, '/dynamic-102');
    await next(second, 'name');
    const both = Promise.all([next(child, 'to-children'), next(second, 'to-children')]);
    root.emit('parent-emit');
    await both;
    const fits = open(c, '/x-1', { auth: { ok: true } });
    assert.equal(await next(fits, 'name'), '/x-1');
    const not = open(c, '/x-2', { auth: {} });
    assert.equal((await refused(not)).message, 'Invalid namespace');
    const made = (await log(root)).filter((line) => line.startsWith('new_namespace'));
    assert.deepEqual(made, ['new_namespace /dynamic-101', 'new_namespace /dynamic-102', 'new_namespace /x-1']);
    second.disconnect();
    for (let gone = false; !gone; ) {
      const again = open(c, '/dynamic-102');
      await next(again, 'name');
      gone = (await log(root)).includes('new_namespace /dynamic-102');
      again.disconnect();
    }
  },
  async 'catch-all listeners, packet middleware, its error'(c) {
    const root = await connect(c);
    const noted = await connect(c, '/noted');
    await log(root);
    noted.emit('bad', 1);
    noted.emit('reply', 2);
    assert.equal(await next(noted, 'back'), 2);
    const lines = (await log(root)).filter((l) => !l.startsWith('conn'));
    assert.deepEqual(lines.sort(), ['any bad', 'any reply', 'error NARU_ERR_REFUSED', 'first of the outgoing back', 'outgoing back']);
    assert.ok(lines.indexOf('first of the outgoing back') < lines.indexOf('outgoing back'));
  },
  async 'packet middleware that takes its time: let go, refused, left behind'(c) {
    const root = await connect(c);
    const held = await connect(c, '/held');
    const waits = async (n) => { for (let seen = 0; seen < n; ) seen += (await log(root)).filter((l) => l.startsWith('held ')).length; };
    await log(root);
    const good = held.emitWithAck('wait', 1);
    await waits(1);
    await root.emitWithAck('let-go', true);
    assert.equal(await good, 1);
    held.emit('wait', 2);
    await waits(1);
    await root.emitWithAck('let-go', false);
    const lines = [];
    while (!lines.includes('error NARU_ERR_REFUSED')) lines.push(...(await log(root)));
    assert.equal(await held.emitWithAck('echo', 3), 3);
    held.emit('wait', 4);
    await waits(1);
    held.disconnect();
    await root.emitWithAck('let-go', true);
    await settled(root);
    const other = await connect(c, '/held');
    other.on('question', (n, answer) => answer(n));
    other.emit('wait', 5);
    await waits(1);
    const gone = next(other, 'disconnect');
    other.io.engine.close();
    await gone;
    await root.emitWithAck('let-go', true);
    await settled(root);
  },
  async 'behind it packets wait in order, answers do not, and no more than may'(c) {
    if (!c.naru) return; // there they overtake each other
    const root = await connect(c);
    const held = await connect(c, '/held');
    await log(root);
    held.on('question', (n, answer) => answer(n));
    const order = [];
    const all = [held.emitWithAck('wait', 1), held.emitWithAck('echo', 2), held.emitWithAck('wait', 3), held.emitWithAck('echo', 4)];
    all.forEach((answer, i) => answer.then(() => order.push(i + 1)));
    const bytes = held.emitWithAck('echo', { inside: Buffer.from('held bytes') });
    const lines = [];
    while (!lines.some((l) => l.startsWith('held '))) lines.push(...(await log(root)));
    assert.deepEqual([order, lines.filter((l) => l.startsWith('any '))], [[], ['any wait']]);
    await root.emitWithAck('let-go', true);
    await all[1];
    assert.deepEqual(order, [1, 2]);
    await root.emitWithAck('let-go', true);
    assert.equal(Buffer.from((await bytes).inside).toString(), 'held bytes');
    assert.deepEqual(order, [1, 2, 3, 4]);
    const greedy = await connect(c, '/held');
    const gone = next(greedy, 'disconnect');
    greedy.emit('wait', 1);
    for (let i = 0; i < 101; i++) greedy.emit('echo', i);
    await gone;
    await root.emitWithAck('let-go', true);
    await settled(root);
  },
  async 'a parent that takes its time: yes, no, at once, and a client that does not wait for it'(c) {
    const root = await connect(c);
    await log(root);
    const deciding = async (name) => { while (!(await log(root)).includes(`deciding ${name}`)); };
    const yes = open(c, '/later-1');
    const name = next(yes, 'name');
    await deciding('/later-1');
    await root.emitWithAck('decide', true);
    assert.equal(await name, '/later-1');
    const no = refused(open(c, '/later-2'));
    await deciding('/later-2');
    await root.emitWithAck('decide', false);
    assert.equal((await no).message, 'Invalid namespace');
    assert.equal(await next(open(c, '/at-once'), 'name'), '/at-once');
    const impatient = open(c, '/later-3');
    await deciding('/later-3');
    impatient.io.engine.close();
    await settled(root);
    await root.emitWithAck('decide', true);
    await settled(root);
  },
  async 'a listener for once'(c) {
    const socket = await connect(c);
    const own = heard(socket, 'own');
    await socket.emitWithAck('once');
    socket.emit('once-only', 1);
    socket.emit('once-only', 2);
    await settled(socket);
    assert.deepEqual(own, [1]);
  },
  async 'rooms come and go, and reasons are told in order'(c) {
    if (c.threads) return; // each loop tells of its own
    const watcher = await connect(c);
    const socket = await connect(c);
    await log(watcher);
    await socket.emitWithAck('join', 'q');
    await watcher.emitWithAck('join', 'q');
    await watcher.emitWithAck('leave', 'q');
    socket.disconnect();
    const lines = [];
    while (!lines.some((line) => line.startsWith('disconnect '))) lines.push(...(await log(watcher)));
    assert.deepEqual(lines, ['create-room q', 'join-room q', 'join-room q', 'leave-room q',
      'disconnecting client namespace disconnect', 'still in q', 'leave-room q', 'delete-room q',
      'disconnect client namespace disconnect']);
  },
  async 'why a socket went: transport close, server namespace disconnect, forced server close'(c) {
    const watcher = await connect(c);
    const reasonOf = async (end) => {
      const socket = await connect(c);
      await log(watcher);
      end(socket);
      const lines = [];
      while (!lines.some((line) => line.startsWith('disconnect '))) lines.push(...(await log(watcher)));
      return lines.filter((line) => line.startsWith('disconnect '));
    };
    assert.deepEqual(await reasonOf((socket) => socket.emit('kick', false)), ['disconnect server namespace disconnect']);
    assert.deepEqual(await reasonOf((socket) => socket.emit('kick', true)), ['disconnect server namespace disconnect']);
    assert.deepEqual(await reasonOf((socket) => socket.io.engine.close()), ['disconnect transport close']);
  },
  async 'events on their way to a namespace that is left do no harm'(c) {
    const root = open(c, '');
    const noted = c.add(root.io.socket('/noted'));
    await next(noted, 'connect');
    const gone = next(noted, 'disconnect');
    noted.emit('kick', false);
    noted.emit('reply', 'late');
    noted.emit('reply', 'later');
    await gone;
    if (c.naru) await settled(root);
  },
  async 'volatile events arrive when there is nothing in the way'(c) {
    const [a, b] = [await connect(c), await connect(c)];
    if (c.way === 'websocket') {
      const arrived = next(b, 'news');
      await a.emitWithAck('to', { broadcast: true, volatile: true }, 'now');
      assert.equal(await arrived, 'now');
    }
  },
};

/** With recovery on, and middleware that is asked again. */
export const asking = {
  async 'middleware sees who comes back as who it was; refused, it may come again'(c) {
    const root = await connect(c);
    const socket = open(c, '/again', { auth: { token: 'good' } });
    await next(socket, 'connect');
    const { id } = socket;
    await socket.emitWithAck('join', 'kept');
    const seen = [];
    socket.on('news', (x) => seen.push(x));
    await socket.emitWithAck('to', { rooms: ['kept'] }, 'first');
    const leave = async () => {
      const away = next(socket, 'disconnect');
      socket.io.engine.close();
      await away;
    };
    await leave();
    await log(root);
    socket.auth = { token: 'stale' };
    socket.connect();
    assert.equal((await refused(socket)).message, 'stale');
    assert.ok((await log(root)).includes(`asked again ${id}`));
    const other = await connect(c, '/again');
    await other.emitWithAck('to', { rooms: ['kept'] }, 'missed');
    socket.auth = { token: 'good' };
    socket.connect();
    await next(socket, 'connect');
    assert.deepEqual([socket.recovered, socket.id], [true, id]);
    assert.deepEqual(seen, ['first', 'missed']);
    assert.deepEqual((await socket.emitWithAck('rooms')).sort(), ['kept', id].sort());
    assert.ok((await log(root)).includes(`asked again ${id}`));
  },
};

/** With recovery on. */
export const recovering = {
  async 'who comes back is who it was, with its rooms, its data and what it missed, before "connect"'(c) {
    const watcher = await connect(c);
    const socket = open(c, '', { reconnection: false }); // it comes back when all that it is to miss has been said
    await next(socket, 'connect');
    const { id } = socket;
    assert.equal(socket.recovered, false);
    await socket.emitWithAck('join', 'kept');
    await socket.emitWithAck('set-data', { name: 'me' });
    const seen = [];
    socket.on('news', (x) => seen.push(Buffer.isBuffer(x) ? x.toString() : x));
    await watcher.emitWithAck('to', { rooms: ['kept'] }, 'first');
    await settled(socket);
    const away = next(socket, 'disconnect');
    socket.io.engine.close();
    await away;
    await watcher.emitWithAck('to', { rooms: ['kept'] }, 'missed');
    await watcher.emitWithAck('to', { rooms: ['other'] }, 'not mine');
    await watcher.emitWithAck('to', { rooms: ['kept'] }, Buffer.from('bytes'));
    await watcher.emitWithAck('to', { rooms: ['kept'], volatile: true }, 'gone');
    await watcher.emitWithAck('to', { rooms: ['kept'], except: [id] }, 'excepted');
    const before = [];
    socket.once('connect', () => before.push(...seen));
    const back = next(socket, 'connect');
    socket.connect();
    await back;
    assert.deepEqual([socket.recovered, socket.id], [true, id]);
    await watcher.emitWithAck('to', { rooms: ['kept'] }, 'after');
    await settled(socket);
    assert.deepEqual(before, ['first', 'missed', 'bytes']);
    assert.deepEqual(seen, ['first', 'missed', 'bytes', 'after']);
    assert.deepEqual((await socket.emitWithAck('rooms')).sort(), ['kept', id].sort());
    assert.deepEqual((await watcher.emitWithAck('fetch', { rooms: ['kept'] })), [{ id, data: { name: 'me' } }]);
    assert.ok((await log(watcher)).includes('connection recovered'));
  },
  async 'who was sent away comes as somebody new'(c) {
    const watcher = await connect(c);
    const socket = open(c, '');
    await next(socket, 'connect');
    const { id } = socket;
    await watcher.emitWithAck('to', {}, 'offset');
    await settled(socket);
    const away = next(socket, 'disconnect');
    socket.emit('kick', false);
    await away;
    socket.connect();
    await next(socket, 'connect');
    assert.equal(socket.recovered, false);
    assert.notEqual(socket.id, id);
  },
};
