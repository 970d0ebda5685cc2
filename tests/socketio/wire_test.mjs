// The bytes: transcripts as the official peers wrote them, each rule of the protocol with its twin that is one byte better, what
// naru does on purpose where the official server does worse, and clients of protocol 4. Against naru alone.
import assert from 'node:assert/strict';
import http from 'node:http';
import { gunzipSync } from 'node:zlib';
import { fixture, run, within, next, require } from './harness.mjs';
const WebSocket = require('ws');
const { io } = require('socket.io-client');

/* ---- speaking by hand ------------------------------------------------------------------------------------------- */

/** A session over WebSocket; frames come out of read() one by one: text, bytes, or null once it is closed. */
async function websocket(c, query = 'EIO=4') {
  const ws = c.add(new WebSocket(`${c.url.replace('http', 'ws')}/socket.io/?${query}&transport=websocket`));
  const frames = [];
  const waiting = [];
  const push = (frame) => (waiting.length ? waiting.shift()(frame) : frames.push(frame));
  ws.on('message', (data, binary) => push(binary ? data : data.toString()));
  ws.on('close', () => push(null));
  const read = () => within(frames.length ? Promise.resolve(frames.shift()) : new Promise((r) => waiting.push(r)), 'a frame');
  await next(ws, 'open');
  assert.match(await read(), /^0\{"sid":"[A-Za-z0-9_-]{20}","upgrades":\[\],"pingInterval":\d+,"pingTimeout":\d+,"maxPayload":1000000\}$/);
  return { ws, read, send: (...all) => all.forEach((frame) => ws.send(frame)) };
}

function request(c, method, query, body) {
  return within(new Promise((resolve, reject) => {
    const req = http.request(`${c.url}/socket.io/?${query}`, { method }, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('end', () => resolve({ status: res.statusCode, type: res.headers['content-type'], body: Buffer.concat(parts).toString() }));
    });
    req.on('error', reject);
    req.end(body);
  }), `${method} ${query}`);
}
async function polling(c, query = 'EIO=4') {
  const open = await request(c, 'GET', `${query}&transport=polling`);
  const sid = /"sid":"([^"]+)"/.exec(open.body)[1];
  const rest = `${query}&transport=polling&sid=${sid}`;
  return {
    open: open.body,
    get: async () => (await request(c, 'GET', rest)).body,
    post: async (body) => (await request(c, 'POST', rest, body)).body,
    sid,
  };
}

const CONNECTED = /^40\{"sid":"[A-Za-z0-9_-]{20}"\}$/;
async function joined(c, query) {
  const peer = await websocket(c, query);
  peer.send('40');
  assert.match(await peer.read(), CONNECTED);
  return peer;
}
/** The peer still answers. */
async function alive(peer) {
  peer.send('42999["echo","alive"]');
  assert.equal(await peer.read(), '43999["alive"]');
}

const OPENED =
  /^0\{"sid":"[^"]{20}","upgrades":\["websocket"\],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000\}$/;

/* ---- transcripts ------------------------------------------------------------------------------------------------ */

