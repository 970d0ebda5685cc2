// What the Socket.IO tests share: starting a server, clients that are closed again, and waiting for what must come, never for
// time to pass.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

export const require = createRequire(import.meta.url);
const here = path.dirname(fileURLToPath(import.meta.url));
const LIMIT_MS = 20000;

/** Resolves with what `promise` does, or says which wait it was that did not end. */
export function within(promise, what) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came: ${what}`)), LIMIT_MS);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** The arguments of the next `event`: one as it is, several as a list. */
export const next = (emitter, event) =>
  within(new Promise((resolve) => emitter.once(event, (...args) => resolve(args.length < 2 ? args[0] : args))), event);

const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill()));

/** Start a server; `url`, `stop()`, `output` (its lines, `line(test)` waits for one). */
export async function start(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const lines = [];
  const waiting = [];
  let rest = '';
  child.stdout.on('data', (data) => {
    rest += data;
    for (let at; (at = rest.indexOf('\n')) >= 0; rest = rest.slice(at + 1)) {
      lines.push(rest.slice(0, at));
      waiting.forEach((look) => look());
    }
  });
  const gone = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal || code)));
  const line = (fits) =>
    within(new Promise((resolve) => {
      const look = () => {
        const found = lines.find(fits);
        if (found) resolve(found);
      };
      waiting.push(look);
      look();
    }), 'a line of the server');
  const address = (await Promise.race([line((l) => l.startsWith('listening on ')), gone.then(() => {
    throw new Error(`${command} ended at once`);
  })])).slice('listening on '.length);
  const stop = async () => {
    child.kill('SIGTERM');
    const status = await within(gone, `the end of ${command}`);
    children.delete(child);
    if (status !== 0) throw new Error(`${command} ended with ${status}`);
  };
  return { url: `http://${address}`, port: Number(address.split(':').pop()), address, lines, line, stop, pid: child.pid };
}

export const fixture = (name, ...args) =>
  start(path.join(process.env.NARU_BUILD_DIR, 'tests/fixtures', name), ['--listen', '127.0.0.1:0', ...args]);
export const twin = (...args) => start(process.execPath, [path.join(here, 'twin.mjs'), ...args]);

/** Run tests by name: {name: async (context) => ...}; context.add(socket) closes it at the test's end. */
export async function run(title, tests, context, only) {
  let failed = 0;
  for (const [name, test] of Object.entries(tests)) {
    if (only && !name.includes(only)) continue;
    const open = [];
    try {
      await within(test({ ...context, add: (socket) => (open.push(socket), socket) }), name);
      if (process.env.NARU_VERBOSE) console.log(`ok      ${title}: ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAILED  ${title}: ${name}\n${error.stack}`);
    }
    open.forEach((socket) => (socket.disconnect ? socket.disconnect() : socket.close()));
  }
  return failed;
}
