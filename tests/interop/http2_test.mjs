// WebSocket over HTTP/2 with other people's HTTP/2: Node's as client and as server, undici's WebSocket, curl, and nghttpx in
// between. Usage: http2_test.mjs PART
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { createHash } from 'node:crypto';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(new URL('../package.json', import.meta.url));
const naru = process.env.NARU_BIN;
const folder = mkdtempSync(join(tmpdir(), 'naru-http2-'));
const children = [];

// ---- helpers -----------------------------------------------------------------------------------------------------------

function start(command, args, pattern) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return new Promise((resolve, reject) => {
    let text = '';
    child.on('exit', (code) => reject(new Error(`${command} ended with ${code}: ${text}`)));
    child.stdout.on('data', (data) => {
      text += data;
      const match = pattern.exec(text);
      if (match) resolve(match);
    });
  });
}

const serve = async (...args) => Number((await start(naru, ['serve', '--http2', '--listen', '127.0.0.1:0', ...args],
  /127\.0\.0\.1:(\d+)/))[1]);

function run(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (data) => { out += data; });
  child.stderr.on('data', (data) => { err += data; });
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, out, err })));
}

function certificate() {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  if (!existsSync(cert)) {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
      '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert],
    { stdio: 'ignore' });
  }
  return { key: readFileSync(key), cert: readFileSync(cert), keyFile: key, certFile: cert };
}

// One frame; masked is a client's.
function frame(opcode, data, masked) {
  const size = data.length < 126 ? Buffer.from([data.length]) : Buffer.alloc(9);
  if (size.length === 9) {
    size[0] = 127;
    size.writeBigUInt64BE(BigInt(data.length), 1);
  }
  if (masked) size[0] |= 0x80;
  return Buffer.concat([Buffer.from([0x80 | opcode]), size, Buffer.alloc(masked ? 4 : 0), data]);
}

// Frames out of a stream of bytes.
async function* frames(stream) {
  let held = Buffer.alloc(0);
  for await (const piece of stream) {
    held = Buffer.concat([held, piece]);
    for (;;) {
      if (held.length < 2) break;
      let [size, at] = [held[1] & 0x7f, 2];
      if (size === 126) [size, at] = held.length < 4 ? [Infinity, 4] : [held.readUInt16BE(2), 4];
      else if (size === 127) [size, at] = held.length < 10 ? [Infinity, 10] : [Number(held.readBigUInt64BE(2)), 10];
      const mask = held[1] & 0x80 ? held.subarray(at, at + 4) : null;
      at += mask ? 4 : 0;
      if (held.length < at + size) break;
      const data = Buffer.from(held.subarray(at, at + size));
      if (mask) for (let i = 0; i < data.length; i++) data[i] ^= mask[i & 3];
      yield { opcode: held[0] & 15, data };
      held = held.subarray(at + size);
    }
  }
}

async function session(origin) {
  const client = http2.connect(origin, { rejectUnauthorized: false });
  const settings = await new Promise((resolve, reject) => {
    client.on('remoteSettings', resolve);
    client.on('error', reject);
  });
  assert.equal(settings.enableConnectProtocol, true);
  assert.equal(settings.maxConcurrentStreams, 100);
  return client;
}

async function webSocket(client, path, fields = {}) {
  const stream = client.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': path, 'sec-websocket-version': '13',
    ...fields });
  stream.on('error', () => {});
  const head = await new Promise((resolve) => stream.on('response', resolve));
  if (head[':status'] !== 200) stream.resume();
  return { stream, head, status: head[':status'], frames: frames(stream) };
}

function get(client, path, fields = {}) {
  return new Promise((resolve, reject) => {
    const stream = client.request({ ':path': path, ...fields });
    const pieces = [];
    let head;
    stream.on('response', (got) => { head = got; });
    stream.on('data', (piece) => pieces.push(piece));
    stream.on('error', reject);
    stream.on('close', () => resolve({ status: head?.[':status'], head, body: Buffer.concat(pieces) }));
    stream.end();
  });
}

const next = async (socket) => (await socket.frames.next()).value;

async function echoes(socket, data, opcode = 2) {
  socket.stream.write(frame(opcode, data, true));
  const got = await next(socket);
  assert.equal(got.opcode, opcode);
  assert.ok(got.data.equals(data));
}

