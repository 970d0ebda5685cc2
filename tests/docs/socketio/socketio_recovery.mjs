// Connection state recovery: a client whose connection breaks comes back within two minutes as who it was, with its
// rooms and everything it has missed, in order.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const [host, port] = (process.argv[2] ?? '127.0.0.1:3000').split(':');
const http = createServer();
const io = new Server(http, { connectionStateRecovery: { maxDisconnectionDuration: 120000 } });

io.on('connection', (socket) => {
  if (!socket.recovered) socket.join('news'); // its rooms are with it already otherwise
  console.log(`${socket.id} ${socket.recovered ? 'is back' : 'is new'}`);
  socket.on('publish', (...args) => io.to('news').emit('news', ...args));
});
http.listen(Number(port), host, () => console.log(`listening on ${host}:${http.address().port}`));