const transcripts = {
  async 'polling only'(c) {
    const peer = await polling(c);
    assert.match(peer.open, OPENED);
    assert.equal(await peer.post('40'), 'ok');
    assert.match(await peer.get(), CONNECTED);
    assert.equal(await peer.post('420["echo","foo"]'), 'ok');
    assert.equal(await peer.get(), '430["foo"]');
    await peer.post('452-1["echo",{"_placeholder":true,"num":1}]');
    await peer.post('bAQID\x1ebBAUG');
    assert.equal(await peer.get(), '462-1[{"_placeholder":true,"num":1}]\x1ebAQID\x1ebBAUG');
    await peer.post('451-["reply",{"x":{"_placeholder":true,"num":0}}]\x1ebAQID');
    assert.equal(await peer.get(), '451-["back",{"x":{"_placeholder":true,"num":0}}]\x1ebAQID');
    await peer.post('40/auth,');
    assert.equal(await peer.get(), '44/auth,{"message":"not authorized"}');
    await peer.post('40/auth,{"token":"wrong"}');
    assert.equal(await peer.get(), '44/auth,{"message":"not authorized","data":{"code":401}}');
    await peer.post('40/auth,{"token":"123"}');
    assert.match(await peer.get(), /^40\/auth,\{"sid":"[^"]{20}"\}$/);
    await peer.post('40/nope,');
    assert.equal(await peer.get(), '44/nope,{"message":"Invalid namespace"}');
    await peer.post('41/auth,');
    await peer.post('42["reply","still here"]');
    assert.equal(await peer.get(), '42["back","still here"]');
    await peer.post('41');
    const pending = peer.get();
    assert.equal(await peer.post('1'), 'ok');
    assert.equal(await pending, '6');
  },
  async 'WebSocket only, with bytes'(c) {
    const peer = await joined(c);
    peer.send('451-7["echo",{"_placeholder":true,"num":0}]', Buffer.from([1, 2, 3]));
    assert.equal(await peer.read(), '461-7[{"_placeholder":true,"num":0}]');
    assert.deepEqual(await peer.read(), Buffer.from([1, 2, 3]));
    peer.send('42["kick",true]');
    assert.equal(await peer.read(), '41');
    assert.equal(await peer.read(), null);
  },
  async 'a namespace without its comma, an id without a payload\'s blanks'(c) {
    const peer = await websocket(c);
    peer.send('40/noted');
    assert.match(await peer.read(), /^40\/noted,\{"sid":"[^"]{20}"\}$/);
    peer.send('42/noted,["reply"]');
    assert.equal(await peer.read(), '42/noted,["back"]');
  },
  async 'ids of acknowledgements are the namespace\'s, from 0'(c) {
    const [a, b] = [await joined(c), await joined(c)];
    a.send('42["ask-me",0]');
    const first = Number(/^42(\d+)\["question",7\]$/.exec(await a.read())[1]);
    b.send('42["ask-me",0]');
    assert.equal(await b.read(), `42${first + 1}["question",7]`);
    a.send(`43${first + 1}["not yours"]`, `43${first}[1]`, `43${first}[2]`, '43987654["unknown"]');
    await alive(a);
  },
};

/* ---- each rule ---------------------------------------------------------------------------------------------------- */

/** What ends the session, sent behind CONNECT; and its twins, which do not. */
const rules = [
  ['EVENT data is an array', '42{"a":1}', '42["echo"]'],
  ['with a name', '42[]', '42["x"]'],
  ['that is a string or a number', '42[{"toString":1}]', '42[5]'],
  ['null is no name', '42[null]', '42["null"]'],
  ['nor one of ours: connect', '42["connect"]', '42["connected"]'],
  ['connect_error', '42["connect_error"]', '42["connect_erro"]'],
  ['disconnect', '42["disconnect"]', '42["disconnec"]'],
  ['disconnecting', '42["disconnecting"]', '42["disconnectin"]'],
  ['newListener', '42["newListener"]', '42["newlistener"]'],
  ['removeListener', '42["removeListener"]', '42["removelistener"]'],
  ['escaped it is the same name', '42["\\u0064isconnect"]', '42["\\u0065isconnect"]'],
  ['JSON', '42["a",]', '42["a",1]'],
  ['nothing behind it', '42["a"]x', '42["a"] '],
  ['ACK data is an array', '431{"a":1}', '431[{"a":1}]'],
  ['an ACK has an id', '43["a"]', '430["a"]'],
  ['DISCONNECT has no payload', '41/other,["a"]', null],
  ['CONNECT_ERROR is not for clients', '44{"message":"x"}', null],
  ['types end at 6', '47["a"]', null],
  ['nothing at all', '4', null],
  ['an unknown namespace', '42/unknown,["a"]', null],
  ['DISCONNECT of one not joined', '41/unknown,', null],
  ['ids are numbers that JavaScript can hold', '4290071992547409921["a"]', '429007199254740991["echo"]'],
  ['bytes without a header', Buffer.from([1]), null],
  ['0 attachments', '450-["a"]', null],
  ['11 attachments', '4511-["a"]', null],
  ['text while bytes are due', ['451-["a",{"_placeholder":true,"num":0}]', '42["a"]'],
    ['451-["a",{"_placeholder":true,"num":0}]', Buffer.from([1])]],
  ['a placeholder of no attachment', ['451-["a",{"_placeholder":true,"num":1}]', Buffer.from([1])], null],
  ['a negative one', ['451-["a",{"_placeholder":true,"num":-1}]', Buffer.from([1])], null],
  ['one without a number', ['451-["a",{"_placeholder":true}]', Buffer.from([1])], ['451-["a",{"_placeholder":false}]', Buffer.from([1])]],
  ['too deep', `42["a",${'['.repeat(200)}${']'.repeat(200)}]`, `42["a",${'['.repeat(20)}${']'.repeat(20)}]`],
];

const each = Object.fromEntries(rules.map(([name, bad, good]) => [name, async (c) => {
  const peer = await joined(c);
  peer.send(...[bad].flat());
  assert.equal(await peer.read(), null);
  if (good) {
    const twin = await joined(c);
    twin.send(...[good].flat());
    for (let frame = await (twin.send('42999["echo","alive"]'), twin.read()); frame !== '43999["alive"]'; frame = await twin.read()) {
      assert.notEqual(frame, null);
    }
  }
}]));

const connecting = {
  async 'the first packet is CONNECT'(c) {
    const peer = await websocket(c);
    peer.send('42["echo"]');
    assert.equal(await peer.read(), null);
  },
  async 'CONNECT data is an object or nothing'(c) {
    for (const bad of ['40[1]', '40null', '40"x"', '40/noted,5']) {
      const peer = await websocket(c);
      peer.send(bad);
      assert.equal(await peer.read(), null, bad);
    }
    const peer = await websocket(c);
    peer.send('40{}');
    assert.match(await peer.read(), CONNECTED);
  },
  async 'a second CONNECT ends the session; two in one breath do not'(c) {
    const late = await joined(c);
    await alive(late);
    await new Promise((r) => setTimeout(r, 5));
    late.send('40');
    assert.equal(await late.read(), null);
    const twice = await websocket(c);
    twice.ws._socket.cork();
    twice.send('40', '40');
    twice.ws._socket.uncork();
    assert.match(await twice.read(), CONNECTED);
    await alive(twice);
  },
  async 'who joins nothing is closed after connectTimeout'(c) {
    const peer = await websocket(c);
    const since = Date.now();
    assert.equal(await peer.read(), null);
    assert.ok(Date.now() - since >= 900, `after ${Date.now() - since} ms`);
  },
  async 'a query in a namespace is part of its name'(c) {
    const peer = await websocket(c);
    peer.send('40/auth?token=123,');
    assert.equal(await peer.read(), '44/auth?token=123,{"message":"Invalid namespace"}');
  },
  async 'packets for a namespace that we sent it out of are dropped, others are not'(c) {
    const peer = await joined(c);
    peer.send('40/noted,');
    assert.match(await peer.read(), /^40\/noted/);
    peer.send('42/noted,["kick",false]', '42/noted,["reply"]', '43/noted,0[]', '41/noted,');
    assert.equal(await peer.read(), '41/noted,');
    await alive(peer);
    peer.send('40/noted,');
    assert.match(await peer.read(), /^40\/noted/);
  },
  async 'sixty-four namespaces and no more'(c) {
    const peer = await joined(c);
    for (let i = 1; i < 64; i++) {
      peer.send(`40/dynamic-n${i},`);
      assert.match(await peer.read(), /^40/);
      await peer.read();
    }
    await alive(peer);
    peer.send('40/dynamic-n64,');
    assert.equal(await peer.read(), null);
  },
  async 'what cannot be emitted is refused, with the reason'(c) {
    const peer = await joined(c);
    peer.send('421["too-many"]');
    assert.equal(await peer.read(), '431["NARU_ERR_TOO_MANY","NARU_ERR_ARGUMENT","NARU_ERR_ARGUMENT","NARU_ERR_UTF8"]');
  },
  async 'MessagePack is told by the first message, and mixes with JSON in one room'(c) {
    const { encode } = require('notepack.io');
    const peer = await websocket(c);
    peer.send(encode({ type: 0, nsp: '/' }));
    const { decode } = require('notepack.io');
    const connected = decode(await peer.read());
    assert.deepEqual([connected.type, connected.nsp, connected.data.sid.length], [0, '/', 20]);
    const json = await joined(c);
    const data = ['to', { broadcast: true }, { b: Buffer.from([5]) }];
    peer.send(encode({ type: 2, data, options: { compress: true }, id: 3, nsp: '/' }));
    assert.equal(await json.read(), '451-["news",{"b":{"_placeholder":true,"num":0}}]');
    assert.deepEqual(await json.read(), Buffer.from([5]));
    assert.deepEqual(decode(await peer.read()), { id: 3, type: 3, data: [0], nsp: '/' });
    json.send('42["to",{"broadcast":true},"plain"]');
    assert.deepEqual(decode(await peer.read()), { type: 2, data: ['news', 'plain'], nsp: '/' });
    peer.send('42["echo"]');
    assert.equal(await peer.read(), null);
  },
};

/* ---- back-pressure, floods ---------------------------------------------------------------------------------------- */

async function stuffed(c, policy) {
  const watcher = await joined(c);
  const peer = await joined(c);
  peer.ws.pause();
  peer.send('42["fill"]');
  const lines = [];
  while (!lines.includes('filled in order')) {
    watcher.send('421["log"]');
    lines.push(...JSON.parse((await watcher.read()).slice(3))[0]);
    assert.ok(!lines.includes('filled strangely'));
  }
  assert.ok(lines.includes('refused NARU_ERR_TOO_BIG'));
  peer.ws.resume();
  return { watcher, peer };
}
const closing = {
  async 'a queue that is full ends the session'(c) {
    const { peer } = await stuffed(c);
    let frame = await peer.read();
    while (frame !== null) frame = await peer.read();
  },
};
const refusing = {
  async 'a queue that is full refuses, and takes again once it is empty'(c) {
    const { peer } = await stuffed(c);
    peer.send('421["echo"]');
    let frame = await peer.read();
    while (frame !== '431[]') {
      assert.ok(frame.startsWith('42["block","xxx'), String(frame).slice(0, 40));
      frame = await peer.read();
    }
    await alive(peer);
    peer.send('422["log"]');
    assert.deepEqual(JSON.parse((await peer.read()).slice(3))[0].filter((line) => line.startsWith('drained')), ['drained once']);
  },
};
const flooding = {
  async 'who sends more than it may is closed, who keeps to it is not'(c) {
    const calm = await joined(c);
    for (let i = 0; i < 30; i++) await alive(calm);
    const peer = await joined(c);
    for (let i = 0; i < 200; i++) peer.send('42["nothing"]');
    assert.equal(await peer.read(), null);
    await alive(calm);
  },
};

const dropping = {
  async 'or what is too much is dropped, unanswered, and the rest is heard'(c) {
    const peer = await joined(c);
    for (let i = 0; i < 100; i++) peer.send(`42${i}["echo",${i}]`);
    const answers = [];
    // One more is heard once there is room again, whenever that is.
    const ask = setInterval(() => peer.send('42999["echo","last"]'), 20);
    for (let frame = await peer.read(); frame !== '43999["last"]'; frame = await peer.read()) answers.push(frame);
    clearInterval(ask);
    assert.ok(answers.length >= 39 && answers.length < 60, `${answers.length} answers`);
    assert.equal(answers[0], '430[0]');
  },
};
const floodingTogether = {
  async 'an address has one limit for all its sessions'(c) {
    const many = await Promise.all([joined(c), joined(c), joined(c)]);
    for (let i = 0; i < 30; i++) many.forEach((peer) => peer.send('42["nothing"]'));
    const ends = await Promise.all(many.map((peer) => peer.read()));
    assert.ok(ends.includes(null));
  },
};

/* ---- why it went --------------------------------------------------------------------------------------------------- */

async function reasons(c, watcher) {
  const lines = [];
  while (!lines.some((line) => line.startsWith('disconnect '))) lines.push(...(await watcher.emitWithAck('log')));
  return lines.filter((line) => line.startsWith('disconnect '));
}
const leaving = {
  async 'each reason by its name'(c) {
    const watcher = c.add(io(c.url, { transports: ['websocket'], forceNew: true, reconnection: false }));
    await next(watcher, 'connect');
    const ways = {
      'transport close': (peer) => peer.ws.close(),
      'transport error': (peer) => peer.send(`42["${'x'.repeat(1000001)}"]`),
      'forced close': (peer) => peer.send('42{"not":"an array"}'),
      'forced server close': (peer) => peer.send('42/elsewhere,["a"]'),
      'client namespace disconnect': (peer) => peer.send('41'),
      'server namespace disconnect': (peer) => peer.send('42["kick",false]'),
      'parse error': (peer) => peer.ws.send('hello'),
      'ping timeout': () => {},
    };
    for (const [reason, end] of Object.entries(ways)) {
      const peer = await websocket(c);
      peer.send('40');
      await peer.read();
      end(peer);
      assert.deepEqual(await reasons(c, watcher), [`disconnect ${reason}`]);
    }
  },
};
const others = {
  async 'rooms beyond eight, one too many, exceptions; other nodes, of which there are none'(c) {
    const peer = await joined(c);
    const other = await joined(c);
    peer.send('421["join","m9"]', '422["join","m2"]');
    other.send('421["join","m8"]');
    assert.equal(await peer.read(), '431[]');
    assert.equal(await peer.read(), '432[]');
    assert.equal(await other.read(), '431[]');
    peer.send('423["many-rooms"]');
    assert.equal(await peer.read(), '42["news",2]');
    assert.equal(await peer.read(), '433["NARU_ERR_ARGUMENT",0,2,0]');
    assert.equal(await other.read(), '42["news",2]');
    assert.equal(await other.read(), '42["news",3]');
    peer.send('424["server-side"]');
    assert.equal(await peer.read(), '434[false,[]]');
  },
  async 'the server goes: "transport close", and the client would try again'(c) {
    const { url, stop } = await fixture('sio-feature-fixture');
    const all = [['websocket'], ['polling']].map((transports) => c.add(io(url, { transports, forceNew: true })));
    await Promise.all(all.map((socket) => next(socket, 'connect')));
    const gone = all.map((socket) => next(socket, 'disconnect'));
    await stop();
    const [websocketReason, pollingReason] = (await Promise.all(gone)).map((reason) => [reason].flat()[0]);
    assert.equal(websocketReason, 'transport close');
    // Between two polls it finds the door shut.
    assert.ok(['transport close', 'transport error'].includes(pollingReason), pollingReason);
    assert.ok(all.every((socket) => socket.active));
  },
};

/* ---- options of the engine, as Socket.IO's clients meet them ------------------------------------------------------------ */

const plain = (c, target, headers = {}) =>
  within(new Promise((resolve, reject) => {
    http.get(c.url + target, { headers }, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts) }));
    }).on('error', reject);
  }), target);
