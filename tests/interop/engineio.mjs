// Engine.IO against naru: the protocol by hand (fetch and ws), and the clients of both revisions.
//
// node engineio.mjs FIXTURE     runs tests/fixtures/eio_fixture.c, waits only for things that happen, and says which
// checks failed. Source of what is checked: the Engine.IO protocol, revisions 3 and 4.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { readdir } from "node:fs/promises";
import http from "node:http";
import WebSocket from "ws";

const require = createRequire(import.meta.url);
const { Socket: Client4 } = require("engine.io-client");
const Client3 = require("engine.io-client-3");

class Fixture {
  static async start(program, ...args) {
    const fixture = new Fixture();
    fixture.closed = new Map();
    fixture.waiting = new Map();
    fixture.process = spawn(program, ["--listen", "127.0.0.1:0", ...args], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: fixture.process.stdout });
    const bound = new Promise((resolve) => {
      lines.on("line", (line) => {
        const said = line.match(/^listening on (.*)$/);
        const gone = line.match(/^closed (\S+) (.*) \((.*)\)$/);
        if (said) resolve(said[1]);
        if (gone) fixture.onClosed(gone[1], gone[2]);
      });
    });
    fixture.host = await bound;
    fixture.url = `http://${fixture.host}/engine.io/`;
    fixture.ws = `ws://${fixture.host}/engine.io/`;
    return fixture;
  }
  onClosed(id, reason) {
    this.closed.set(id, reason);
    this.waiting.get(id)?.(reason);
  }
  // Why the session ended, once it has.
  reason(id) {
    if (this.closed.has(id)) return this.closed.get(id);
    return new Promise((resolve) => this.waiting.set(id, resolve));
  }
  async stop() {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    return ended;
  }
}

// ---- one request, one WebSocket -------------------------------------------------------------------------------------

const agent = new http.Agent({ keepAlive: true });

