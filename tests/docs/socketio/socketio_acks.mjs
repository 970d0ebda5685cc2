// Acknowledgements both ways: a sum is answered; "poll" asks everybody and tells how many said yes within a second.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const [host, port] = (process.argv[2] ?? '127.0.0.1:3000').split(':');
const http = createServer();
const io = new Server(http);

io.on('connection', (socket) => {
  socket.on('add', (a, b, answer) => {
    if (typeof a === 'number' && typeof b === 'number' && typeof answer === 'function') answer(a + b);
  });
  socket.on('poll', (answer) => {
    const asked = io.of('/').sockets.size;
    io.timeout(1000).emit('vote', (error, votes) => {
      if (typeof answer === 'function') answer(votes.filter((vote) => vote === true).length, asked);
    });
  });
});
http.listen(Number(port), host, () => console.log(`listening on ${host}:${http.address().port}`));