// ---- parts -------------------------------------------------------------------------------------------------------------

async function talk(origin) {
  const client = await session(origin);
  const [one, other] = [await webSocket(client, '/echo'), await webSocket(client, '/exec')];
  assert.equal(one.status, 200);
  for (const name of ['connection', 'upgrade', 'sec-websocket-accept']) assert.equal(one.head[name], undefined);
  assert.equal((await next(other)).data.toString(), '2'); // what its process was told
  await echoes(one, Buffer.from('hello'), 1);
  await echoes(one, Buffer.alloc(900000, 'x')); // more than any window
  const pages = await Promise.all(Array.from({ length: 60 }, () => get(client, '/')));
  assert.ok(pages.every((page) => page.status === 200 && page.body.equals(pages[0].body)));
  const head = await get(client, '/', { ':method': 'HEAD' });
  assert.deepEqual([head.status, head.body.length], [200, 0]);
  assert.equal(Number(head.head['content-length']), pages[0].body.length);
  assert.equal((await get(client, '/nothing')).status, 404);
  assert.equal((await get(client, '/echo')).status, 426);
  assert.equal((await webSocket(client, '/', {})).status, 404);
  assert.equal((await webSocket(client, '/echo', { origin: 'https://elsewhere.example' })).status, 403);
  one.stream.write(frame(8, Buffer.from([3, 232]), true));
  assert.deepEqual([...(await next(one)).data], [3, 232]);
  assert.equal(await next(one), undefined); // END_STREAM
  one.stream.end();
  other.stream.write(frame(1, Buffer.from('still here'), true));
  assert.equal((await next(other)).data.toString(), 'still here');
  other.stream.close(http2.constants.NGHTTP2_CANCEL);
  client.close();
  await new Promise((resolve) => client.on('close', resolve));
}

const EXEC = ['--exec', 'echo $NARU_HTTP; exec cat'];

async function nodeClient() {
  await talk(`https://127.0.0.1:${await serve('--tls-self', ...EXEC)}`);
  await talk(`http://127.0.0.1:${await serve(...EXEC)}`); // prior knowledge
}

async function connectTo(port, ...args) {
  return run(naru, ['connect', '--insecure', '--http2', ...args, `wss://127.0.0.1:${port}/exec`]);
}

// naru's client and naru's server; and a server that does not speak it.
async function naruClient() {
  const two = await serve('--tls-self', ...EXEC);
  assert.deepEqual(await connectTo(two, '--once', 'hi', '--count', '2'), { status: 0, out: '2\nhi\n', err: '' });
  const files = certificate();
  const [, one] = await start(naru, ['serve', '--listen', '127.0.0.1:0', '--tls-cert', files.certFile, '--tls-key', files.keyFile, ...EXEC],
    /127\.0\.0\.1:(\d+)/);
  assert.deepEqual(await connectTo(one, '--once', 'hi', '--count', '2'), { status: 0, out: '1.1\nhi\n', err: '' });
}

function echoOn(stream) {
  (async () => {
    for await (const { opcode, data } of frames(stream)) {
      stream.write(frame(opcode, data, false));
      if (opcode === 8) stream.end();
    }
  })().catch(() => {});
}

function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

async function nodeServer() {
  const seen = [];
  const server = http2.createSecureServer({ ...certificate(), settings: { enableConnectProtocol: true } });
  server.on('stream', (stream, head) => {
    seen.push(head);
    stream.on('error', () => {});
    if (head[':path'] === '/exec') {
      stream.respond({ ':status': 200, 'sec-websocket-protocol': 'b' });
      echoOn(stream);
    } else {
      stream.respond({ ':status': 403, 'content-type': 'text/plain' });
      stream.end('not here');
    }
  });
  const port = await listen(server);
  const said = await connectTo(port, '--protocol', 'a', '--protocol', 'b', '--once', 'x'.repeat(70000));
  assert.deepEqual([said.status, said.out.length], [0, 70001]);
  const [head] = seen;
  assert.deepEqual([head[':method'], head[':protocol'], head[':scheme'], head[':path'], head[':authority']],
    ['CONNECT', 'websocket', 'https', '/exec', `127.0.0.1:${port}`]);
  assert.equal(head['sec-websocket-protocol'], 'a, b');
  assert.equal(head['sec-websocket-version'], '13');
  assert.equal(head['sec-websocket-key'], undefined);
  const refused = await run(naru, ['connect', '--insecure', '--http2', `wss://127.0.0.1:${port}/other`]);
  assert.notEqual(refused.status, 0);
  assert.match(refused.err, /403/);
  server.close();
}

