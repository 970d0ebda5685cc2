// Every client hears a Close before the process ends; none is waited for longer than 2 seconds.
import { WebSocketServer } from 'ws';

const [host, port] = (process.argv[2] ?? '127.0.0.1:9000').split(':');
const server = new WebSocketServer({ host, port: Number(port), path: '/' });

server.on('connection', (socket) => {
  socket.on('error', console.error);
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.on('listening', () => console.log(`listening on ${host}:${server.address().port}`));

function stop() {
  server.close(); // takes no more, and leaves those that are there alone
  for (const socket of server.clients) socket.close(1001);
  setTimeout(() => server.clients.forEach((socket) => socket.terminate()), 2000).unref();
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