const served = {
  async 'the client\'s scripts: unchanged, compressed, their maps, and none that there is not'(c) {
    const { version } = require('socket.io-client/package.json');
    const whole = await plain(c, '/socket.io/socket.io.min.js');
    assert.deepEqual([whole.status, whole.headers.etag], [200, `"${version}"`]);
    assert.match(whole.headers['content-type'], /^(application|text)\/javascript/);
    const gzip = await plain(c, '/socket.io/socket.io.min.js', { 'accept-encoding': 'gzip' });
    assert.equal(gzip.headers['content-encoding'], 'gzip');
    assert.ok(gunzipSync(gzip.body).equals(whole.body));
    for (const known of [`"${version}"`, `W/"${version}"`, `"0", "${version}"`]) {
      const unchanged = await plain(c, '/socket.io/socket.io.min.js', { 'if-none-match': known });
      assert.deepEqual([unchanged.status, unchanged.body.length], [304, 0], known);
    }
    assert.equal((await plain(c, '/socket.io/socket.io.min.js', { 'if-none-match': '"0.0.0"' })).status, 200);
    assert.ok(JSON.parse((await plain(c, '/socket.io/socket.io.js.map')).body).mappings);
    assert.equal((await plain(c, '/socket.io/socket.io.nobody.js')).status, 400); // a request without a transport
  },
  async 'the path: itself, with a slash, and what is below it'(c) {
    for (const path of ['/socket.io', '/socket.io/', '/socket.io/xyz']) {
      const { status, body } = await plain(c, `${path}?EIO=4&transport=polling`);
      assert.deepEqual([status, body.toString()[0]], [200, '0'], path);
    }
    for (const path of ['/socket.iox', '/socket.i', '/']) {
      assert.equal((await plain(c, `${path}?EIO=4&transport=polling`)).status, 404, path);
    }
  },
};
const options = {
  async 'permessage-deflate, where it is on'(c) {
    const peer = await joined(c);
    assert.match(peer.ws.extensions, /permessage-deflate/);
    const before = peer.ws._socket.bytesRead;
    const large = 'ferry '.repeat(20000);
    peer.send(`421["echo","${large}"]`);
    assert.equal(await peer.read(), `431["${large}"]`);
    assert.ok(peer.ws._socket.bytesRead - before < large.length / 20, `${peer.ws._socket.bytesRead - before} bytes`);
  },
  async 'no upgrades, where they are off; no scripts'(c) {
    const peer = await polling(c);
    assert.deepEqual(JSON.parse(peer.open.slice(1)).upgrades, []);
    const probe = new WebSocket(`${c.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket&sid=${peer.sid}`);
    const [, response] = await next(probe, 'unexpected-response');
    probe.on('error', () => {}).terminate();
    assert.equal(response.statusCode, 400);
    assert.equal(await peer.post('40'), 'ok');
    assert.equal((await plain(c, '/socket.io/socket.io.js')).status, 400);
  },
};

