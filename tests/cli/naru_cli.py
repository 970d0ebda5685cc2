"""What the tests of the command line share: the binary run with deadlines, and a WebSocket peer small enough to lie.

Nothing here waits for a while and hopes: everything waits for a line, a byte or an end, until a deadline.
"""
import base64
import hashlib
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

NARU = os.environ.get('NARU_BIN') or os.path.join(os.environ.get('NARU_BUILD_DIR', 'build/release'), 'apps/naru/naru')
DEADLINE = float(os.environ.get('NARU_TEST_DEADLINE', '20'))

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def environment(**more):
    env = {key: value for key, value in os.environ.items() if key not in ('NO_COLOR', 'TERM', 'LC_ALL', 'LANG')}
    env.update(more)
    return env


def run(*args, stdin=b'', timeout=DEADLINE, **env):
    """Run naru to its end: (exit status, stdout, stderr)."""
    done = subprocess.run([NARU, *args], input=stdin, capture_output=True, timeout=timeout, env=environment(**env))
    return done.returncode, done.stdout, done.stderr


class Lines:
    """Reads a descriptor until a deadline."""

    def __init__(self, fd):
        self.fd = fd
        self.seen = b''
        self.ended = False

    def more(self, deadline):
        left = deadline - time.monotonic()
        if self.ended or left <= 0 or not select.select([self.fd], [], [], left)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # a pseudo-terminal whose other side is gone
            data = b''
        self.ended = data == b''
        self.seen += data
        return not self.ended

    def until(self, wanted, timeout=DEADLINE):
        """All bytes up to and with the first match of the pattern."""
        deadline = time.monotonic() + timeout
        while True:
            found = re.search(wanted, self.seen, re.S)
            if found:
                taken, self.seen = self.seen[:found.end()], self.seen[found.end():]
                return taken
            if not self.more(deadline):
                raise AssertionError(f'no {wanted!r} in {self.seen!r}')

    def line(self, timeout=DEADLINE):
        return self.until(rb'\n', timeout)[:-1]

    def rest(self, timeout=DEADLINE):
        deadline = time.monotonic() + timeout
        while self.more(deadline):
            pass
        if not self.ended:
            raise AssertionError(f'no end after {self.seen!r}')
        taken, self.seen = self.seen, b''
        return taken


