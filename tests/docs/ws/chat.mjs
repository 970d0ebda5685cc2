// Chat in rooms: a message goes to a set of connections, the others under the same path below /chat/.
import { WebSocketServer } from 'ws';

const [host, port] = (process.argv[2] ?? '127.0.0.1:9000').split(':');
const rooms = new Map();
const server = new WebSocketServer({ host, port: Number(port) });
server.shouldHandle = (request) => request.url.startsWith('/chat/');

server.on('connection', (socket, request) => {
  const name = new URL(request.url, 'ws://host').pathname;
  const room = rooms.get(name) ?? new Set();
  rooms.set(name, room.add(socket));
  socket.on('error', console.error);
  socket.on('message', (data, isBinary) => {
    for (const other of room) if (other !== socket) other.send(data, { binary: isBinary });
  });
  socket.on('close', () => {
    room.delete(socket);
    if (room.size === 0) rooms.delete(name);
  });
});
server.on('listening', () => console.log(`listening on ${host}:${server.address().port}`));
