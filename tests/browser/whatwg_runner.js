// The steps of tests/whatwg/README.md, interpreted in a page. Answers a list of {name, error}; error null: it passed.
// It is given to the browser as text, so it uses nothing from outside of itself.
async function runTable(cases, host) {
  const WAIT_MS = 10000;
  const PARALLEL = 8;

  function fill(text) {
    return text.replaceAll('{host}', host).replaceAll('{port}', host.split(':').pop());
  }

  function textOf(value) {
    return typeof value === 'string' ? value : value.repeat.repeat(value.count);
  }

  function payloadOf(value) {
    if ('text' in value) return textOf(value.text);
    const bytes = Array.isArray(value.binary) ? value.binary : new Uint8Array(value.binary.count).fill(value.binary.repeat);
    return new Uint8Array(bytes).buffer;
  }

  function same(a, b) {
    if (typeof a === 'string' || typeof b === 'string') return a === b;
    const x = new Uint8Array(a), y = new Uint8Array(b);
    return x.length === y.length && x.every((byte, i) => byte === y[i]);
  }

  function show(value) {
    const text = typeof value === 'string' ? JSON.stringify(value) : `bytes[${value.byteLength}]`;
    return text.length > 80 ? text.slice(0, 80) + '...' : text;
  }

  // A call that must throw exactly what the step says. Answers true if it threw.
  function call(step, what, run) {
    const wanted = step.throws ?? null;
    try {
      run();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== wanted) {
        throw new Error(`${what} threw ${error.name}, expected ${wanted ?? 'nothing'}`);
      }
      return true;
    }
    if (wanted) throw new Error(`${what} threw nothing, expected ${wanted}`);
    return false;
  }

  function watch(socket) {
    const seen = { socket, events: [], messages: [], taken: 0, close: null, errorBeforeClose: false, wake: () => {} };
    socket.binaryType = 'arraybuffer';
    for (const type of ['open', 'message', 'error', 'close']) {
      socket.addEventListener(type, (event) => {
        seen.events.push(type);
        if (type === 'message') seen.messages.push(event.data);
        if (type === 'close') {
          seen.errorBeforeClose = seen.events.at(-2) === 'error';
          seen.close = event;
        }
        seen.wake();
      });
    }
    return seen;
  }

  async function until(seen, what, holds) {
    const end = performance.now() + WAIT_MS;
    while (!holds()) {
      const left = end - performance.now();
      if (left <= 0) throw new Error(`waited for ${what}; events so far: ${seen.events}`);
      await new Promise((resolve) => {
        seen.wake = resolve;
        setTimeout(resolve, Math.min(left, what.startsWith('bufferedAmount') ? 5 : left));
      });
    }
  }

  function equal(actual, expected, what) {
    if (actual !== expected) throw new Error(`${what} is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
  }

  const verbs = {
    construct(seen, step) {
      let socket;
      const args = 'protocols' in step ? [fill(step.construct), step.protocols] : [fill(step.construct)];
      return call(step, 'construct', () => { socket = new WebSocket(...args); }) ? 'end' : watch(socket);
    },
    send(seen, step) {
      call(step, 'send', () => seen.socket.send(payloadOf(step.send)));
    },
    close(seen, step) {
      const args = [];
      if ('code' in step.close) args.push(step.close.code);
      if ('reason' in step.close) args.push(textOf(step.close.reason));
      call(step, 'close', () => seen.socket.close(...args));
    },
    async wait(seen, step) {
      await until(seen, step.wait, () => seen.events.includes(step.wait) || seen.close);
      if (!seen.events.includes(step.wait)) throw new Error(`closed with ${seen.close.code} before ${step.wait}`);
    },
    async message(seen, step) {
      const wanted = payloadOf(step.message);
      await until(seen, `message ${show(wanted)}`, () => seen.messages.length > seen.taken || seen.close);
      if (seen.messages.length === seen.taken) throw new Error(`closed with ${seen.close.code} before message ${show(wanted)}`);
      const got = seen.messages[seen.taken++];
      if (!same(got, wanted)) throw new Error(`message is ${show(got)}, expected ${show(wanted)}`);
    },
    async closed(seen, step) {
      await until(seen, 'close', () => seen.close);
      const { code, reason, clean, error } = step.closed;
      if (code !== undefined) equal(seen.close.code, code, 'code');
      if (reason !== undefined) equal(seen.close.reason, reason, 'reason');
      if (clean !== undefined) equal(seen.close.wasClean, clean, 'wasClean');
      if (error !== undefined) equal(seen.errorBeforeClose, error, 'error before close');
    },
    state(seen, step) {
      equal(seen.socket.readyState, step.state, 'readyState');
    },
    buffered(seen, step) {
      equal(seen.socket.bufferedAmount, step.buffered, 'bufferedAmount');
    },
    buffered_min(seen, step) {
      if (seen.socket.bufferedAmount < step.buffered_min) {
        throw new Error(`bufferedAmount is ${seen.socket.bufferedAmount}, expected at least ${step.buffered_min}`);
      }
    },
    async drained(seen, step) {
      await until(seen, `bufferedAmount ${step.drained}`, () => seen.socket.bufferedAmount === step.drained);
    },
    events(seen, step) {
      equal(seen.events.join(), step.events.join(), 'events');
    },
    expect(seen, step) {
      for (const [name, value] of Object.entries(step.expect)) equal(seen.socket[name], fill(value), name);
    },
  };

  function checkOrder(events) {
    const count = (type) => events.filter((event) => event === type).length;
    if (count('open') > 1 || count('close') > 1 || count('error') > 1) throw new Error(`events more than once: ${events}`);
    const close = events.indexOf('close');
    const error = events.indexOf('error');
    if (close >= 0 && close !== events.length - 1) throw new Error(`events behind close: ${events}`);
    if (error >= 0 && events[error + 1] !== 'close' && close >= 0) throw new Error(`error not right before close: ${events}`);
  }

  async function runCase(one) {
    let seen = null;
    for (const [index, step] of one.steps.entries()) {
      const verb = Object.keys(step).find((key) => key in verbs);
      if (!verb) throw new Error(`step ${index} has no verb`);
      try {
        // No await between steps that do not wait: nothing may happen in between.
        const result = verbs[verb](seen, step);
        const value = result instanceof Promise ? await result : result;
        if (value === 'end') return;
        if (verb === 'construct') seen = value;
      } catch (error) {
        throw new Error(`step ${index} (${verb}): ${error.message}`);
      }
    }
    checkOrder(seen.events);
    seen.socket.close();
  }

  const queue = cases.filter((one) => one.only !== 'naru');
  const results = [];
  async function work() {
    for (let one = queue.shift(); one; one = queue.shift()) {
      const error = await runCase(one).then(() => null, (failure) => failure.message);
      results.push({ name: one.name, error });
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return results;
}
