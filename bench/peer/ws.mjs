// The peer that JavaScript developers know: npm's ws. ws.mjs [--deflate] [--topic] [--tls CERTIFICATE KEY]: an echo, or a
// topic by a loop over a Set.
import { readFileSync } from 'node:fs';
import { createServer as createPlain } from 'node:http';
import { createServer as createTls } from 'node:https';
import { WebSocketServer } from 'ws';

const tls = process.argv.indexOf('--tls');
const http = tls < 0 ? createPlain() : createTls({ cert: readFileSync(process.argv[tls + 1]), key: readFileSync(process.argv[tls + 2]) });
const deflate = process.argv.includes('--deflate') && { threshold: 0 };
const server = new WebSocketServer({ server: http, perMessageDeflate: deflate, maxPayload: 1 << 27 });
const subscribers = new Set();

function echo(socket) {
  socket.on('message', (data, binary) => socket.send(data, { binary }));
}

function topic(socket) {
  socket.on('close', () => subscribers.delete(socket));
  socket.on('message', (data, binary) => {
    if (!binary && data.length === 1 && data[0] === 83) {
      subscribers.add(socket);
      socket.send('S');
      return;
    }
    for (const subscriber of subscribers) subscriber.send(data, { binary });
  });
}

server.on('connection', (socket) => {
  socket.on('error', () => {});
  (process.argv.includes('--topic') ? topic : echo)(socket);
});
http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(`listening on 127.0.0.1:${http.address().port}`));
