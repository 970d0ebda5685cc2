// A client: connects, says hello, prints the answer, closes.
import { WebSocket } from 'ws';

const socket = new WebSocket(process.argv[2] ?? 'ws://127.0.0.1:9000/');

socket.on('open', () => socket.send('hello'));
socket.on('message', (data) => {
  console.log(String(data));
  socket.close(1000, 'thank you');
});
socket.on('error', (error) => {
  console.error(`failed: ${error.message}`);
  process.exitCode = 1;
});
socket.on('close', (code) => console.log(`closed with ${code}`));
