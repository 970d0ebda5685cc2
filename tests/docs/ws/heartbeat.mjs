// Heartbeat: each peer is pinged every second, and one that has not answered by the next ping is gone.
import { WebSocketServer } from 'ws';

const [host, port] = (process.argv[2] ?? '127.0.0.1:9000').split(':');
const server = new WebSocketServer({ host, port: Number(port), path: '/' });

server.on('connection', (socket) => {
  socket.isAlive = true;
  socket.on('error', console.error);
  socket.on('pong', () => {
    socket.isAlive = true;
    console.log('alive');
  });
  socket.on('close', (code) => console.log(`gone: ${code}`));
});
setInterval(() => {
  for (const socket of server.clients) {
    if (!socket.isAlive) socket.terminate();
    socket.isAlive = false;
    socket.ping();
  }
}, 1000);
server.on('listening', () => console.log(`listening on ${host}:${server.address().port}`));
