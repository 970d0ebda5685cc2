// The Admin UI: the protocol by hand, and the page of npm's @socket.io/admin-ui in Chromium.
import assert from 'node:assert/strict';
import http from 'node:http';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fixture, run, next, within, require } from './harness.mjs';
import { withBrowser } from '../browser/chromium.mjs';
const { io } = require('socket.io-client');

const CREDENTIALS = { username: 'admin', password: 'hunter2' };
const client = (c, nsp = '', auth = {}) =>
  c.add(io(c.url + nsp, { auth, transports: ['websocket'], forceNew: true, reconnection: false }));
const refused = async (c, auth) => (await next(client(c, '/admin', auth), 'connect_error')).message;
/** The first arguments of `event` that fit. */
const event = (socket, name, fits = () => true) =>
  within(new Promise((resolve) => {
    const listener = (...args) => {
      if (fits(...args)) {
        socket.off(name, listener);
        resolve(args);
      }
    };
    socket.on(name, listener);
  }), name);

const development = {
  async 'a wrong password, a wrong name, none: refused'(c) {
    assert.equal(await refused(c, { ...CREDENTIALS, password: 'hunter3' }), 'invalid credentials');
    assert.equal(await refused(c, { ...CREDENTIALS, username: 'admi' }), 'invalid credentials');
    assert.equal(await refused(c, { username: 'admin' }), 'invalid credentials');
    assert.equal(await refused(c, {}), 'invalid credentials');
    assert.equal(await refused(c, { sessionId: '' }), 'invalid credentials');
    assert.equal(await refused(c, { sessionId: '0123456789abcdef' }), 'invalid credentials');
    assert.equal(await refused(c, { ...CREDENTIALS, password: 'x'.repeat(100) }), 'invalid credentials');
  },
  async 'many passwords at once: some are refused unchecked, and the loop goes on meanwhile'(c) {
    const other = client(c);
    await next(other, 'connect');
    const wrong = Array.from({ length: 40 }, () => refused(c, { ...CREDENTIALS, password: 'no' }));
    for (let i = 0; i < 20; i++) await other.emitWithAck('echo');
    assert.ok((await Promise.all(wrong)).every((message) => message === 'invalid credentials'));
  },
  async 'the session, what the page may do, the sums; and the session again'(c) {
    const admin = client(c, '/admin', CREDENTIALS);
    const [[session], [config], [stats]] = await Promise.all(['session', 'config', 'server_stats'].map((name) => event(admin, name)));
    assert.equal(session.length, 16);
    assert.deepEqual(config.supportedFeatures.sort(),
      ['AGGREGATED_EVENTS', 'ALL_EVENTS', 'DISCONNECT', 'EMIT', 'JOIN', 'LEAVE', 'MDISCONNECT', 'MJOIN', 'MLEAVE']);
    assert.match(stats.serverId, c.threads ? /^fixture#\d$/ : /^fixture$/);
    assert.ok(stats.clientsCount >= 1 && stats.uptime >= 0 && stats.pid > 0);
    assert.equal(stats.namespaces.find(({ name }) => name === '/admin').socketsCount, 1);
    assert.ok(stats.aggregatedEvents.some(({ type, count, timestamp }) => type === 'rawConnection' && count > 0 && timestamp % 1000 === 0));
    const again = client(c, '/admin', { sessionId: session });
    await next(again, 'connect');
  },
  async 'sums come every two seconds'(c) {
    const admin = client(c, '/admin', CREDENTIALS);
    await event(admin, 'server_stats');
    const other = client(c);
    await other.emitWithAck('echo');
    const [stats] = await event(admin, 'server_stats', (s) => s.aggregatedEvents.some(({ type }) => type === 'packetsIn'));
    for (const type of ['packetsIn', 'packetsOut', 'bytesIn', 'bytesOut']) {
      assert.ok(stats.aggregatedEvents.find((e) => e.type === type).count > 0, type);
    }
  },
  async 'sockets, rooms and events as they happen, without what they proved themselves with'(c) {
    const before = client(c, '', { token: 'secret' });
    await next(before, 'connect');
    const admin = client(c, '/admin', CREDENTIALS);
    const [all] = await event(admin, 'all_sockets');
    const socket = all.find(({ id }) => id === before.id);
    assert.equal(socket.clientId, before.io.engine.id.slice(0, 12));
    assert.deepEqual([socket.transport, socket.nsp, socket.data, socket.rooms], ['websocket', '/', {}, [before.id]]);
    assert.equal(socket.handshake.query.EIO, '4');
    assert.ok(!JSON.stringify(all).includes('secret'));
    const came = event(admin, 'socket_connected', ({ nsp }) => nsp === '/');
    const other = client(c);
    await next(other, 'connect');
    const [connected, at] = await came;
    assert.equal(connected.id, other.id);
    assert.ok(Math.abs(new Date(at) - Date.now()) < 60000);
    const joined = event(admin, 'room_joined');
    const heard = event(admin, 'event_received');
    other.emit('join', 'room', () => {});
    assert.deepEqual((await joined).slice(0, 3), ['/', 'room', other.id]);
    assert.deepEqual((await heard).slice(0, 3), ['/', other.id, ['join', 'room']]);
    const sent = event(admin, 'event_sent');
    other.emit('reply', { bytes: Buffer.from('b') });
    const [nsp, id, args] = await sent;
    assert.deepEqual([nsp, id, args[0], Buffer.from(args[1].bytes).toString()], ['/', other.id, 'back', 'b']);
    const data = event(admin, 'socket_updated');
    other.emit('set-data', { a: 1 }, () => {});
    assert.deepEqual(await data, [{ id: other.id, nsp: '/', data: { a: 1 } }]);
    const otherId = other.id;
    const left = event(admin, 'room_left');
    const gone = event(admin, 'socket_disconnected');
    other.disconnect();
    assert.deepEqual((await left).slice(0, 3), ['/', 'room', otherId]);
    assert.deepEqual((await gone).slice(0, 3), ['/', otherId, 'client namespace disconnect']);
    const upgraded = event(admin, 'socket_updated');
    const polling = c.add(io(c.url, { forceNew: true }));
    assert.deepEqual((await upgraded)[0].transport, 'websocket');
    polling.disconnect();
  },
  async 'orders: emit, join, leave, disconnect'(c) {
    const admin = client(c, '/admin', CREDENTIALS);
    const [a, b] = [client(c), client(c)];
    await Promise.all([next(admin, 'connect'), next(a, 'connect'), next(b, 'connect')]);
    admin.emit('join', '/', 'told', a.id);
    const told = next(a, 'word');
    const words = [];
    b.on('word', (...args) => words.push(args));
    admin.emit('emit', '/', 'told', 'word', { x: [1] }, Buffer.from('bytes'));
    const [object, bytes] = await told;
    assert.deepEqual([object, Buffer.from(bytes).toString()], [{ x: [1] }, 'bytes']);
    admin.emit('leave', '/', 'told', a.id);
    admin.emit('emit', '/', 'told', 'word', 2);
    admin.emit('emit', '/', undefined, 'all');
    await Promise.all([next(a, 'all'), next(b, 'all')]);
    admin.emit('emit', '/unknown', undefined, 'all');
    const out = next(a, 'disconnect');
    admin.emit('_disconnect', '/', false, a.id);
    assert.equal((await out)[0], 'io server disconnect');
    await b.emitWithAck('echo');
    assert.deepEqual(words, []);
  },
};

const readonly = {
  async 'the page may look, and nothing else'(c) {
    const admin = client(c, '/admin', CREDENTIALS);
    const [config] = await event(admin, 'config');
    assert.deepEqual(config.supportedFeatures, ['AGGREGATED_EVENTS']);
    const a = client(c);
    await next(a, 'connect');
    const gone = [];
    a.on('disconnect', (reason) => gone.push(reason));
    admin.emit('_disconnect', '/', false, a.id);
    await event(admin, 'server_stats');
    await a.emitWithAck('echo');
    assert.deepEqual(gone, []);
  },
};

/* ---- the page ---------------------------------------------------------------------------------------------------- */

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

/** Serve the page's folder, as any web server would. */
function page(folder) {
  const server = http.createServer(async (request, response) => {
    const name = path.normalize(new URL(request.url, 'http://x').pathname);
    try {
      const body = await readFile(path.join(folder, name === '/' ? 'index.html' : name));
      response.setHeader('Content-Type', TYPES[path.extname(name)] || 'text/html');
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

const inBrowser = {
  async 'the page logs in and shows a socket'(c) {
    const folder = path.join(path.dirname(require.resolve('@socket.io/admin-ui/package.json')), 'ui/dist');
    const server = await page(folder);
    const socket = client(c);
    await next(socket, 'connect');
    try {
      await withBrowser(async (context) => {
        const tab = await context.newPage();
        tab.setDefaultTimeout(15000);
        await tab.goto(`http://127.0.0.1:${server.address().port}/`);
        await tab.getByLabel('Server URL').fill(c.url);
        await tab.getByLabel('Username').fill('admin');
        await tab.getByLabel('Password').fill('hunter2');
        await tab.getByRole('button', { name: 'Connect' }).click();
        await tab.getByRole('button', { name: 'Connect', exact: true }).waitFor({ state: 'hidden' });
        await tab.goto(`http://127.0.0.1:${server.address().port}/#/sockets/`);
        await tab.waitForFunction((id) => document.body.innerText.includes(id), socket.id);
      });
    } finally {
      server.close();
    }
  },
};

const guarded = {
  async 'after ten wrong passwords in a minute not even the right one is looked at, and sessions still are'(c) {
    const wrong = { ...CREDENTIALS, password: 'hunter3' };
    for (let i = 0; i < 9; i++) assert.equal(await refused(c, wrong), 'invalid credentials');
    const [session] = await event(client(c, '/admin', CREDENTIALS), 'session'); // and the nine are forgotten
    for (let i = 0; i < 10; i++) assert.equal(await refused(c, wrong), 'invalid credentials');
    assert.equal(await refused(c, CREDENTIALS), 'invalid credentials');
    await next(client(c, '/admin', { sessionId: session }), 'connect');
  },
};

let failed = 0;
async function round(title, args, ...tests) {
  const { url, stop } = await fixture('sio-feature-fixture', '--admin', ...args);
  for (const some of tests) failed += await run(title, some, { url, threads: args.includes('--threads') }, process.env.NARU_ONLY);
  await stop();
}
await round('admin', [], development, process.env.NARU_NO_BROWSER ? {} : inBrowser);
await round('threads', ['--threads', '3'], development, process.env.NARU_NO_BROWSER ? {} : inBrowser);
await round('readonly', ['--readonly'], readonly);
await round('guarded', ['--flood-address'], guarded);
process.exit(failed ? 1 : 0);
