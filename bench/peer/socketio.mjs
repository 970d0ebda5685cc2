// Socket.IO: the event `m` with an acknowledgement that carries what came.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, { transports: ['websocket'], pingInterval: 300000, serveClient: false });
io.on('connection', (socket) => socket.on('m', (text, acknowledge) => acknowledge(text)));
http.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${http.address().port}`));
