// Rooms: a socket joins one, and what it says there only the others in it hear. Who leaves, or goes, is missed.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const [host, port] = (process.argv[2] ?? '127.0.0.1:3000').split(':');
const http = createServer();
const io = new Server(http);

io.on('connection', (socket) => {
  socket.on('join', (room, answer) => {
    if (typeof room === 'string') {
      socket.join(room);
      socket.to(room).emit('joined', socket.id);
    }
    if (typeof answer === 'function') answer();
  });
  socket.on('say', (room, text) => {
    if (socket.rooms.has(room) && typeof text === 'string') socket.to(room).emit('said', room, text);
  });
  socket.on('disconnecting', () => {
    for (const room of socket.rooms) socket.to(room).emit('left', socket.id);
  });
});
http.listen(Number(port), host, () => console.log(`listening on ${host}:${http.address().port}`));
