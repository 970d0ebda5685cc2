// TLS: the echo server for wss.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { WebSocketServer } from 'ws';

const [cert, key] = [process.argv[2] ?? 'cert.pem', process.argv[3] ?? 'key.pem'].map((path) => readFileSync(path));
const [host, port] = (process.argv[4] ?? '127.0.0.1:9000').split(':');
const https = createServer({ cert, key, minVersion: 'TLSv1.2' });
const server = new WebSocketServer({ server: https, path: '/' });

server.on('connection', (socket) => {
  socket.on('error', console.error);
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
https.listen(Number(port), host, () => console.log(`listening on ${host}:${https.address().port}`));
