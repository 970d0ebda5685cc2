// A headless Chromium with an empty profile, and programs of ours that print a line once they serve.
import { createRequire } from 'node:module';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(new URL('../package.json', import.meta.url));
const { chromium } = require('playwright-core');

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

// Run `use(context)` in a browser of its own. errors: what the pages complained about, for the test to look at.
export async function withBrowser(use, options = {}) {
  const profile = mkdtempSync(join(tmpdir(), 'naru-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium', headless: true, args: FLAGS, viewport: { width: 900, height: 700 }, ...options,
  });
  try {
    return await use(context);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

// Start a program and wait for the line that `pattern` matches; stopped with SIGTERM, by its own pid.
export async function withProgram(command, args, pattern, use) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
  try {
    const match = await firstLine(child, pattern, ended);
    return await use(match, child);
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

async function firstLine(child, pattern, ended) {
  const seen = [];
  const lines = createInterface({ input: child.stdout });
  const found = new Promise((resolve) => lines.on('line', (line) => {
    seen.push(line);
    const match = pattern.exec(line);
    if (match) resolve(match);
  }));
  const match = await Promise.race([found, ended, later(10000)]);
  if (!Array.isArray(match)) throw new Error(`${child.spawnfile} did not say ${pattern}: ${JSON.stringify(seen)}`);
  return match;
}

export function later(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