class Naru:
    """naru in the background."""

    def __init__(self, *args, **env):
        self.process = subprocess.Popen([NARU, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=environment(**env))
        self.out = Lines(self.process.stdout.fileno())
        self.err = Lines(self.process.stderr.fileno())

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def close_stdin(self):
        self.process.stdin.close()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=DEADLINE):
        return self.process.wait(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except OSError:
                pass


def echo_server(*args, **env):
    """naru echo on a free port: (process, "HOST:PORT")."""
    server = Naru('echo', '--listen', '127.0.0.1:0', *args, **env)
    line = server.out.line()
    assert line.startswith(b'listening on '), line
    return server, line[len(b'listening on '):].decode()


# ---- a peer of our own ---------------------------------------------------------------------------------------------

class Peer:
    """One WebSocket connection over a socket, from either side."""

    def __init__(self, sock, masks):
        sock.settimeout(DEADLINE)
        self.sock = sock
        self.masks = masks
        self.head = ''
        self.buffer = b''

    def take(self, size):
        while len(self.buffer) < size:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError
            self.buffer += data
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def read_head(self):
        while b'\r\n\r\n' not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError
            self.buffer += data
        head, self.buffer = self.buffer.split(b'\r\n\r\n', 1)
        self.head = head.decode('latin-1')
        return self.head

    def field(self, name):
        found = re.search(rf'(?im)^{name}:[ \t]*(.*?)[ \t]*\r?$', self.head)
        return found and found.group(1)

    def accept(self, *fields):
        """Answer the upgrade as a server."""
        self.read_head()
        digest = hashlib.sha1((self.field('Sec-WebSocket-Key') + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode())
        answer = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade',
                  'Sec-WebSocket-Accept: ' + base64.b64encode(digest.digest()).decode(), *fields]
        self.sock.sendall(('\r\n'.join(answer) + '\r\n\r\n').encode())
        return self

    def ask(self, host, path, *fields):
        """Ask for the upgrade as a client; the status line."""
        key = base64.b64encode(os.urandom(16)).decode()
        request = [f'GET {path} HTTP/1.1', f'Host: {host}', 'Upgrade: websocket', 'Connection: Upgrade',
                   f'Sec-WebSocket-Key: {key}', 'Sec-WebSocket-Version: 13', *fields]
        self.sock.sendall(('\r\n'.join(request) + '\r\n\r\n').encode())
        return self.read_head().split('\r\n')[0]

    def send(self, opcode, data=b'', first=0x80):
        if isinstance(data, str):
            data = data.encode()
        size = len(data)
        bit = 0x80 if self.masks else 0
        if size < 126:
            head = struct.pack('!BB', first | opcode, bit | size)
        elif size < 65536:
            head = struct.pack('!BBH', first | opcode, bit | 126, size)
        else:
            head = struct.pack('!BBQ', first | opcode, bit | 127, size)
        if self.masks:
            # A mask of zeros is as good as any to a test, and leaves large payloads as they are.
            head += bytes(4)
        self.sock.sendall(head + data)

    def receive(self):
        """The next frame: (opcode, data)."""
        first, second = self.take(2)
        size = second & 127
        if size == 126:
            size = struct.unpack('!H', self.take(2))[0]
        elif size == 127:
            size = struct.unpack('!Q', self.take(8))[0]
        mask = self.take(4) if second & 128 else None
        data = self.take(size)
        if mask:
            key = (mask * (size // 4 + 1))[:size]
            data = (int.from_bytes(data, 'big') ^ int.from_bytes(key, 'big')).to_bytes(size, 'big')
        return first & 15, data

    def message(self):
        """The next frame that is neither ping nor pong; pings are answered."""
        while True:
            opcode, data = self.receive()
            if opcode == PING:
                self.send(PONG, data)
            elif opcode != PONG:
                return opcode, data

    def text(self):
        opcode, data = self.message()
        assert opcode == TEXT, (opcode, data)
        return data.decode()

    def close(self, code=1000, reason=b''):
        self.send(CLOSE, struct.pack('!H', code) + reason)

    def serve_echo(self):
        """Echo until the peer's Close, answer it; its payload."""
        while True:
            opcode, data = self.receive()
            if opcode == PING:
                self.send(PONG, data)
            elif opcode == CLOSE:
                self.send(CLOSE, data)
                return data
            elif opcode in (TEXT, BINARY):
                self.send(opcode, data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def dial(address, path='/', *fields):
    """A client's open connection to naru."""
    if address.startswith('unix:'):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(DEADLINE)
        sock.connect(address[5:])
        host = 'localhost'
    else:
        host = address
        name, port = address.rsplit(':', 1)
        sock = socket.create_connection((name, int(port)), DEADLINE)
    peer = Peer(sock, masks=True)
    try:
        status = peer.ask(host, path, *fields)
        assert ' 101 ' in status, status
    except BaseException:
        sock.close()
        raise
    return peer


class Server:
    """Listens on a free port and hands each connection to script(peer) on a thread of its own."""

    def __init__(self, script):
        self.script = script
        self.failure = None
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.address = f'127.0.0.1:{self.port}'
        self.url = f'ws://{self.address}/'
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self):
        try:
            sock, _ = self.listener.accept()
            with Peer(sock, masks=False) as peer:
                self.script(peer)
        except (EOFError, ConnectionError):
            pass
        except OSError as error:
            self.failure = error
        except Exception as error:  # told to the test in __exit__
            self.failure = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        # Wakes an accept that nobody came to.
        try:
            socket.create_connection(('127.0.0.1', self.port), 1).close()
        except OSError:
            pass
        self.thread.join(DEADLINE)
        self.listener.close()
        if kind is None and self.failure:
            raise self.failure


def free_port():
    """A port that nobody listens on (just now)."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return listener.getsockname()[1]


def certificate(directory, name='localhost'):
    """A self-signed certificate made on the fly: (certificate file, key file)."""
    cert, key = os.path.join(directory, 'cert.pem'), os.path.join(directory, 'key.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                    '-keyout', key, '-out', cert, '-days', '2', '-subj', f'/CN={name}', '-addext',
                    f'subjectAltName=DNS:{name},IP:127.0.0.1'], check=True, capture_output=True)
    return cert, key


def main():
    unittest.main(verbosity=2)


__all__ = [name for name in dir() if not name.startswith('_')]
