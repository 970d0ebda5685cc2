// Broadcast: what one says, all hear, the sender too. How much waits for a slow peer is bounded here, by hand.
import { WebSocket, WebSocketServer } from 'ws';

const [host, port] = (process.argv[2] ?? '127.0.0.1:9000').split(':');
const server = new WebSocketServer({ host, port: Number(port), path: '/' });

server.on('connection', (socket) => {
  socket.on('error', console.error);
  socket.on('message', (data, isBinary) => {
    for (const client of server.clients) {
      if (client.bufferedAmount > 1 << 20) client.close(1013);
      else if (client.readyState === WebSocket.OPEN) client.send(data, { binary: isBinary });
    }
  });
});
server.on('listening', () => console.log(`listening on ${host}:${server.address().port}`));