// HTTP/2 without extended CONNECT: asked again over HTTP/1.1 (RFC 8441 3).
async function fallBack() {
  const server = http2.createSecureServer({ ...certificate(), allowHTTP1: true });
  const versions = [];
  server.on('session', () => versions.push('2'));
  server.on('upgrade', (request, socket) => {
    versions.push(request.httpVersion);
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
      + `Sec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}\r\n\r\n`);
    echoOn(socket);
  });
  const port = await listen(server);
  assert.deepEqual(await connectTo(port, '--once', 'hello'), { status: 0, out: 'hello\n', err: '' });
  assert.deepEqual(versions, ['2', '1.1']);
  server.close();
}

async function undici() {
  const { Agent, WebSocket } = require('undici');
  const port = await serve('--tls-self', ...EXEC);
  const dispatcher = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
  const socket = new WebSocket(`wss://127.0.0.1:${port}/exec`, { dispatcher });
  const lines = [];
  await new Promise((resolve, reject) => {
    socket.onopen = () => socket.send('from undici');
    socket.onerror = (event) => reject(event.error ?? new Error('undici failed'));
    socket.onmessage = ({ data }) => lines.push(data) === 2 && resolve();
  });
  assert.deepEqual(lines, ['2', 'from undici']);
  const closed = new Promise((resolve) => { socket.onclose = resolve; });
  socket.close(1000);
  assert.equal((await closed).code, 1000);
  await dispatcher.close();
}

async function curl() {
  const bytes = Buffer.alloc(3000000, 'naru ');
  writeFileSync(join(folder, 'large.txt'), bytes);
  const port = await serve('--tls-self', folder);
  const to = join(folder, 'got');
  for (const version of ['2', '1.1']) {
    const got = await run('curl', ['-sk', `--http${version}`, `https://127.0.0.1:${port}/large.txt`, '-o', to,
      '-w', '%{http_version} %{http_code}']);
    assert.equal(got.out, `${version} 200`);
    assert.ok(readFileSync(to).equals(bytes));
  }
  const range = await run('curl', ['-sk', '--http2', '-r', '10-19', `https://127.0.0.1:${port}/large.txt`, '-w', ' %{http_code}']);
  assert.equal(range.out, 'naru naru  206');
}

// HTTP/2 to nghttpx, and HTTP/2 in the clear from there.
async function nghttpx() {
  const files = certificate();
  const behind = await serve('--allow-origin', 'any', ...EXEC);
  const front = await freePort();
  const child = spawn('nghttpx', ['--conf=/dev/null', `-f127.0.0.1,${front}`, `-b127.0.0.1,${behind};/;proto=h2`, '--no-ocsp',
    '--errorlog-file=/dev/null', '--single-process', '-LFATAL', files.keyFile, files.certFile], { stdio: 'ignore' });
  children.push(child);
  await reachable(front, child);
  const client = await session(`https://127.0.0.1:${front}`);
  const socket = await webSocket(client, '/exec');
  assert.equal(socket.status, 200);
  assert.equal((await next(socket)).data.toString(), '2');
  await echoes(await webSocket(client, '/echo'), Buffer.alloc(300000, 'y'));
  client.destroy();
}

async function freePort() {
  const { createServer } = await import('node:net');
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function reachable(port, child) {
  while (child.exitCode === null) {
    const there = await new Promise((resolve) => {
      const socket = connectTcp(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
      socket.on('error', () => setTimeout(() => resolve(false), 20));
    });
    if (there) return;
  }
  throw new Error('it does not listen');
}

const parts = { nodeClient, naruClient, nodeServer, fallBack, undici, curl, nghttpx };
try {
  await parts[process.argv[2]]();
  console.log(`${process.argv[2]}: fine`);
} finally {
  for (const child of children) child.removeAllListeners('exit').kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
