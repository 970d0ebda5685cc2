"""examples/successor.c: five processes follow each other on one port. While they do, a connection to the one before hears
its 1012, new ones come to the next, and in the end nothing is left."""
import os
import signal
import socket
import subprocess
import sys
import tempfile

DEADLINE = 30
UPGRADE = (b'GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
           b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n')


def read_exactly(peer, size):
    data = b''
    while len(data) < size:
        more = peer.recv(size - len(data))
        assert more, f'ended after {data!r}'
        data += more
    return data


def upgraded(port):
    peer = socket.create_connection(('127.0.0.1', port), DEADLINE)
    peer.sendall(UPGRADE)
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        head += read_exactly(peer, 1)
    assert head.startswith(b'HTTP/1.1 101'), head
    return peer


def echoes(peer):
    peer.sendall(b'\x81\x82\0\0\0\0hi')
    return read_exactly(peer, 4) == b'\x81\x02hi'


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        line = os.path.join(folder, 'line')
        before, port = None, None
        for _ in range(5):
            process = subprocess.Popen([program, f'unix:{line}', '127.0.0.1:0'], stdout=subprocess.PIPE)
            bound = int(process.stdout.readline().rsplit(b':', 1)[1])
            assert port in (None, bound), (port, bound)
            port = bound
            if before:
                old, peers = before
                for peer in peers:
                    assert read_exactly(peer, 4) == b'\x88\x0c\x03\xf4'
                    peer.close()
                assert old.wait(DEADLINE) == 0
            peers = [upgraded(port) for _ in range(8)]
            assert all(echoes(peer) for peer in peers)
            before = process, peers
        process.send_signal(signal.SIGTERM)
        for peer in peers:
            assert read_exactly(peer, 4) == b'\x88\x0c\x03\xe9'
            peer.close()
        assert process.wait(DEADLINE) == 0
        assert os.listdir(folder) == []


main(sys.argv[1])
