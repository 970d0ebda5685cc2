// Echo: what comes goes back, as text or binary as it came.
import { WebSocketServer } from 'ws';

const [host, port] = (process.argv[2] ?? '127.0.0.1:9000').split(':');
const server = new WebSocketServer({ host, port: Number(port), path: '/' });

server.on('connection', (socket) => {
  socket.on('error', console.error); // without a listener, a bad peer ends the process
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.on('listening', () => console.log(`listening on ${host}:${server.address().port}`));