function request(url, { method = "GET", body, headers = {}, signal } = {}) {
  return new Promise((resolve, reject) => {
    const sent = http.request(url, { method, headers, agent, signal }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        const bytes = Buffer.concat(parts);
        resolve({ status: answer.statusCode, headers: answer.headers, bytes, text: bytes.toString() });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const openFiles = async (pid) => (await readdir(`/proc/${pid}/fd`)).length;

class Wire {
  constructor(url, options) {
    this.socket = new WebSocket(url, options);
    this.queue = [];
    this.waiters = [];
    this.socket.on("message", (data, binary) => this.push(binary ? data : data.toString()));
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) =>
      this.socket.on("close", (code, reason) => {
        this.reason = reason.toString();
        this.push(undefined);
        resolve(code);
      }),
    );
    this.opened = new Promise((resolve) => this.socket.on("open", resolve));
  }
  push(message) {
    const waiter = this.waiters.shift();
    if (waiter) waiter(message);
    else this.queue.push(message);
  }
  next() {
    return this.queue.length > 0 ? this.queue.shift() : new Promise((resolve) => this.waiters.push(resolve));
  }
  // The next that is no ping; a ping is answered.
  async data() {
    for (;;) {
      const message = await this.next();
      if (message !== "2") return message;
      this.socket.send("3");
    }
  }
  send(message) {
    this.socket.send(message);
  }
}

// How payloads of each revision look.
const revisions = {
  4: {
    query: "EIO=4",
    one: (packet) => packet,
    many: (packets) => packets.join("\x1e"),
    binary: "bAQIDBA==",
    bytes: Buffer.from([1, 2, 3, 4]),
    open: (text) => JSON.parse(text.slice(1)),
  },
  3: {
    query: "EIO=3&b64=1",
    one: (packet) => `${packet.length}:${packet}`,
    many: (packets) => packets.map((packet) => `${packet.length}:${packet}`).join(""),
    binary: "b4AQIDBA==",
    bytes: Buffer.from([4, 1, 2, 3, 4]),
    open: (text) => JSON.parse(text.slice(text.indexOf(":") + 2)),
  },
};

// ---- checks ---------------------------------------------------------------------------------------------------------

const checks = [];
const check = (name, run) => checks.push({ name, run });
let fixture, calm;

async function open(of, revision) {
  const { query, open } = revisions[revision];
  const answer = await request(`${of.url}?${query}&transport=polling`);
  assert.equal(answer.status, 200);
  const { sid } = open(answer.text);
  return { sid, url: `${of.url}?${query}&transport=polling&sid=${sid}`, ws: `${of.ws}?${query}&transport=websocket&sid=${sid}` };
}

for (const revision of [4, 3]) {
  const { query, one, many, binary, bytes } = revisions[revision];
  const say = (name, run) => check(`revision ${revision}: ${name}`, run);

  say("the handshake over polling", async () => {
    const answer = await request(`${fixture.url}?${query}&transport=polling`);
    assert.equal(answer.headers["content-type"], "text/plain; charset=UTF-8");
    assert.equal(answer.headers["cache-control"], "no-store");
    const handshake = revisions[revision].open(answer.text);
    assert.deepEqual(Object.keys(handshake), ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
    assert.match(handshake.sid, /^[A-Za-z0-9_-]{20}$/);
    assert.deepEqual(handshake.upgrades, ["websocket"]);
    assert.deepEqual([handshake.pingInterval, handshake.pingTimeout, handshake.maxPayload], [300, 200, 1000000]);
    if (revision === 3) {
      assert.equal(answer.text.slice(answer.text.indexOf(":") + 1).length, Number(answer.text.split(":")[0]));
    }
  });

  say("the handshake over websocket", async () => {
    const wire = new Wire(`${fixture.ws}?${query}&transport=websocket`);
    const handshake = JSON.parse((await wire.next()).slice(1));
    assert.deepEqual(Object.keys(handshake), ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
    assert.deepEqual(handshake.upgrades, []);
    wire.socket.close();
    await wire.closed;
    assert.equal(await fixture.reason(handshake.sid), "transport close");
  });

  say("handshakes that are refused", async () => {
    for (const [method, rest, code] of [
      ["GET", "", 0],
      ["GET", "&transport=abc", 0],
      ["GET", "&transport=webtransport", 0],
      ["POST", "&transport=polling", 2],
      ["PUT", "&transport=polling", 2],
      ["GET", "&transport=websocket", 3],
      ["GET", "&transport=polling&sid=nobody", 1],
      ["POST", "&transport=polling&sid=__proto__", 1],
    ]) {
      const answer = await request(`${fixture.url}?${query}${rest}`, { method, body: method === "GET" ? undefined : "x" });
      assert.equal(answer.status, 400, rest);
      assert.equal(answer.headers["content-type"], "application/json");
      assert.equal(JSON.parse(answer.text).code, code, `${method} ${rest}`);
    }
    for (const rest of ["", "&transport=abc", "&transport=websocket&sid=nobody"]) {
      const wire = new Wire(`${fixture.ws}?${query}${rest}`);
      await wire.closed;
      assert.equal(await wire.next(), undefined);
    }
  });

  say("messages over polling, one and many, text and bytes", async () => {
    for (const packets of [["4hello"], ["4test1", "4test2", "4test3"], ["4wörld€"], ["4hello", binary], ["4"]]) {
      const session = await open(calm, revision);
      const pushed = await request(session.url, { method: "POST", body: many(packets) });
      assert.deepEqual([pushed.status, pushed.text, pushed.headers["content-type"]], [200, "ok", "text/html"]);
      const polled = await request(session.url);
      assert.equal(polled.text, many(packets));
    }
  });

  say("a message reaches the GET that hangs", async () => {
    const session = await open(calm, revision);
    const polled = request(session.url);
    await request(session.url, { method: "POST", body: one("4late") });
    assert.equal((await polled).text, one("4late"));
  });

  say("what is no packet ends the session", async () => {
    for (const body of ["abc", ""]) {
      const session = await open(calm, revision);
      const polled = request(session.url);
      await request(session.url, { method: "POST", body });
      assert.equal((await polled).text, one("1"));
      assert.equal(await calm.reason(session.sid), "parse error");
      const later = await request(session.url);
      assert.deepEqual([later.status, JSON.parse(later.text).code], [400, 1]);
    }
    const wire = new Wire(`${calm.ws}?${query}&transport=websocket`);
    const { sid } = JSON.parse((await wire.next()).slice(1));
    wire.send("abc");
    assert.equal(await wire.closed, 1005);
    assert.equal(await calm.reason(sid), "parse error");
  });

  say("two GETs at once", async () => {
    const session = await open(calm, revision);
    const [first, second] = [request(session.url), request(`${session.url}&t=2`)];
    const answers = await Promise.all([first, second]);
    answers.sort((a, b) => a.status - b.status);
    assert.deepEqual([answers[0].status, answers[0].text], [200, one("1")]);
    assert.deepEqual([answers[1].status, answers[1].text], [400, ""]);
    assert.equal(JSON.parse((await request(session.url)).text).code, 1);
  });

  say("two POSTs at once", async () => {
    const session = await open(calm, revision);
    const headers = { "Content-Length": 10, Expect: "100-continue" };
    const first = http.request(session.url, { method: "POST", headers });
    first.on("error", () => {});
    first.flushHeaders();
    await new Promise((resolve) => first.once("continue", resolve)); // it is there, and not over
    const second = await request(session.url, { method: "POST", body: one("4b") });
    assert.deepEqual([second.status, second.text], [400, ""]);
    first.destroy();
    assert.equal(await calm.reason(session.sid), "transport error");
  });

  say("a GET that is left, a POST that is left", async () => {
    const left = await open(calm, revision);
    const controller = new AbortController();
    const polled = request(left.url, { signal: controller.signal }).catch((error) => error.name);
    await request(`${calm.url}?EIO=4&transport=polling`);
    controller.abort();
    assert.equal(await polled, "AbortError");
    assert.equal(await calm.reason(left.sid), "transport error");
    assert.equal((await request(left.url)).status, 400);

    const half = await open(calm, revision);
    const slow = http.request(half.url, { method: "POST", headers: { "Content-Length": 10 } });
    slow.on("error", () => {});
    await new Promise((resolve) => slow.write("4a", resolve));
    slow.destroy();
    assert.equal(await calm.reason(half.sid), "transport error");
  });

  say("the client's close over polling", async () => {
    const session = await open(calm, revision);
    const polled = request(session.url);
    const pushed = await request(session.url, { method: "POST", body: one("1") });
    assert.deepEqual([pushed.status, pushed.text], [200, "ok"]);
    assert.equal((await polled).text, one("6"));
    assert.equal(await calm.reason(session.sid), "transport close");
    assert.equal((await request(session.url)).status, 400);
  });

  say("the client's close over websocket", async () => {
    const wire = new Wire(`${calm.ws}?${query}&transport=websocket`);
    const { sid } = JSON.parse((await wire.next()).slice(1));
    wire.send("1");
    assert.equal(await wire.closed, 1005);
    assert.equal(await calm.reason(sid), "transport close");
  });

  say("methods that a session does not have", async () => {
    const session = await open(calm, revision);
    for (const method of ["PUT", "DELETE", "PATCH"]) {
      const answer = await request(session.url, { method });
      assert.deepEqual([answer.status, answer.text], [500, ""]);
    }
  });

  say("a POST that is too long is refused, and the session lives", async () => {
    const session = await open(calm, revision);
    const answer = await request(session.url, { method: "POST", body: one("4" + "x".repeat(1000001)) });
    assert.deepEqual([answer.status, answer.text], [413, ""]);
    const chunked = http.request(session.url, { method: "POST", headers: { "Transfer-Encoding": "chunked" } });
    const status = new Promise((resolve) => chunked.on("response", (answer) => resolve(answer.statusCode)));
    chunked.end("x".repeat(1000100));
    assert.equal(await status, 413);
    await request(session.url, { method: "POST", body: one("4still") });
    assert.equal((await request(session.url)).text, one("4still"));
  });

  say("a revision that is not the session's", async () => {
    const session = await open(calm, revision);
    const other = session.url.replace(`EIO=${revision}`, `EIO=${7 - revision}`);
    const answer = await request(other);
    assert.deepEqual([answer.status, JSON.parse(answer.text).code], [400, 3]);
  });

  say("text and bytes over websocket", async () => {
    const wire = new Wire(`${calm.ws}?EIO=${revision}&transport=websocket`);
    await wire.next();
    wire.send("4wörld€");
    assert.equal(await wire.next(), "4wörld€");
    wire.send(bytes);
    assert.deepEqual(await wire.next(), bytes);
    wire.send(binary);
    assert.deepEqual(await wire.next(), bytes);
    wire.socket.close();
  });

  say("bytes as base64 where the client takes none", async () => {
    const wire = new Wire(`${calm.ws}?EIO=${revision}&b64=1&transport=websocket`);
    await wire.next();
    wire.send(binary);
    assert.equal(await wire.next(), binary);
    wire.socket.close();
  });

  say("a message past maxPayload over websocket", async () => {
    const wire = new Wire(`${calm.ws}?${query}&transport=websocket`);
    const { sid } = JSON.parse((await wire.next()).slice(1));
    wire.send("4" + "x".repeat(1000001));
    assert.equal(await wire.closed, 1009);
    assert.equal(wire.reason, "");
    assert.equal(await calm.reason(sid), "transport error");
  });

  say("the upgrade", async () => {
    const session = await open(calm, revision);
    const polled = request(session.url);
    const wire = new Wire(session.ws);
    await wire.opened;
    wire.send("2probe");
    assert.equal(await wire.next(), "3probe");
    assert.equal((await polled).text, one("6"));
    // Polling carries the session until the switch, and a GET never hangs for long.
    assert.equal((await request(session.url)).text, one("6"));
    await request(session.url, { method: "POST", body: one("4queued") });
    wire.send("5");
    wire.send("4hello");
    assert.equal(await wire.next(), "4queued");
    assert.equal(await wire.next(), "4hello");
    const answer = await request(session.url);
    assert.deepEqual([answer.status, JSON.parse(answer.text).code], [400, 3]);
    const another = new Wire(session.ws);
    assert.equal(await another.closed, 1005);
    wire.send("4again");
    assert.equal(await wire.next(), "4again");
    wire.socket.close();
    assert.equal(await calm.reason(session.sid), "transport close");
  });

  say("two WebSockets probe at once: the second is closed", async () => {
    const session = await open(calm, revision);
    const first = new Wire(session.ws);
    await first.opened;
    const second = new Wire(session.ws);
    assert.equal(await second.closed, 1005);
    first.send("2probe");
    assert.equal(await first.next(), "3probe");
    first.send("5");
    first.send("4on");
    assert.equal(await first.next(), "4on");
    first.socket.close();
  });

  say("a probe that says something else is closed, and polling lives on", async () => {
    for (const words of [["4hello"], ["2"], ["5"], ["abc"], ["2probe", "4x"]]) {
      const session = await open(calm, revision);
      const wire = new Wire(session.ws);
      await wire.opened;
      for (const word of words) wire.send(word);
      await wire.closed;
      await request(session.url, { method: "POST", body: one("4alive") });
      assert.equal((await request(session.url)).text, one("4alive"));
    }
  });

  say("a probe that goes away leaves polling as it was", async () => {
    const session = await open(calm, revision);
    const wire = new Wire(session.ws);
    await wire.opened;
    wire.send("2probe");
    assert.equal(await wire.next(), "3probe");
    wire.socket.terminate();
    await wire.closed;
    await request(session.url, { method: "POST", body: one("4alive") });
    let text = one("6");
    while (text === one("6")) text = (await request(session.url)).text;
    assert.equal(text, one("4alive"));
    const again = new Wire(session.ws);
    await again.opened;
    again.send("2probe");
    assert.equal(await again.next(), "3probe");
    again.socket.close();
  });
}

// ---- heartbeats -----------------------------------------------------------------------------------------------------

check("revision 4: pings over polling", async () => {
  const session = await open(fixture, 4);
  for (let i = 0; i < 3; i++) {
    assert.equal((await request(session.url)).text, "2");
    assert.equal((await request(session.url, { method: "POST", body: "3" })).status, 200);
  }
});
check("revision 4: pings over websocket, and silence", async () => {
  const wire = new Wire(`${fixture.ws}?EIO=4&transport=websocket`);
  const { sid } = JSON.parse((await wire.next()).slice(1));
  for (let i = 0; i < 3; i++) {
    assert.equal(await wire.next(), "2");
    wire.send("3");
  }
  assert.equal(await wire.next(), "2");
  await wire.closed;
  assert.equal(await fixture.reason(sid), "ping timeout");
});
check("revision 4: silence over polling", async () => {
  const session = await open(fixture, 4);
  assert.equal(await fixture.reason(session.sid), "ping timeout");
  assert.equal((await request(session.url)).status, 400);
});
check("revision 3: the client's pings are answered", async () => {
  const session = await open(fixture, 3);
  for (let i = 0; i < 3; i++) {
    await request(session.url, { method: "POST", body: "1:2" });
    assert.equal((await request(session.url)).text, "1:3");
  }
  const wire = new Wire(`${fixture.ws}?EIO=3&transport=websocket`);
  await wire.next();
  for (let i = 0; i < 3; i++) {
    wire.send("2");
    assert.equal(await wire.next(), "3");
  }
  wire.socket.close();
});
check("revision 3: silence", async () => {
  const session = await open(fixture, 3);
  const wire = new Wire(`${fixture.ws}?EIO=3&transport=websocket`);
  const { sid } = JSON.parse((await wire.next()).slice(1));
  await wire.closed;
  assert.equal(await fixture.reason(sid), "ping timeout");
  assert.equal(await fixture.reason(session.sid), "ping timeout");
});
for (const revision of [3, 4]) {
  check(`revision ${revision}: a switch of the transport does not stop the heartbeat`, async () => {
    const session = await open(fixture, revision);
    const wire = new Wire(session.ws);
    await wire.opened;
    wire.send("2probe");
    assert.equal(await wire.next(), "3probe");
    wire.send("5");
    await wire.closed;
    assert.equal(await fixture.reason(session.sid), "ping timeout");
  });
}
check("a heartbeat in the wrong direction", async () => {
  for (const [revision, packet] of [
    [4, "2"],
    [3, "3"],
  ]) {
    const wire = new Wire(`${calm.ws}?EIO=${revision}&transport=websocket`);
    const { sid } = JSON.parse((await wire.next()).slice(1));
    wire.send(packet);
    await wire.closed;
    assert.equal(await calm.reason(sid), "transport error");
  }
});

// ---- what only one revision has -------------------------------------------------------------------------------------

check("revision 3: bytes over polling as octets, both ways", async () => {
  const answer = await request(`${calm.url}?EIO=3&transport=polling`);
  const { sid } = revisions[3].open(answer.text);
  const url = `${calm.url}?EIO=3&transport=polling&sid=${sid}`;
  await request(url, { method: "POST", body: "6:4hello10:b4AQIDBA==" });
  const polled = await request(url);
  assert.equal(polled.headers["content-type"], "application/octet-stream");
  const octets = Buffer.from([0, 6, 255, 52, 104, 101, 108, 108, 111, 1, 5, 255, 4, 1, 2, 3, 4]);
  assert.deepEqual(polled.bytes, octets);
  const headers = { "Content-Type": "application/octet-stream" };
  assert.equal((await request(url, { method: "POST", body: octets, headers })).text, "ok");
  assert.deepEqual((await request(url)).bytes, octets);
});
check("revision 4: octets are refused, and end the session", async () => {
  const session = await open(calm, 4);
  const headers = { "Content-Type": "application/octet-stream" };
  const answer = await request(session.url, { method: "POST", body: "4x", headers });
  assert.deepEqual([answer.status, answer.text], [400, ""]);
  assert.equal(await calm.reason(session.sid), "transport error");
});
check("revisions that there are not", async () => {
  for (const rest of ["", "EIO=abc&", "EIO=5&", "EIO=&"]) {
    const answer = await request(`${fixture.url}?${rest}transport=polling`);
    assert.deepEqual([answer.status, JSON.parse(answer.text).code], [400, 5]);
    const wire = new WebSocket(`${fixture.ws}?${rest}transport=websocket`);
    const refused = await new Promise((resolve) => wire.on("unexpected-response", (_, response) => resolve(response)));
    assert.equal(refused.statusCode, 400);
  }
});
check("JSONP", async () => {
  const first = await request(`${calm.url}?EIO=4&transport=polling&j=7x`);
  const call = first.text.match(/^___eio\[7\]\((".*")\);$/s);
  assert.ok(call, first.text);
  const { sid } = JSON.parse(JSON.parse(call[1]).slice(1));
  const url = `${calm.url}?EIO=4&transport=polling&sid=${sid}&j=0`;
  const said = 'a\nb\\nc "é\u2028<&+%';
  const escaped = said.replace(/\\n/g, "\\\\n").replace(/\n/g, "\\n");
  const pushed = await request(url, {
    method: "POST",
    body: "d=" + encodeURIComponent("4" + escaped),
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  });
  assert.equal(pushed.text, "ok");
  const polled = await request(url);
  assert.ok(!polled.text.includes("\u2028"));
  assert.equal(JSON.parse(polled.text.match(/^___eio\[0\]\((".*")\);$/s)[1]), "4" + said);
});
check("a handshake that the application denies", async () => {
  const denied = await request(`${fixture.url}?deny=1&EIO=4&transport=polling`);
  assert.deepEqual([denied.status, denied.text], [403, '{"code":4,"message":"Thou shall not pass"}']);
  const wire = new WebSocket(`${fixture.ws}?deny=1&EIO=4&transport=websocket`);
  const answer = await new Promise((resolve) => wire.on("unexpected-response", (_, response) => resolve(response)));
  assert.equal(answer.statusCode, 400);
  assert.equal(answer.headers["content-type"], "text/html");
});
check("CORS: a preflight and an answer", async () => {
  const preflight = await request(`${fixture.url}?EIO=4&transport=polling`, {
    method: "OPTIONS",
    headers: { Origin: "http://a.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a" },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers["access-control-allow-origin"], "*");
  assert.equal(preflight.headers["access-control-allow-methods"], "GET,HEAD,PUT,PATCH,POST,DELETE");
  assert.equal(preflight.headers["access-control-allow-headers"], "x-a");
  const wire = new Wire(`${fixture.ws}?EIO=4&transport=websocket`, { headers: { Origin: "http://other.example" } });
  assert.match(await wire.next(), /^0/);
  wire.socket.close();
});
check("long answers are compressed for who takes it", async () => {
  for (const coding of ["gzip", "deflate"]) {
    const { gunzipSync, inflateSync } = await import("node:zlib");
    const session = await open(calm, 4);
    await request(session.url, { method: "POST", body: "4" + "x".repeat(5000) });
    const answer = await request(session.url, { headers: { "Accept-Encoding": coding } });
    assert.equal(answer.headers["content-encoding"], coding);
    const bytes = coding === "gzip" ? gunzipSync(answer.bytes) : inflateSync(answer.bytes);
    assert.equal(bytes.toString(), "4" + "x".repeat(5000));
  }
  const session = await open(calm, 4);
  await request(session.url, { method: "POST", body: "4" + "x".repeat(5000) });
  assert.equal((await request(session.url, { headers: { "Accept-Encoding": "gzip;q=0" } })).text.length, 5001);
});
// With ws a message that is sent in the 101's own event arrives with the server before its open packet is due.
check("an open packet that is to come later: nothing overtakes it", async () => {
  for (const revision of [3, 4]) {
    const began = performance.now();
    const socket = new WebSocket(`${fixture.ws}?EIO=${revision}&transport=websocket`);
    const heard = [];
    const both = new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("closed")));
      socket.on("message", (data) => {
        heard.push({ data: data.toString(), after: performance.now() - began });
        if (heard.length === 2) resolve();
      });
    });
    socket.on("open", () => socket.send("4early"));
    await both;
    assert.equal(heard[0].data[0], "0");
    assert.ok(heard[0].after >= 49, `${heard[0].after} ms`);
    assert.equal(heard[1].data, "4early");
    socket.removeAllListeners("close");
    socket.close();
  }
});
check("an open packet that is to come later: a client that leaves before it", async () => {
  const before = await openFiles(fixture.process.pid);
  for (let i = 0; i < 20; i++) {
    const socket = new WebSocket(`${fixture.ws}?EIO=4&transport=websocket`);
    await new Promise((resolve) => socket.on("open", resolve));
    const closed = new Promise((resolve) => socket.on("close", resolve));
    if (i % 2) socket.terminate();
    else socket.close();
    await closed;
  }
  const session = await open(fixture, 4);
  assert.equal((await request(session.url, { method: "POST", body: "1" })).text, "ok");
  assert.equal(await fixture.reason(session.sid), "transport close");
  while ((await openFiles(fixture.process.pid)) > before + 2);
});
check("a GET right behind the deadline finds no session", async () => {
  for (let i = 0; i < 5; i++) {
    const session = await open(fixture, 4);
    await new Promise((resolve) => setTimeout(resolve, 501)); // timers of Node may come a little early
    assert.equal((await request(session.url)).status, 400);
  }
});
check("the cookie and the initial packet", async () => {
  const own = await Fixture.start(process.argv[2], "--slow", "--cookie", "--initial");
  try {
    const answer = await request(`${own.url}?EIO=4&transport=polling`);
    const [packet, initial] = answer.text.split("\x1e");
    const { sid } = JSON.parse(packet.slice(1));
    assert.equal(initial, "4hi");
    assert.deepEqual(answer.headers["set-cookie"], [`io=${sid}; Path=/; HttpOnly; SameSite=Lax`]);
    const wire = new Wire(`${own.ws}?EIO=4&transport=websocket`);
    await wire.next();
    assert.equal(await wire.next(), "4hi");
    wire.socket.close();
  } finally {
    assert.equal(await own.stop(), 0);
  }
});

check("engine.io-client 6: the server of its own suite", async () => {
  const own = await Fixture.start(process.argv[2], "--client");
  try {
    for (const transports of [["polling"], ["websocket"]]) {
      const client = new Client4(`http://${own.host}`, { transports, withCredentials: true });
      const heard = [];
      const all = new Promise((resolve, reject) => {
        client.on("error", reject);
        client.on("message", (data) => heard.push(data) === 7 && resolve());
      });
      await once(client, "open");
      // Merged into payloads of at most 100 bytes, or of one packet each.
      for (const text of ["a".repeat(99), "b".repeat(30), "c".repeat(66), "€".repeat(33)]) client.send(text);
      client.send("give binary");
      client.send("give utf8");
      await all;
      assert.deepEqual(heard.slice(0, 5), ["hi", "a".repeat(99), "b".repeat(30), "c".repeat(66), "€".repeat(33)]);
      assert.deepEqual([...heard[5]], [0, 1, 2, 3, 4]);
      assert.match(heard[6], /^пойду/);
      const cookies = once(client, "message");
      client.send("sendHeaders");
      // Only the transport that is asked by a request has cookies to tell of.
      if (transports[0] === "polling") assert.equal(JSON.parse(await cookies).cookie, "1=1; 2=2");
      client.removeAllListeners("error");
      const closed = once(client, "close");
      client.send("x".repeat(101));
      assert.match(await closed, transports[0] === "polling" ? /^transport error$/ : /^transport close$/);
    }
    const refused = await request(`${own.url}?EIO=4&transport=polling&deny=1`);
    assert.deepEqual([refused.status, JSON.parse(refused.text).code], [403, 4]);
  } finally {
    assert.equal(await own.stop(), 0);
  }
});

check("POSTs that only cost: refused one by one, in bounded time", async () => {
  const before = await openFiles(calm.process.pid);
  for (let i = 0; i < 200; i++) {
    const session = await open(calm, 4);
    const answer = await request(session.url, {
      method: "POST",
      body: "x",
      headers: { "Content-Type": "application/octet-stream" },
    });
    assert.equal(answer.status, 400);
  }
  assert.ok((await openFiles(calm.process.pid)) <= before + 8);
  for (const body of ["\x1e".repeat(1000000), "4\x1e".repeat(500000), "4x\x1e".repeat(333333) + "7"]) {
    const session = await open(calm, 4);
    assert.equal((await request(session.url, { method: "POST", body })).text, "ok");
    assert.match(await calm.reason(session.sid), /^(parse error|forced close)$/);
  }
});

// ---- the clients ----------------------------------------------------------------------------------------------------

const once = (client, event) => new Promise((resolve) => client.once(event, resolve));

async function talk(make, { upgrade }) {
  const client = make();
  const heard = [];
  let wake = () => {};
  client.on("message", (message) => {
    heard.push(message);
    wake();
  });
  const upgraded = once(client, "upgrade");
  await once(client, "open");
  const sent = ["plain", "wörld€ 😀", "x".repeat(20000), Buffer.from([0, 1, 2, 255]), "after"];
  for (const message of sent) client.send(message);
  if (upgrade) {
    await upgraded;
    assert.equal(client.transport.name, "websocket");
  }
  client.send("last");
  while (heard.length < sent.length + 1) await new Promise((resolve) => (wake = resolve));
  const plain = heard.map((message) => (typeof message === "string" ? message : Buffer.from(message)));
  assert.deepEqual(plain, [...sent, "last"]);
  const sid = client.id;
  const closed = once(client, "close");
  client.close();
  await closed;
  assert.match(await calm.reason(sid), /^transport close$/);
}

for (const [name, options] of [
  ["polling", { transports: ["polling"] }],
  ["websocket", { transports: ["websocket"] }],
  ["upgrade", {}],
  ["polling without binary", { transports: ["polling"], forceBase64: true }],
  ["websocket without binary", { transports: ["websocket"], forceBase64: true }],
]) {
  const upgrade = name === "upgrade";
  check(`engine.io-client 6: ${name}`, () => talk(() => new Client4(`http://${calm.host}`, options), { upgrade }));
  check(`engine.io-client 3: ${name}`, () => talk(() => Client3(`http://${calm.host}`, options), { upgrade }));
}
check("engine.io-client 6: is told that the server goes", async () => {
  const own = await Fixture.start(process.argv[2], "--slow");
  const clients = ["polling", "websocket"].map((transport) => new Client4(`http://${own.host}`, { transports: [transport] }));
  await Promise.all(clients.map((client) => once(client, "open")));
  const closed = Promise.all(clients.map((client) => once(client, "close")));
  assert.equal(await own.stop(), 0);
  // Over polling it may be between two GETs, and then finds nobody.
  assert.match((await closed)[0], /^transport (close|error)$/);
  assert.equal((await closed)[1], "transport close");
});
for (const [name, Client] of [
  ["6", (url, options) => new Client4(url, options)],
  ["3", (url, options) => Client3(url, options)],
]) {
  check(`engine.io-client ${name}: stays while it answers the heartbeat`, async () => {
    for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
      const client = Client(`http://${fixture.host}`, { transports });
      await once(client, "open");
      const beat = name === "6" ? "ping" : "pong";
      for (let i = 0; i < 4; i++) await once(client, beat);
      assert.equal(client.readyState, "open");
      const closed = once(client, "close");
      client.close();
      assert.equal(await closed, "forced close");
    }
  });
}

// ---- all of them ----------------------------------------------------------------------------------------------------

fixture = await Fixture.start(process.argv[2]);
calm = await Fixture.start(process.argv[2], "--slow");
let failed = 0;
const only = process.argv[3];
for (const { name, run } of checks.filter(({ name }) => !only || name.includes(only))) {
  try {
    await run();
    console.log(`ok    ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}
const ends = [await fixture.stop(), await calm.stop()];
console.log(`${checks.length} checks, ${failed} failed, fixtures ended with ${ends}`);
process.exit(failed === 0 && ends.every((end) => end === 0) ? 0 : 1);
