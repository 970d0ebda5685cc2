// The npm package websocket (WebSocket-Node) as a peer, both roles. It has no permessage-deflate.
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import websocket from 'websocket';
import { Inbox, Unsupported, main, play } from './script.mjs';

const { client: Client, frame: Frame, server: Server } = websocket;
const LIMITS = { maxReceivedFrameSize: 64 << 20, maxReceivedMessageSize: 64 << 20, fragmentOutgoingMessages: false };
const OPCODE = { text: 1, binary: 2 };

function adapt(connection) {
  const inbox = new Inbox();
  const pongs = [];
  connection.on('message', (message) =>
    inbox.put(
      message.type === 'utf8'
        ? { type: 'text', data: Buffer.from(message.utf8Data) }
        : { type: 'binary', data: message.binaryData },
    ),
  );
  connection.on('pong', (data) => pongs.shift()?.(data));
  connection.on('error', (error) => inbox.put({ type: 'error', data: Buffer.from(error.message) }));
  connection.on('close', (code, reason) => inbox.put({ type: 'close', code, reason }));
  const ping = (data) =>
    new Promise((resolve, reject) => {
      pongs.push((got) => (data.equals(got) ? resolve() : reject(new Error('the pong has other bytes than the ping'))));
      connection.ping(data);
    });
  const sendFrame = (opcode, data, fin) => {
    const frame = new Frame(connection.maskBytes, connection.frameHeader, connection.config);
    frame.opcode = opcode;
    frame.binaryPayload = data;
    frame.fin = fin;
    connection.sendFrame(frame);
  };
  return {
    inbox,
    ping,
    protocol: connection.protocol ?? '',
    send: (kind, data) => (kind === 'text' ? connection.sendUTF(data.toString()) : connection.sendBytes(data)),
    fragments(kind, parts, pingBetween) {
      const pongs = [];
      parts.forEach((part, i) => {
        sendFrame(i === 0 ? OPCODE[kind] : 0, part, i === parts.length - 1);
        if (pingBetween && i < parts.length - 1) pongs.push(ping(Buffer.from(`between ${i}`)));
      });
      return Promise.all(pongs);
    },
    close(code, reason) {
      if (code === undefined) throw new Unsupported('a Close without a code');
      connection.close(code, reason);
    },
  };
}

function client(options, test) {
  return new Promise((resolve, reject) => {
    const dialer = new Client({ ...LIMITS, tlsOptions: { ca: options.ca } });
    dialer.on('connectFailed', reject);
    dialer.on('connect', (connection) => resolve(adapt(connection)));
    dialer.connect(`${options.url}/${test.name}`, test.protocols);
  });
}

function server(options) {
  const http = options.tls ? createHttps(options.tls) : createHttp();
  const ws = new Server({ httpServer: http, ...LIMITS });
  ws.on('request', (request) => {
    const test = options.cases.get(request.resource.slice(1));
    play(adapt(request.accept(test.select || null, request.origin)), test);
  });
  http.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${http.address().port}`));
}

main({ server, client });
