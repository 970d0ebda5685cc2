// Middleware: only who shows the token gets in; the name it gives is kept as the socket's data.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const [host, port] = (process.argv[2] ?? '127.0.0.1:3000').split(':');
const http = createServer();
const io = new Server(http);

io.use((socket, next) => {
  if (socket.handshake.auth.token !== 'let me in') {
    const error = new Error('not authorized'); // err.message and err.data over there
    error.data = { code: 401 };
    next(error);
    return;
  }
  socket.data = socket.handshake.auth.name ?? {};
  next(); // now, or later
});
io.on('connection', (socket) => {
  socket.on('who am i', (answer) => {
    if (typeof answer === 'function') answer(socket.data);
  });
});
http.listen(Number(port), host, () => console.log(`listening on ${host}:${http.address().port}`));