/* ---- recovery ------------------------------------------------------------------------------------------------------ */

const welcome = (frame) => JSON.parse(/^40(\{"sid":"[^"]{20}","pid":"[^"]{20}"\})$/.exec(frame)[1]);
async function kept(c) {
  const peer = await websocket(c);
  peer.send('40');
  return { ...peer, ...welcome(await peer.read()) };
}
async function again(c, auth) {
  const peer = await websocket(c);
  peer.send(`40${JSON.stringify(auth)}`);
  const frames = [];
  for (let frame = await peer.read(); ; frame = await peer.read()) {
    if (typeof frame === 'string' && frame.startsWith('40')) return { ...peer, ...welcome(frame), missed: frames };
    frames.push(frame);
  }
}
const gone = async (peer) => {
  peer.ws.terminate();
  await peer.read();
};

const recovery = {
  async 'the transcript'(c) {
    const other = await kept(c);
    const peer = await kept(c);
    peer.send('421["join","room1"]');
    assert.equal(await peer.read(), '431[]');
    other.send('421["to",{"rooms":["room1"]},1]');
    await other.read();
    const first = await peer.read();
    const offset = JSON.parse(first.slice(2)).at(-1);
    assert.equal(first, `42["news",1,"${offset}"]`);
    await gone(peer);
    other.send('422["to",{"rooms":["room1"]},2]', '451-3["to",{"rooms":["room1"]},{"_placeholder":true,"num":0}]',
      Buffer.from([9]), '424["to",{"rooms":["elsewhere"]},4]');
    for (let i = 0; i < 3; i++) await other.read();
    const back = await again(c, { pid: peer.pid, offset });
    assert.deepEqual([back.sid, back.pid], [peer.sid, peer.pid]);
    assert.equal(back.missed.length, 3);
    assert.match(back.missed[0], /^42\["news",2,"[^"]+"\]$/);
    assert.match(back.missed[1], /^451-\["news",\{"_placeholder":true,"num":0\},"[^"]+"\]$/);
    assert.deepEqual(back.missed[2], Buffer.from([9]));
  },
  async 'an offset that nobody knows makes somebody new'(c) {
    const peer = await kept(c);
    await gone(peer);
    const back = await again(c, { pid: peer.pid, offset: 'bogus' });
    assert.notEqual(back.sid, peer.sid);
    assert.notEqual(back.pid, peer.pid);
  },
  async 'who has seen no event yet comes back too'(c) {
    const other = await kept(c);
    const peer = await kept(c);
    await gone(peer);
    other.send('421["to",{},"while away"]');
    while (!(await other.read()).startsWith('43'));
    const back = await again(c, { pid: peer.pid });
    assert.equal(back.sid, peer.sid);
    assert.equal(back.missed.length, 1);
  },
  async 'a private id is good once for each time that it went'(c) {
    const peer = await kept(c);
    await gone(peer);
    const back = await again(c, { pid: peer.pid });
    assert.equal(back.sid, peer.sid);
    back.send('42["kick",false]');
    assert.equal(await back.read(), '41');
    const third = await again(c, { pid: peer.pid });
    assert.notEqual(third.sid, peer.sid);
  },
  async 'the old connection, which still looks alive, is let go'(c) {
    const ghost = await kept(c);
    ghost.send('421["join","haunted"]');
    await ghost.read();
    const back = await again(c, { pid: ghost.pid });
    assert.equal(back.sid, ghost.sid);
    assert.equal(await ghost.read(), null);
    back.send('421["rooms"]');
    assert.deepEqual(JSON.parse((await back.read()).slice(3))[0].sort(), ['haunted', ghost.sid].sort());
    await gone(back);
    assert.equal((await again(c, { pid: ghost.pid })).sid, ghost.sid);
  },
  async 'volatile events leave the offset where it was'(c) {
    const peer = await kept(c);
    peer.send('42["to",{},"kept"]');
    const offset = JSON.parse((await peer.read()).slice(2)).at(-1);
    peer.send('42["to",{"volatile":true},"text at the end"]');
    assert.equal(await peer.read(), `42["news","text at the end","${offset}"]`);
    await gone(peer);
    assert.equal((await again(c, { pid: peer.pid, offset })).sid, peer.sid);
  },
};
const expiring = {
  async 'a session that stays away is told of, and is gone'(c) {
    const peer = await kept(c);
    peer.send('421["set-data",{"who":"expired"}]');
    await peer.read();
    await gone(peer);
    const other = await kept(c);
    const lines = [];
    while (!lines.includes('expired {"who":"expired"}')) {
      other.send('421["log"]');
      lines.push(...JSON.parse((await other.read()).slice(3))[0]);
    }
    assert.notEqual((await again(c, { pid: peer.pid })).sid, peer.sid);
  },
};

/* ---- protocol 4 ---------------------------------------------------------------------------------------------------- */

const revision3 = {
  async 'the transcript over polling'(c) {
    const peer = await polling(c, 'EIO=3&b64=1');
    assert.match(peer.open, /^\d+:0\{"sid"/);
    assert.match(await peer.get(), /^2:40$/);
    await peer.post('20:420["echo","wörld€"]');
    assert.equal(await peer.get(), '15:430["wörld€"]'.replace('15:', `${'430["wörld€"]'.length}:`));
    const binary = '451-1["echo",{"_placeholder":true,"num":0}]';
    await peer.post(`${binary.length}:${binary}`);
    await peer.post('6:b4AQID');
    const answer = '461-1[{"_placeholder":true,"num":0}]';
    assert.equal(await peer.get(), `${answer.length}:${answer}6:b4AQID`);
    await peer.post('19:40/auth?token=none,');
    assert.equal(await peer.get(), '21:44/auth,{"code":401}'.replace('21:', `${'44/auth,{"code":401}'.length}:`));
    await peer.post('18:40/auth?token=123,');
    assert.equal(await peer.get(), '8:40/auth,');
  },
  async 'the client of version 2, over each transport'(c) {
    const io2 = require('socket.io-client-2');
    for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
      const socket = c.add(io2(c.url, { transports, forceNew: true, reconnection: false }));
      await next(socket, 'connect');
      assert.equal(await within(new Promise((r) => socket.emit('echo', 'wörld€', r)), 'echo'), 'wörld€');
      socket.emit('reply', { inside: Buffer.from([1, 2]) }, 'x');
      const [{ inside }, x] = await next(socket, 'back');
      assert.deepEqual([Buffer.from(inside), x], [Buffer.from([1, 2]), 'x']);
      const refused = c.add(io2(`${c.url}/auth?token=0`, { transports, forceNew: true, reconnection: false }));
      assert.deepEqual(await next(refused, 'error'), { code: 401 });
      const auth = c.add(io2(`${c.url}/auth?token=123`, { transports, forceNew: true, reconnection: false }));
      await next(auth, 'connect');
      assert.equal((await within(new Promise((r) => auth.emit('handshake', r)), 'handshake')).auth.token, '123');
      const four = c.add(io(c.url, { transports, forceNew: true, reconnection: false }));
      await next(four, 'connect');
      const news = next(socket, 'news');
      await four.emitWithAck('to', { broadcast: true }, Buffer.from('to both'));
      assert.equal(Buffer.from(await news).toString(), 'to both');
    }
  },
};

/* ---- all ----------------------------------------------------------------------------------------------------------- */

let failed = 0;
async function round(title, args, ...tests) {
  const { url, stop } = await fixture('sio-feature-fixture', ...args);
  for (const some of tests) failed += await run(title, some, { url, naru: true }, process.env.NARU_ONLY);
  await stop();
}
await round('wire', [], transcripts, each, connecting, closing);
await round('served', [], served);
await round('options', ['--deflate', '--no-upgrades', '--no-scripts'], options);
await round('refuse', ['--refuse'], refusing);
await round('flood', ['--flood'], flooding);
await round('drop', ['--flood', '--drop'], dropping);
await round('address', ['--flood-address'], floodingTogether);
await round('reasons', ['--fast-pings'], leaving);
await round('more', [], others);
await round('recovery', ['--recovery', '60000'], recovery);
await round('expiry', ['--recovery', '100'], expiring);
await round('protocol 4', ['--eio3'], revision3);
process.exit(failed ? 1 : 0);
