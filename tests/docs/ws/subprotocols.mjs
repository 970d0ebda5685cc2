// Subprotocols: of those that a client asks for, the first that we speak.
import { WebSocketServer } from 'ws';

const [host, port] = (process.argv[2] ?? '127.0.0.1:9000').split(':');
const spoken = ['json', 'plain'];
const handleProtocols = (wanted) => [...wanted].find((name) => spoken.includes(name)) ?? false;
const server = new WebSocketServer({ host, port: Number(port), path: '/', handleProtocols });

server.on('connection', (socket) => {
  socket.on('error', console.error);
  socket.send(socket.protocol === 'json' ? '{"hello":"there"}' : 'hello there');
});
server.on('listening', () => console.log(`listening on ${host}:${server.address().port}`));
