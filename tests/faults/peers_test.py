"""Peers that are slow, rude, gone, or too many. Each ends its own connection, with the code that fits, and no other."""
import zlib

from rig import *


class Slow(Siege):
    def test_handshakes_byte_by_byte(self):
        """None is in anybody's way, and each is answered when it is whole."""
        def one_round():
            socks = [connect(self.address) for _ in range(40)]
            for byte in request(self.address):
                for sock in socks:
                    sock.sendall(bytes([byte]))
            for sock in socks:
                with Peer(sock, masks=True) as peer:
                    self.assertIn(' 101 ', peer.read_head())
                    peer.send(TEXT, 'slow')
                    self.assertEqual(peer.text(), 'slow')
        self.besiege(one_round)

    def test_frames_byte_by_byte(self):
        def one_round():
            peers = [dial(self.address) for _ in range(20)]
            for byte in frame(TEXT, b'one', 0) + frame(PING, b'?') + frame(0, b' two'):
                for peer in peers:
                    peer.sock.sendall(bytes([byte]))
            for peer in peers:
                with peer:
                    self.assertEqual(peer.receive(), (PONG, b'?'))
                    self.assertEqual(peer.message(), (TEXT, b'one two'))
        self.besiege(one_round)

    def test_readers_who_do_not_read(self):
        """They are not read from, so that what they are owed stays bounded; then they are gone."""
        def one_round():
            socks = []
            for _ in range(10):
                peer = dial(self.address)
                peer.sock.setblocking(False)
                data = frame(BINARY, b'x' * 60000) * 8
                try:
                    for _ in range(40):
                        peer.sock.send(data)
                except BlockingIOError:
                    pass
                socks.append(peer.sock)
            self.control.more()
            self.assertLess(resident_bytes(self.pid), 64 << 20)
            for number, sock in enumerate(socks):
                reset(sock) if number % 2 else sock.close()
        self.besiege(one_round)


class Floods(Siege):
    options = ('--max-fragments', '1000')

    def test_pings(self):
        """Each is answered; who asks and does not read is not read from."""
        def one_round():
            with dial(self.address) as peer:
                for _ in range(10):
                    peer.sock.sendall(frame(PING, b'12345678') * 1000)
                    for _ in range(1000):
                        self.assertEqual(peer.receive(), (PONG, b'12345678'))
        self.besiege(one_round)

    def test_small_fragments(self):
        def one_round():
            with dial(self.address) as peer:
                peer.sock.sendall(frame(TEXT, b'', 0) + frame(0, b'x', 0) * 1000)
                opcode, data = peer.message()
                self.assertEqual((opcode, code_of(data)), (CLOSE, 1008))
        self.besiege(one_round)

    def test_empty_messages(self):
        def one_round():
            with dial(self.address) as peer:
                peer.sock.sendall(frame(TEXT) * 5000)
                for _ in range(5000):
                    self.assertEqual(peer.message(), (TEXT, b''))
        self.besiege(one_round)

    def test_handshakes(self):
        """Good, bad and broken off, as fast as they can be made."""
        good, bad = request(self.address), b'GET / HTTP/1.1\r\nHost\r\n\r\n'

        def one_round():
            for number in range(200):
                sock = connect(self.address)
                if number % 4 == 0:
                    sock.sendall(good)
                    self.assertTrue(sock.recv(1024).startswith(b'HTTP/1.1 101 '))
                elif number % 4 == 1:
                    sock.sendall(bad)
                    self.assertTrue(sock.recv(1024).startswith(b'HTTP/1.1 400 '))
                elif number % 4 == 2:
                    sock.sendall(good[:30])
                sock.close()
        self.besiege(one_round)


