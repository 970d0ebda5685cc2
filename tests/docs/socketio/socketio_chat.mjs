// The chat of Socket.IO's tutorial: what one types, all read.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const page = `<!doctype html><meta charset=utf-8><title>Socket.IO chat</title><ul id=messages></ul>
<form id=form><input id=input autocomplete=off><button>Send</button></form>
<script src=/socket.io/socket.io.js></script><script>
const socket = io();
form.onsubmit = (e) => { e.preventDefault(); socket.emit('chat message', input.value); input.value = ''; };
socket.on('chat message', (text) => { messages.appendChild(document.createElement('li')).textContent = text; });
</script>`;
const [host, port] = (process.argv[2] ?? '127.0.0.1:3000').split(':');
const http = createServer((request, response) => response.setHeader('Content-Type', 'text/html; charset=utf-8').end(page));
const io = new Server(http);

io.on('connection', (socket) => {
  socket.on('chat message', (...args) => io.emit('chat message', ...args));
});
http.listen(Number(port), host, () => console.log(`listening on ${host}:${http.address().port}`));
