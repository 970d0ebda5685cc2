"""A server under siege, and what must hold for it: a control client that keeps echoing, flat memory, no descriptor lost.

    NARU_FAULTS_ROUNDS   how often each siege is repeated; memory is compared between the halves. 1 in `make test`.
"""
import os
import resource
import select
import socket
import struct
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../cli'))

from naru_cli import *  # noqa: E402

ROUNDS = int(os.environ.get('NARU_FAULTS_ROUNDS', '1'))
RESET = struct.pack('ii', 1, 0)  # SO_LINGER: the close is a reset
GROWTH_BYTES = 3 << 20  # what the allocator may keep for next time


def proc(pid, name):
    with open(f'/proc/{pid}/{name}', encoding='ascii') as file:
        return file.read()


def resident_bytes(pid):
    return int(proc(pid, 'statm').split()[1]) * os.sysconf('SC_PAGESIZE')


def descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def until(wanted, what):
    """Wait for a state that comes by itself, and complain if it does not."""
    deadline = time.monotonic() + DEADLINE
    while not wanted():
        if time.monotonic() > deadline:
            raise AssertionError(what())
        select.select([], [], [], 0.005)


def connect(address, receive_bytes=0):
    """A TCP connection, on which nothing has been said."""
    name, port = address.rsplit(':', 1)
    sock = socket.socket()
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.settimeout(DEADLINE)
    sock.connect((name, int(port)))
    return sock


def request(address, path='/'):
    return (f'GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n').encode()


def frame(opcode, data=b'', first=0x80):
    """As a client's, with a mask of zeros."""
    size = len(data)
    if size < 126:
        head = struct.pack('!BB', first | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack('!BBH', first | opcode, 0x80 | 126, size)
    else:
        head = struct.pack('!BBQ', first | opcode, 0x80 | 127, size)
    return head + bytes(4) + data


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def code_of(data):
    return struct.unpack('!H', data[:2])[0]


class Control:
    """A client that is there all the time, and gets each of its messages back."""

    def __init__(self, address):
        self.peer = dial(address)
        self.echoes = 0
        self.failure = None
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.talk, daemon=True)
        self.thread.start()

    def talk(self):
        try:
            while not self.stop.is_set():
                text = f'control {self.echoes}'
                self.peer.send(TEXT, text)
                answer = self.peer.text()
                assert answer == text, answer
                self.echoes += 1
                self.stop.wait(0.002)
            self.peer.close()
            assert self.peer.message()[0] == CLOSE
        except Exception as error:  # told to the test in end
            self.failure = error
        self.peer.sock.close()

    def more(self, count=3):
        """It is served while all this goes on."""
        wanted = self.echoes + count
        until(lambda: self.echoes >= wanted or self.failure, lambda: 'the control client is not answered')
        assert self.failure is None, self.failure

    def end(self):
        self.stop.set()
        self.thread.join(DEADLINE)
        assert self.failure is None, self.failure


class Siege(unittest.TestCase):
    """A server with its control client; each test says what is done to it in one round."""
    options = ()

    def setUp(self):
        self.server, self.address = echo_server(*self.options)
        self.pid = self.server.process.pid
        self.addCleanup(self.server.__exit__)
        self.control = Control(self.address)
        self.control.more(1)
        self.idle_descriptors = descriptors(self.pid)

    def tearDown(self):
        self.control.end()
        self.server.signal(signal.SIGTERM)
        self.assertEqual(self.server.wait(), 0)

    def settle(self):
        until(lambda: descriptors(self.pid) == self.idle_descriptors,
              lambda: f'{descriptors(self.pid)} descriptors, not {self.idle_descriptors}')

    def besiege(self, one_round):
        """Behind it nothing is lost, and nothing more is taken. Blocks that a burst needed stay with the loop as long as
        they are used, and go back soon after: that is waited for."""
        idle = resident_bytes(self.pid)
        for _ in range(2 * ROUNDS):
            one_round()
            self.control.more()
            self.settle()
        until(lambda: resident_bytes(self.pid) - idle < GROWTH_BYTES,
              lambda: f'{resident_bytes(self.pid) - idle} bytes more after {2 * ROUNDS} rounds')


__all__ = [name for name in dir() if not name.startswith('_')]
