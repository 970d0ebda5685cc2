// Back-pressure: a file of any size goes out as one message in parts, as fast as the peer reads and no faster.
import { createReadStream } from 'node:fs';
import { promisify } from 'node:util';
import { WebSocketServer } from 'ws';

const [host, port] = (process.argv[3] ?? '127.0.0.1:9000').split(':');
const server = new WebSocketServer({ host, port: Number(port), path: '/' });

server.on('connection', async (socket) => {
  socket.on('error', console.error);
  const send = promisify(socket.send.bind(socket)); // answers once the part is with the kernel
  try {
    for await (const part of createReadStream(process.argv[2])) await send(part, { binary: true, fin: false });
    await send('', { binary: true, fin: true });
    socket.close(1000, 'that was all');
  } catch (error) {
    socket.close(1011, 'no file');
  }
});
server.on('listening', () => console.log(`listening on ${host}:${server.address().port}`));
