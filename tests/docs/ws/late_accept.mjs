// Who may come in is decided later: the request waits while a token is looked up (here: for 50 ms), and what was found goes
// along with the connection.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';

const [host, port] = (process.argv[2] ?? '127.0.0.1:9000').split(':');
const http = createServer();
const server = new WebSocketServer({ noServer: true });

async function lookUp(request) {
  await sleep(50);
  return request.headers.authorization === 'Bearer ferry' ? 'welcome, ferryman' : null;
}

http.on('upgrade', async (request, tcp, head) => {
  tcp.on('error', console.error); // the peer left while it waited
  const greeting = await lookUp(request);
  if (greeting === null) {
    tcp.end('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  server.handleUpgrade(request, tcp, head, (socket) => {
    socket.on('error', console.error);
    socket.send(greeting);
  });
});
http.listen(Number(port), host, () => console.log(`listening on ${host}:${http.address().port}`));
