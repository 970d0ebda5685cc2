// Socket.IO: the event `m` with an acknowledgement that carries what came; `join` (room), acknowledged, and `publish`
// (room, payload), which has `msg` (payload) sent to the room.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, { transports: ['websocket'], pingInterval: 300000, serveClient: false });
io.on('connection', (socket) => {
    socket.on('m', (text, acknowledge) => acknowledge(text));
    socket.on('join', (room, acknowledge) => {
        socket.join(room);
        acknowledge();
    });
    socket.on('publish', (room, payload) => io.to(room).emit('msg', payload));
});
http.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${http.address().port}`));
