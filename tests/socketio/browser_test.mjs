// Chromium with the scripts that the server itself gives: each of them connects, by polling and the upgrade, and by WebSocket
// alone, and carries text and bytes.
import assert from 'node:assert/strict';
import { fixture, run } from './harness.mjs';
import { withBrowser } from '../browser/chromium.mjs';

/** Runs in the page: `io` is the client. */
function talk({ url, transports }) {
  const socket = window.io(url, { transports, forceNew: true });
  const heard = (event) => new Promise((resolve) => socket.once(event, (...args) => resolve(args)));
  return (async () => {
    await heard('connect');
    const echoed = await socket.emitWithAck('echo', { text: 'grüße', list: [1, null] });
    const back = heard('back');
    socket.emit('reply', new Uint8Array([1, 2, 3]).buffer, 'tail');
    const [bytes, tail] = await back;
    if (transports.length > 1 && socket.io.engine.transport.name !== 'websocket') {
      await new Promise((resolve) => socket.io.engine.once('upgrade', resolve));
    }
    const last = await socket.emitWithAck('echo', 'last');
    const { name } = socket.io.engine.transport;
    socket.disconnect();
    return { echoed, bytes: [...new Uint8Array(bytes)], tail, name, last };
  })();
}

const EXPECTED = { echoed: { text: 'grüße', list: [1, null] }, bytes: [1, 2, 3], tail: 'tail', name: 'websocket', last: 'last' };

const tests = {};
for (const script of ['socket.io.js', 'socket.io.min.js', 'socket.io.msgpack.min.js', 'socket.io.esm.min.js']) {
  tests[script] = async ({ url, context }) => {
    const page = await context.newPage();
    await page.goto(`${url}/nothing-here`);
    const address = `${url}/socket.io/${script}`;
    if (script.includes('esm')) {
      await page.evaluate(async (at) => { window.io = (await import(at)).io; }, address);
    } else {
      await page.addScriptTag({ url: address });
    }
    for (const transports of [['polling', 'websocket'], ['websocket']]) {
      assert.deepEqual(await page.evaluate(talk, { url, transports }), EXPECTED);
    }
    await page.close();
  };
}

const { url, stop } = await fixture('sio-feature-fixture');
const failed = await withBrowser((context) => run('browser', tests, { url, context }, process.env.NARU_ONLY));
await stop();
process.exit(failed ? 1 : 0);
