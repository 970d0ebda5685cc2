// The server of tests/fixtures/sio_feature_fixture.c once more, on npm's socket.io: what the same tests say of it is what they
// must say of naru. Run: node twin.mjs [--recovery MS] [--eio3] [--fast-pings]
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
const require = createRequire(import.meta.url);
const { Server } = require('socket.io');

const args = process.argv.slice(2);
const has = (name) => args.includes(name);
const recovery = has('--recovery') ? Number(args[args.indexOf('--recovery') + 1]) : 0;
const http = createServer();
const io = new Server(http, {
  cors: { origin: '*' },
  allowEIO3: has('--eio3'),
  connectTimeout: 1000,
  cleanupEmptyChildNamespaces: true,
  ...(has('--fast-pings') ? { pingInterval: 200, pingTimeout: 200 } : {}),
  ...(has('--msgpack') ? { parser: require('socket.io-msgpack-parser') } : {}),
  ...(recovery ? { connectionStateRecovery: { maxDisconnectionDuration: recovery, skipMiddlewares: !has('--ask-again') } } : {}),
});

let lines = [];
const note = (...words) => lines.push(words.join(' '));
const target = (socket, options) => {
  let operator = options.broadcast ? socket.broadcast : io.of('/').in([]);
  for (const room of options.rooms || []) operator = operator.to(room);
  for (const room of options.except || []) operator = operator.except(room);
  if (options.timeout) operator = operator.timeout(options.timeout);
  if (options.volatile) operator = operator.volatile;
  if (options.local) operator = operator.local;
  if (options.plain) operator = operator.compress(false);
  return operator;
};

const root = io.of('/');
for (const event of ['create-room', 'delete-room', 'join-room', 'leave-room']) {
  root.adapter.on(event, (room, id) => {
    if (room.length !== 20) note(event, room);
  });
}
const children = io.of(/^\/dynamic-.*$/);

root.on('connection', (socket) => {
  note('connection', socket.recovered ? 'recovered' : 'new');
  socket.on('disconnecting', (reason) => {
    note('disconnecting', reason);
    for (const room of socket.rooms) if (room !== socket.id) note('still in', room);
  });
  socket.on('disconnect', (reason) => note('disconnect', reason));
  socket.on('echo', (...a) => a.pop()(...a));
  socket.on('__proto__', (...a) => a.pop()(...a));
  socket.on('reply', (...a) => socket.emit('back', ...a));
  socket.on('join', (room, ack) => { socket.join(room); ack(); });
  socket.on('leave', (room, ack) => { socket.leave(room); ack(); });
  socket.on('rooms', (ack) => ack([...socket.rooms]));
  socket.on('to', (options, payload, ack) => { target(socket, options).emit('news', payload); ack(0); });
  socket.on('ask', (options, ack) => target(socket, options).emit('question', (error, answers) => ack(!!error, answers)));
  socket.on('ask-me', (timeout, ack) => {
    const operator = timeout ? socket.timeout(timeout) : socket;
    if (timeout) operator.emit('question', 7, (error, answer) => (error ? ack(true) : ack(false, answer)));
    else operator.emit('question', 7, (answer) => ack(false, answer));
  });
  socket.on('fetch', async (options, ack) => {
    ack((await target(socket, options).fetchSockets()).map(({ id, data }) => ({ id, data })));
  });
  socket.on('set-data', (data, ack) => { socket.data = data; ack(); });
  socket.on('sockets-join', (options, room, ack) => { target(socket, options).socketsJoin(room); ack(); });
  socket.on('sockets-leave', (options, room, ack) => { target(socket, options).socketsLeave(room); ack(); });
  socket.on('disconnect-sockets', (options, close) => target(socket, options).disconnectSockets(close));
  socket.on('kick', (close) => socket.disconnect(close));
  socket.on('values', (ack) =>
    ack(null, true, -5, 1.5, '"héllo"\n', Buffer.from([1, 2, 3]), { deep: [Buffer.from([4])], flag: true, num: 9 }));
  socket.on('handshake', (ack) => ack(socket.handshake));
  socket.on('once', (ack) => { socket.once('once-only', (...a) => socket.emit('own', ...a)); ack(); });
  socket.on('parent-emit', () => children.emit('to-children'));
  socket.on('log', (ack) => { ack(lines); lines = []; });
});

io.on('new_namespace', (nsp) => { if (nsp.name.startsWith('/dynamic') || nsp.name.startsWith('/x-')) note('new_namespace', nsp.name); });

io.of('/auth').use((socket, next) => {
  const { token } = socket.handshake.auth;
  if (token === 'later') return setTimeout(next, 20);
  if (token === '123') return next();
  const error = new Error('not authorized');
  if (token !== undefined) error.data = { code: 401 };
  next(error);
});
io.of('/auth').on('connection', (socket) => socket.on('handshake', (ack) => ack(socket.handshake)));

io.of('/noted').on('connection', (socket) => {
  socket.onAny((event) => note('any', event));
  socket.onAnyOutgoing((event) => note('outgoing', event));
  socket.prependAnyOutgoing((event) => note('first of the outgoing', event));
  socket.use(([event], next) => (event === 'bad' ? next(new Error('bad')) : next()));
  socket.on('error', () => note('error NARU_ERR_REFUSED'));
  socket.on('reply', (...a) => socket.emit('back', ...a));
  socket.on('kick', (close) => socket.disconnect(close));
});

const emitName = (socket) => socket.emit('name', socket.nsp.name);
children.on('connection', (socket) => { emitName(socket); socket.on('echo', (...a) => a.pop()(...a)); });
io.of((name, auth, next) => next(null, name.startsWith('/x-') && !!auth.ok)).on('connection', emitName);

// What waits until the test lets it go on.
const holds = [];
const decisions = [];
io.of('/held').on('connection', (socket) => {
  socket.onAny((event) => note('any', event));
  socket.use(([event, ...rest], next) => {
    if (event !== 'wait') return next();
    note('held', JSON.stringify(rest[0]));
    holds.push((good) => next(good ? undefined : new Error('bad')));
  });
  socket.use(([event], next) => (event === 'bad' ? next(new Error('bad')) : next()));
  socket.on('error', () => note('error NARU_ERR_REFUSED'));
  for (const event of ['echo', 'wait', 'bad']) socket.on(event, (...a) => { if (typeof a.at(-1) === 'function') a.pop()(...a); });
  socket.on('ask-me', (timeout, ack) => socket.emit('question', 7, (answer) => ack(false, answer)));
  socket.on('kick', (close) => socket.disconnect(close));
});
io.of((name, auth, next) => {
  if (!name.startsWith('/later-')) return next(null, name === '/at-once');
  note('deciding', name);
  decisions.push((fits) => next(null, fits));
}).on('connection', emitName);
root.on('connection', (socket) => {
  socket.on('let-go', (good, ack) => { holds.shift()?.(good); ack(); });
  socket.on('decide', (fits, ack) => { decisions.shift()?.(fits); ack(); });
});
io.of('/again').use((socket, next) => {
  note(socket.recovered ? 'asked again' : 'asked', socket.id);
  next(socket.handshake.auth.token === 'stale' ? new Error('stale') : undefined);
}).on('connection', (socket) => {
  socket.on('to', (options, payload, ack) => { socket.nsp.to(options.rooms).emit('news', payload); ack(0); });
  socket.on('join', (room, ack) => { socket.join(room); ack(); });
  socket.on('rooms', (ack) => ack([...socket.rooms]));
});

http.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${http.address().port}`));
process.on('SIGTERM', () => { io.close(); process.exit(0); });
