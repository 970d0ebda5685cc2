// The npm package ws as a peer, both roles.
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import WebSocket, { WebSocketServer } from 'ws';
import { Inbox, main, play } from './script.mjs';

const DEFLATE = {
  off: false,
  takeover: { threshold: 0 },
  'no-takeover': { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
  'small-window': { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 10 },
};
const MAX_PAYLOAD = 64 << 20;

function adapt(ws) {
  const inbox = new Inbox();
  const pongs = [];
  ws.on('message', (data, isBinary) => inbox.put({ type: isBinary ? 'binary' : 'text', data }));
  ws.on('pong', (data) => pongs.shift()?.(data));
  ws.on('close', (code, reason) => inbox.put({ type: 'close', code, reason: String(reason) }));
  ws.on('error', (error) => inbox.put({ type: 'error', data: Buffer.from(error.message) }));
  const ping = (data) =>
    new Promise((resolve, reject) => {
      pongs.push((got) => (data.equals(got) ? resolve() : reject(new Error('the pong has other bytes than the ping'))));
      ws.ping(data);
    });
  return {
    inbox,
    ping,
    get protocol() {
      return ws.protocol;
    },
    send: (kind, data) => ws.send(data, { binary: kind === 'binary' }),
    fragments(kind, parts, pingBetween) {
      const pongs = [];
      parts.forEach((part, i) => {
        ws.send(part, { binary: kind === 'binary', fin: i === parts.length - 1 });
        if (pingBetween && i < parts.length - 1) pongs.push(ping(Buffer.from(`between ${i}`)));
      });
      return Promise.all(pongs);
    },
    close: (code, reason) => ws.close(code, reason),
  };
}

function checkDeflate(ws, mode) {
  if ((mode !== 'off') !== ws.extensions.includes('permessage-deflate')) {
    throw new Error(`deflate ${mode} was asked for, agreed on is "${ws.extensions}"`);
  }
}

function client(options, test) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(`${options.url}/${test.name}`, test.protocols, {
      ca: options.ca,
      perMessageDeflate: DEFLATE[options.deflate],
      maxPayload: MAX_PAYLOAD,
    });
    const conn = adapt(ws);
    ws.once('error', reject);
    ws.once('open', () => {
      try {
        checkDeflate(ws, options.deflate);
        resolve(conn);
      } catch (error) {
        ws.terminate();
        reject(error);
      }
    });
  });
}

function server(options) {
  const http = options.tls ? createHttps(options.tls) : createHttp();
  const find = (request) => options.cases.get(request.url.slice(1));
  const wss = new WebSocketServer({
    server: http,
    perMessageDeflate: DEFLATE[options.deflate],
    maxPayload: MAX_PAYLOAD,
    handleProtocols: (offered, request) => {
      const test = find(request);
      return [...offered].join() === test.protocols.join() && test.select;
    },
  });
  wss.on('connection', (ws, request) => {
    const conn = adapt(ws);
    try {
      checkDeflate(ws, options.deflate);
      play(conn, find(request));
    } catch (error) {
      console.log(`case ${find(request).name} fail ${error.message}`);
      ws.terminate();
    }
  });
  http.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${http.address().port}`));
}

main({ server, client });
