// The table of WHATWG rules, run by Chromium's own WebSocket against naru's server.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withBrowser, withProgram } from './chromium.mjs';

const here = (path) => new URL(path, import.meta.url);
const table = JSON.parse(readFileSync(here('../whatwg/table.json'), 'utf8'));
const runner = readFileSync(here('./whatwg_runner.js'), 'utf8');
const server = process.argv[2] ?? join(process.env.NARU_BUILD_DIR, 'tests', 'whatwg', 'whatwg_server');

const results = await withProgram(server, ['127.0.0.1:0'], /^listening on (.+)$/, ([, host]) =>
  withBrowser(async (context) => {
    const page = await context.newPage();
    await page.addScriptTag({ content: `${runner}; window.runTable = runTable;` });
    return page.evaluate(([cases, at]) => window.runTable(cases, at), [table, host]);
  }));

const failed = results.filter((result) => result.error !== null);
for (const { name, error } of failed) console.error(`FAILED ${name}: ${error}`);
console.log(`${results.length} cases, ${failed.length} failed`);
process.exit(failed.length > 0 || results.length < 80 ? 1 : 0);