class Bombs(Siege):
    options = ('--deflate', '--max-message', '1M')

    def bomb(self, size, opcode=TEXT):
        compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
        return (compressor.compress(b'a' * size) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def test_a_message_that_swells(self):
        """A hundred times the limit, in a hundredth of it: 1009 before the memory is there."""
        data = self.bomb(100 << 20)
        self.assertLess(len(data), 120000)

        def one_round():
            for _ in range(5):
                with dial(self.address, '/', 'Sec-WebSocket-Extensions: permessage-deflate') as peer:
                    self.assertIn('permessage-deflate', peer.field('Sec-WebSocket-Extensions'))
                    peer.sock.sendall(frame(TEXT, data, 0xc0))
                    opcode, answer = peer.message()
                    self.assertEqual((opcode, code_of(answer)), (CLOSE, 1009))
            self.assertLess(resident_bytes(self.pid), 32 << 20)
        self.besiege(one_round)

    def test_the_largest_that_fits(self):
        """The twin: one byte fewer than too many comes back."""
        for size, fits in ((1 << 20, True), ((1 << 20) + 1, False)):
            with self.subTest(size), dial(self.address, '/', 'Sec-WebSocket-Extensions: permessage-deflate') as peer:
                peer.sock.sendall(frame(TEXT, self.bomb(size), 0xc0))
                opcode, answer = peer.message()
                self.assertEqual(opcode & 15, TEXT if fits else CLOSE)
                self.assertTrue(fits or code_of(answer) == 1009)

    def test_garbage(self):
        def one_round():
            for _ in range(20):
                with dial(self.address, '/', 'Sec-WebSocket-Extensions: permessage-deflate') as peer:
                    peer.sock.sendall(frame(TEXT, b'\xff' * 1000, 0xc0))
                    opcode, answer = peer.message()
                    self.assertEqual((opcode, code_of(answer)), (CLOSE, 1007))
        self.besiege(one_round)


class Resets(Siege):
    """At each stage of a connection's life, of many at once; with a reset, and with a plain end."""

    def at(self, stage):
        sock = connect(self.address)
        if stage == 'connect':
            return sock
        whole = request(self.address)
        if stage == 'mid-request':
            sock.sendall(whole[:len(whole) // 2])
            return sock
        sock.sendall(whole)
        if stage == 'before the 101':
            return sock
        peer = Peer(sock, masks=True)
        self.assertIn(' 101 ', peer.read_head())
        sock.sendall({
            'after the 101': b'',
            'mid-frame': frame(TEXT, b'x' * 1000)[:500],
            'mid-head': frame(TEXT, b'x' * 1000)[:3],
            'mid-message': frame(TEXT, b'x' * 1000, 0),
            'with answers on their way': frame(BINARY, b'x' * 50000) * 20,
            'during close': frame(CLOSE, struct.pack('!H', 1000)),
            'after close': frame(CLOSE, struct.pack('!H', 1000)),
        }[stage])
        if stage == 'after close':
            self.assertEqual(peer.receive()[0], CLOSE)
        return sock

    def test_every_stage(self):
        for stage in ('connect', 'mid-request', 'before the 101', 'after the 101', 'mid-head', 'mid-frame',
                      'mid-message', 'with answers on their way', 'during close', 'after close'):
            for end in (reset, socket.socket.close):
                def one_round():
                    for sock in [self.at(stage) for _ in range(16)]:
                        end(sock)
                with self.subTest(stage, end=end.__name__):
                    self.besiege(one_round)


class Descriptors(unittest.TestCase):
    def answer(self, waiting):
        """Each is served or turned away in the end; how many were served."""
        served = 0
        while waiting:
            ready = select.select(waiting, [], [], DEADLINE)[0]
            self.assertTrue(ready, f'{len(waiting)} are never answered')
            for sock in ready:
                try:
                    data = sock.recv(1024)
                except ConnectionError:
                    data = b''
                self.assertTrue(data == b'' or data.startswith(b'HTTP/1.1 101 '), data)
                served += data != b''
                sock.close()
                waiting.remove(sock)
        return served

    def test_none_are_left(self):
        """EMFILE: who is there is served; who comes is turned away or waits, and is served once somebody has gone."""
        limit = 40
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        try:
            server, address = echo_server()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with server:
            pid = server.process.pid
            control = Control(address)
            control.more()
            for _ in range(max(2, ROUNDS)):
                socks = [connect(address) for _ in range(2 * limit)]
                for sock in socks:
                    sock.sendall(request(address))
                until(lambda: descriptors(pid) >= limit - 2, lambda: f'{descriptors(pid)} descriptors')
                before = proc(pid, 'stat').rsplit(')', 1)[1].split()
                control.more(50)
                after = proc(pid, 'stat').rsplit(')', 1)[1].split()
                # Not a busy loop over an accept that cannot succeed: a control echo costs far less than a tick.
                self.assertLess(sum(map(int, after[11:13])) - sum(map(int, before[11:13])), 20)
                self.assertGreater(self.answer(socks), limit // 2)
                with dial(address) as peer:
                    peer.send(TEXT, 'there is room')
                    self.assertEqual(peer.text(), 'there is room')
                control.more()
            control.end()
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)


if __name__ == '__main__':
    main()
