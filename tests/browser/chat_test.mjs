// Two tabs talk to each other through `naru serve`, as a person would: who is there, messages, names, the round trip, a server
// that goes away and comes back. Markup in a message stays text, and the page's security policy is never broken.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { withBrowser, withProgram } from './chromium.mjs';

const naru = process.argv[2] ?? process.env.NARU_BIN;
const pictures = process.env.NARU_PICTURES; // a folder: keep screenshots there
const URL_LINE = /open (http:\/\/127\.0\.0\.1:(\d+)\/)/;
const complaints = [];

function serve(port, use) {
  return withProgram(naru, ['serve', '--listen', `127.0.0.1:${port}`], URL_LINE, ([, url, bound], child) => use(url, bound, child));
}

async function openTab(context, url) {
  const page = await context.newPage();
  page.setDefaultTimeout(10000);
  page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    // What the browser itself says while the server is away is not the page's fault.
    if (message.type() === 'error' && !/WebSocket connection to|ERR_CONNECTION/.test(message.text())) complaints.push(message.text());
  });
  await page.goto(url);
  await connected(page);
  return page;
}

function connected(page) {
  return page.waitForFunction(() => document.getElementById('state').dataset.state === 'open');
}

function people(page, count) {
  return page.waitForFunction((n) => document.querySelectorAll('#people li').length === n, count);
}

function hears(page, text) {
  return page.waitForFunction((wanted) => [...document.querySelectorAll('#log li')].some((li) => li.textContent.includes(wanted)), text);
}

async function say(page, text) {
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
}

async function rename(page, name) {
  await page.fill('#name', name);
  await page.click('#rename button');
}

async function talk(context, url) {
  const first = await openTab(context, url);
  await people(first, 1);
  const second = await openTab(context, url);
  await people(first, 2);
  await people(second, 2);

  await rename(first, 'Ondol');
  await hears(second, 'is now Ondol');
  await say(first, 'annyeong, 나루 ⛴');
  await hears(second, 'annyeong, 나루 ⛴');
  await hears(first, 'annyeong, 나루 ⛴');
  await say(second, '<img src=x onerror="document.title=\'broken\'"><b>bold</b>');
  await hears(first, '<b>bold</b>');
  assert.equal(await first.locator('#log img, #log b').count(), 0, 'markup in a message must stay text');
  assert.equal(await first.title(), 'naru chat');

  await first.waitForFunction(() => /^\d+(\.\d+)? ms$/.test(document.getElementById('rtt').textContent));
  if (pictures) await first.screenshot({ path: join(pictures, 'chat.png') });

  const third = await openTab(context, url);
  await people(first, 3);
  await third.close();
  await people(first, 2);
  await hears(second, 'left');
  return [first, second];
}

async function away(page) {
  await page.waitForFunction(() => document.getElementById('state').dataset.state !== 'open');
  assert.equal(await page.locator('#text').isDisabled(), true, 'nothing can be said while the server is away');
}

await withBrowser(async (context) => {
  let tabs, bound;
  await serve(0, async (url, port) => {
    bound = port;
    tabs = await talk(context, url);
  });
  await Promise.all(tabs.map(away));
  await serve(bound, async () => {
    await Promise.all(tabs.map(connected));
    await Promise.all(tabs.map((tab) => people(tab, 2)));
    await hears(tabs[1], 'Ondol'); // the name was kept over the interruption
    await say(tabs[0], 'back again');
    await hears(tabs[1], 'back again');
    if (pictures) await tabs[1].screenshot({ path: join(pictures, 'chat-again.png') });
  });
});
assert.deepEqual(complaints, [], 'the pages complained');
console.log('two tabs talked, lost the server and found it again');
