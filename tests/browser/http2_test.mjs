// Chromium loads a page over HTTP/2 and opens a WebSocket, which goes over the same connection (RFC 8441): the process that
// the server starts for it says so, and over HTTP/1.1 it would say otherwise.
import assert from 'node:assert/strict';
import { withBrowser, withProgram } from './chromium.mjs';

const naru = process.argv[2] ?? process.env.NARU_BIN;
const LINE = /open https:\/\/(127\.0\.0\.1:\d+)\//;
const EXEC = ['--exec', 'echo $NARU_HTTP; exec cat'];

async function ask(options) {
  const args = ['serve', '--tls-self', '--listen', '127.0.0.1:0', ...EXEC, ...options];
  return withProgram(naru, args, LINE, ([, host]) => withBrowser(async (context) => {
    const page = await context.newPage();
    page.setDefaultTimeout(10000);
    await page.goto(`https://${host}/`);
    const spoken = await page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol);
    const lines = await page.evaluate((url) => new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      const got = [];
      socket.onopen = () => socket.send('from the page');
      socket.onmessage = ({ data }) => {
        if (got.push(data) === 2) socket.close(1000);
      };
      socket.onclose = ({ code }) => resolve([...got, code]);
      socket.onerror = () => reject(new Error('the WebSocket failed'));
    }), `wss://${host}/exec`);
    return [spoken, ...lines];
  }, { ignoreHTTPSErrors: true }));
}

assert.deepEqual(await ask(['--http2']), ['h2', '2', 'from the page', 1000]);
assert.deepEqual(await ask([]), ['http/1.1', '1.1', 'from the page', 1000]);
console.log('fine');
