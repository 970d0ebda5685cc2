// The chat page: one WebSocket to /chat, whose lines README.md describes.
//
// What people write only ever becomes text nodes.
'use strict';

(() => {
  const PING_MS = 1000;          // how often the round trip is measured
  const PONG_MAX_MS = 8000;      // a server that is silent for longer is given up
  const RETRY_MIN_MS = 500;
  const RETRY_MAX_MS = 15000;
  const STABLE_MS = 5000;        // a connection that lasted so long resets the back-off
  const TEXT_BYTES_MAX = 4000;
  const LOG_LINES_MAX = 500;

  const part = (id) => document.getElementById(id);
  const log = part('log');
  const text = part('text');
  const nameInput = part('name');
  const controls = document.querySelectorAll('#say textarea, #say button, #rename input, #rename button');

  const people = new Map();      // id -> name
  let socket = null;
  let ownId = null;
  let wantedName = remembered();
  let attempts = 0;
  let retryTimer = 0;
  let pingTimer = 0;
  let pingNumber = 0;
  let pingSent = new Map();      // number -> when
  let lastHeard = 0;
  let openedAt = 0;

  function remembered() {
    try {
      return sessionStorage.getItem('name');
    } catch {
      return null;
    }
  }

  function remember(name) {
    try {
      sessionStorage.setItem('name', name);
    } catch {
      // Private windows may refuse; the name then lasts as long as the page.
    }
  }

  // ---- showing ------------------------------------------------------------------------------------------------

  function element(tag, className, content) {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = content;
    return made;
  }

  function append(item) {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(item);
    while (log.childElementCount > LOG_LINES_MAX) {
      log.firstElementChild.remove();
    }
    if (atEnd) {
      log.scrollTop = log.scrollHeight;
    }
  }

  function note(content, className = 'note') {
    append(element('li', className, content));
  }

  function showSaid(id, content) {
    const item = element('li', id === ownId ? 'said mine' : 'said', '');
    const who = element('span', 'who', people.get(id) ?? 'somebody');
    const now = new Date();
    const time = element('time', '', now.toLocaleTimeString([], {hour: '2-digit', minute: '2-digit'}));
    time.dateTime = now.toISOString();
    who.append(time);
    item.append(who, content);
    append(item);
  }

  function showPeople() {
    const items = [...people].map(([id, name]) =>
      element('li', id === ownId ? 'me' : '', id === ownId ? `${name} (you)` : name));
    part('people').replaceChildren(...items);
    part('count').textContent = people.size > 0 ? `(${people.size})` : '';
  }

  function showState(state, words) {
    const shown = part('state');
    shown.dataset.state = state;
    shown.textContent = words;
    for (const control of controls) {
      control.disabled = state !== 'open';
    }
    if (state !== 'open') {
      part('rtt').textContent = '';
    }
  }

  // ---- hearing ------------------------------------------------------------------------------------------------

  const hear = {
    hello(id, name) {
      ownId = id;
      people.clear();
      people.set(id, name);
      nameInput.value = name;
      showState('open', 'connected');
      showPeople();
      if (wantedName && wantedName !== name) {
        socket.send(`name ${wantedName}`);
      }
    },
    here(id, name) {
      people.set(id, name);
      showPeople();
    },
    join(id, name) {
      people.set(id, name);
      showPeople();
      note(`${name} came`);
    },
    leave(id) {
      note(`${people.get(id) ?? 'somebody'} left`);
      people.delete(id);
      showPeople();
    },
    name(id, name) {
      note(`${people.get(id) ?? 'somebody'} is now ${name}`);
      people.set(id, name);
      if (id === ownId) {
        nameInput.value = name;
        wantedName = name;
        remember(name);
      }
      showPeople();
    },
    say: showSaid,
    pong(number) {
      const sent = pingSent.get(number);
      if (sent === undefined) {
        return;
      }
      part('rtt').textContent = `${(performance.now() - sent).toFixed(1)} ms`;
      // The server answers in order: an older ping without an answer will not get one.
      for (const older of pingSent.keys()) {
        pingSent.delete(older);
        if (older === number) {
          break;
        }
      }
    },
    error(kind, words) {
      if (kind === 'name') {
        wantedName = null;
        nameInput.value = people.get(ownId) ?? '';
      }
      note(words, 'note problem');
    },
  };

  function onMessage(event) {
    lastHeard = performance.now();
    if (typeof event.data !== 'string') {
      return;
    }
    // A verb, a number or word, and text that may hold anything.
    const matched = /^([a-z]+) ([a-z0-9]+)(?: ([\s\S]*))?$/.exec(event.data);
    if (matched && Object.hasOwn(hear, matched[1])) {
      hear[matched[1]](matched[2], matched[3] ?? '');
    }
  }

  // ---- connecting ---------------------------------------------------------------------------------------------

  function ping() {
    const now = performance.now();
    const [oldest] = pingSent.values();
    // Counted from a ping without an answer, since a tab in the background pings only now and then.
    if (oldest !== undefined && now - Math.max(oldest, lastHeard) > PONG_MAX_MS) {
      socket.close();
      onClose();
      return;
    }
    pingNumber += 1;
    pingSent.set(String(pingNumber), now);
    socket.send(`ping ${pingNumber}`);
  }

  function onOpen() {
    openedAt = lastHeard = performance.now();
    pingTimer = setInterval(ping, PING_MS);
    ping();
  }

  // Full jitter: many pages that lost the same server must not come back at the same moment.
  function retryDelay() {
    const ceiling = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** attempts);
    return RETRY_MIN_MS / 2 + Math.random() * ceiling;
  }

  function onClose() {
    if (!socket) {
      return;
    }
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket = null;
    clearInterval(pingTimer);
    pingSent.clear();
    if (ownId !== null) {
      note('The connection was lost.');
    }
    if (openedAt && performance.now() - openedAt > STABLE_MS) {
      attempts = 0;
    }
    ownId = null;
    openedAt = 0;
    people.clear();
    showPeople();
    const delay = retryDelay();
    attempts += 1;
    showState('closed', `disconnected, trying again in ${Math.ceil(delay / 1000)} s`);
    retryTimer = setTimeout(connect, delay);
  }

  function connect() {
    clearTimeout(retryTimer);
    if (socket) {
      return;
    }
    showState('connecting', attempts > 0 ? 'reconnecting' : 'connecting');
    const url = new URL('chat', location.href);
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    url.hash = '';
    socket = new WebSocket(url);
    socket.onopen = onOpen;
    socket.onmessage = onMessage;
    socket.onclose = onClose;
  }

  // ---- saying -------------------------------------------------------------------------------------------------

  function say() {
    const content = text.value.trim();
    if (content === '' || !socket || socket.readyState !== WebSocket.OPEN) {
      return;
    }
    if (new TextEncoder().encode(content).length > TEXT_BYTES_MAX) {
      note('That message is too long.', 'note problem');
      return;
    }
    socket.send(`say ${content}`);
    text.value = '';
  }

  part('say').addEventListener('submit', (event) => {
    event.preventDefault();
    say();
    text.focus();
  });

  text.addEventListener('keydown', (event) => {
    // While an input method composes, Enter chooses a candidate.
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      say();
    }
  });

  part('rename').addEventListener('submit', (event) => {
    event.preventDefault();
    const name = nameInput.value.trim();
    if (name !== '' && name !== people.get(ownId) && socket && socket.readyState === WebSocket.OPEN) {
      socket.send(`name ${name}`);
    }
  });

  addEventListener('online', () => {
    if (!socket) {
      connect();
    }
  });
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && !socket) {
      connect();
    }
  });

  connect();
})();
