// Every feature by the official client, over each transport. With --twin the server is npm's socket.io: the control.
import { fixture, twin, run, require } from './harness.mjs';
import { asking, everywhere, recovering, WAYS } from './features.mjs';

const naru = !process.argv.includes('--twin');
const only = process.env.NARU_ONLY;
const server = (...args) => (naru ? fixture('sio-feature-fixture', ...args) : twin(...args));
let failed = 0;

async function round(title, args, tests, extra = {}) {
  const { url, stop } = await server(...args);
  for (const [way, transports] of Object.entries(WAYS)) {
    failed += await run(`${title}, ${way}`, tests, { url, transports, way, naru, extra }, only);
  }
  await stop();
}

await round('plain', [], everywhere);
await round('msgpack', naru ? [] : ['--msgpack'], everywhere, { parser: require('socket.io-msgpack-parser') });
await round('recovery', ['--recovery', '60000'], recovering);
await round('asked again', ['--recovery', '60000', '--ask-again'], asking);
process.exit(failed ? 1 : 0);
