// Every feature by the official client, over each transport. With --twin the server is npm's socket.io: the control. With
// --threads the server is one over three loops, and each next connection is another one's.
import { fixture, twin, run, require } from './harness.mjs';
import { asking, everywhere, recovering, WAYS } from './features.mjs';

const naru = !process.argv.includes('--twin');
const threads = process.argv.includes('--threads');
const only = process.env.NARU_ONLY;
const server = (...args) => (naru ? fixture('sio-feature-fixture', ...args, ...(threads ? ['--threads', '3'] : [])) : twin(...args));
let failed = 0;

async function round(title, args, tests, extra = {}) {
  const { url, stop } = await server(...args);
  for (const [way, transports] of Object.entries(WAYS)) {
    failed += await run(`${title}, ${way}`, tests, { url, transports, way, naru, threads, extra }, only);
  }
  await stop();
}

await round('plain', [], everywhere);
await round('msgpack', naru ? [] : ['--msgpack'], everywhere, { parser: require('socket.io-msgpack-parser') });
if (threads) process.exit(failed ? 1 : 0); // no recovery there
await round('recovery', ['--recovery', '60000'], recovering);
await round('asked again', ['--recovery', '60000', '--ask-again'], asking);
process.exit(failed ? 1 : 0);
