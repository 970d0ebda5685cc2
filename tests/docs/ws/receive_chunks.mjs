// ws has no way to see a message before all of it is there: this holds it whole, so its size needs a bound.
import { WebSocketServer } from 'ws';

const [host, port] = (process.argv[2] ?? '127.0.0.1:9000').split(':');
const server = new WebSocketServer({ host, port: Number(port), path: '/', maxPayload: 256 << 20 });

function adler32(data) {
  let [low, high] = [1, 0];
  for (const byte of data) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  return ((high << 16) | low) >>> 0;
}

server.on('connection', (socket) => {
  socket.on('error', console.error);
  socket.on('message', (data) =>
    socket.send(`${data.length} bytes, ${adler32(data).toString(16).padStart(8, '0')}`));
});
server.on('listening', () => console.log(`listening on ${host}:${server.address().port}`));
