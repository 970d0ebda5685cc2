#!/usr/bin/env node
// `naru echo` as far as these tests know it, made of the npm package ws: what the harness is checked with when there is
// doubt whether it or naru is wrong (NARU_BIN=tests/interop/stand_in.mjs). Not strict enough to pass everything.
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { readFileSync } from 'node:fs';
import WebSocket, { WebSocketServer } from 'ws';

const args = process.argv.slice(2);
const value = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const values = (name) => args.flatMap((word, i) => (args[i - 1] === name ? [word] : []));
const limits = {
  maxPayload: Number(value('--max-message') ?? 64 << 20),
  maxFragments: Number(value('--max-fragments') ?? 100000),
  perMessageDeflate: args.includes('--deflate') ? { threshold: 0 } : false,
};

function echo(ws) {
  ws.on('message', (data, binary) => ws.send(data, { binary }));
  ws.on('error', () => {});
}

if (value('--listen')) {
  const tls = value('--tls-cert') && { cert: readFileSync(value('--tls-cert')), key: readFileSync(value('--tls-key')) };
  const server = tls ? createHttps(tls) : createHttp();
  const wss = new WebSocketServer({ server, ...limits });
  wss.on('connection', echo);
  const [host, port] = value('--listen').split(':');
  server.listen(Number(port), host, () => console.log(`listening on ${host}:${server.address().port}`));
  process.on('SIGTERM', () => {
    wss.clients.forEach((ws) => ws.close(1001));
    server.close(() => process.exit(0));
    setTimeout(() => process.exit(0), 1000).unref();
  });
} else {
  const ca = value('--ca') && readFileSync(value('--ca'));
  const ws = new WebSocket(value('--connect'), values('--protocol'), { ca, ...limits });
  echo(ws);
  ws.on('close', (code) => process.exit([1000, 1001, 1005].includes(code) || code >= 3000 ? 0 : 1));
}
