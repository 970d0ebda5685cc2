// A storm of sessions that send whatever comes to mind, right and wrong, over both protocols, with bytes that come and bytes
// that do not, and leave in the middle: the server lives, a calm client beside them is answered all the time, and the server
// ends in order. With a build of sanitizers (NARU_BUILD_DIR) it is worth most.
//
//   storm_test.mjs [SESSIONS [SEED]]
import assert from 'node:assert/strict';
import { fixture, next, within, require } from './harness.mjs';
const WebSocket = require('ws');
const { io } = require('socket.io-client');

const [sessions = 2000, firstSeed = 1] = process.argv.slice(2).map(Number);
const NAMESPACES = ['', '/noted,', '/auth,', '/dynamic-1,', '/dynamic-2,', '/admin,', '/x-1,', '/nope,'];
const EVENTS = ['echo', 'reply', 'join', 'leave', 'rooms', 'to', 'ask', 'ask-me', 'fetch', 'set-data', 'sockets-join',
  'sockets-leave', 'kick', 'values', 'too-many', 'handshake', 'once', 'once-only', '__proto__', 'parent-emit', 'many-rooms',
  'server-side', 'emit', 'bad'];
const ARGUMENTS = ['1', '"a"', '"b"', 'null', 'true', 'false', '{"x":[1,{"_placeholder":true,"num":0}]}', '"\\u00e9\\ud800"',
  '[[[1]]]'];

/** The same numbers for the same seed. */
function dice(seed) {
  let state = seed;
  const roll = (sides) => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return (state >> 8) % sides;
  };
  return { roll, pick: (list) => list[roll(list.length)] };
}

function options({ roll, pick }) {
  const all = { rooms: [pick(['a', 'b', 'c'])], except: roll(2) ? ['a'] : [], broadcast: !!roll(2), volatile: !!roll(2) };
  return JSON.stringify(roll(3) ? all : { ...all, timeout: 20 });
}
const argument = (d) => (d.roll(4) ? d.pick(ARGUMENTS) : options(d));

function event(d, nsp) {
  const args = [`"${d.pick(EVENTS)}"`, ...(d.roll(4) ? [argument(d)] : []), ...(d.roll(3) ? [argument(d)] : [])];
  return [`42${nsp}${d.roll(2) ? d.roll(20) : ''}[${args}]`];
}
function binary(d, nsp) {
  const count = 1 + d.roll(2);
  const text = `45${count}-${nsp}${d.roll(9)}["${d.pick(EVENTS)}",${options(d)},{"_placeholder":true,"num":${d.roll(count)}}]`;
  return [text, ...Array.from({ length: d.roll(12) ? count : 0 }, () => Buffer.from([1, 2, d.roll(255)]))];
}
function connect(d, pids) {
  const auth = { token: d.pick(['123', 'later', 'x']), ok: true, username: 'admin', password: 'no' };
  if (pids.length && d.roll(2)) return [`40${JSON.stringify({ pid: d.pick(pids), ...(d.roll(2) ? { offset: 'strange.1' } : {}) })}`];
  return [`40${d.pick(NAMESPACES)}${d.roll(2) ? JSON.stringify(auth) : ''}`];
}
function garbled(d) {
  const text = `42["echo",${argument(d)}]`;
  const at = d.roll(text.length);
  return [text.slice(0, at) + String.fromCharCode(32 + d.roll(96)) + text.slice(at + 1)];
}
function step(d, pids) {
  const nsp = d.roll(3) ? '' : d.pick(NAMESPACES);
  const what = d.roll(20);
  if (what < 12) return event(d, nsp);
  if (what < 14) return binary(d, nsp);
  if (what < 16) return connect(d, pids);
  if (what < 17) return [`41${nsp}`];
  if (what < 19) return [`43${nsp}${d.roll(5)}[1]`];
  return d.roll(6) ? [] : garbled(d);
}

async function session(url, seed, pids) {
  const d = dice(seed);
  const ws = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=${d.roll(5) ? 4 : 3}&transport=websocket`);
  const send = (frame) => ws.readyState === WebSocket.OPEN && ws.send(frame);
  const ended = new Promise((resolve) => ws.on('close', resolve));
  ws.on('error', () => {});
  ws.on('message', (data, isBytes) => {
    const text = isBytes ? '' : data.toString();
    const pid = /"pid":"([^"]+)"/.exec(text);
    const asks = /^4[25](?:\d-)?(\/[^,]*,)?(\d+)\[/.exec(text);
    if (pid) pids[pids.length % 50] = pid[1];
    if (asks && d.roll(3)) send(`43${asks[1] || ''}${asks[2]}[${argument(d)}]`);
  });
  await Promise.race([new Promise((resolve) => ws.on('open', resolve)), ended]);
  if (d.roll(6)) send('40');
  for (let i = d.roll(40); i > 0 && ws.readyState === WebSocket.OPEN; i--) {
    step(d, pids).forEach(send);
    if (!d.roll(8)) await new Promise(setImmediate);
  }
  if (d.roll(2)) ws.terminate();
  else ws.close();
  await within(ended, `the end of the session with seed ${seed}`);
}

async function storm(...args) {
  const { url, stop } = await fixture('sio-feature-fixture', ...args);
  const calm = io(url, { transports: ['websocket'], reconnection: false, forceNew: true });
  await next(calm, 'connect');
  const pids = [];
  let seed = firstSeed;
  let left = sessions;
  const worker = async () => {
    while (left-- > 0) {
      const mine = seed++;
      await session(url, mine, pids);
      assert.equal(await within(calm.emitWithAck('echo', mine), 'the calm client'), mine);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  calm.disconnect();
  await stop();
}

await storm('--eio3', '--admin');
await storm('--eio3', '--recovery', '200');
await storm('--eio3', '--threads', '3');
