// undici's WebSocket as a peer, or with --builtin the one that this Node has built in. A client only; it always offers
// permessage-deflate, inflates what comes and never compresses what it sends. It cannot send fragments.
import { channel } from 'node:diagnostics_channel';
import * as undici from 'undici';
import { Inbox, main } from './script.mjs';

function adapt(ws, pingOf) {
  const inbox = new Inbox();
  ws.binaryType = 'arraybuffer';
  ws.onmessage = ({ data }) =>
    inbox.put(
      typeof data === 'string'
        ? { type: 'text', data: Buffer.from(data) }
        : { type: 'binary', data: Buffer.from(data) },
    );
  ws.onclose = ({ code, reason, wasClean }) =>
    inbox.put({ type: 'close', code: wasClean ? code : `unclean ${code}`, reason });
  return {
    inbox,
    ping: pingOf && ((data) => pingOf(ws, data)),
    get protocol() {
      return ws.protocol;
    },
    send: (kind, data) => ws.send(kind === 'text' ? data.toString() : data),
    close: (code, reason) => (code === undefined ? ws.close() : ws.close(code, reason)),
  };
}

function ping(ws, data) {
  return new Promise((resolve, reject) => {
    const pong = channel('undici:websocket:pong');
    pong.subscribe(function heard(message) {
      pong.unsubscribe(heard);
      const got = Buffer.from(message.payload ?? []);
      if (data.equals(got)) resolve();
      else reject(new Error('the pong has other bytes than the ping'));
    });
    undici.ping(ws, data);
  });
}

// The built-in class takes its authorities from NODE_EXTRA_CA_CERTS, undici's from the dispatcher.
function client(options, test) {
  return new Promise((resolve, reject) => {
    const url = `${options.url}/${test.name}`;
    const dispatcher = options.ca && new undici.Agent({ connect: { ca: options.ca } });
    const ws = options.builtin
      ? new WebSocket(url, test.protocols)
      : new undici.WebSocket(url, { protocols: test.protocols, dispatcher });
    const conn = adapt(ws, options.builtin ? undefined : ping);
    ws.onerror = (event) => reject(event.error ?? new Error('the connection failed'));
    ws.onopen = () => {
      ws.onerror = null;
      const wanted = options.deflate !== 'off';
      if (ws.extensions.includes('permessage-deflate') === wanted) resolve(conn);
      else reject(new Error(`deflate ${options.deflate}, agreed "${ws.extensions}"`));
    };
  });
}

main({ client });
