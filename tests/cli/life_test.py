"""naru serve and naru echo as services: behind proxies, with certificates that change, over generations of processes."""
import ssl

from naru_cli import *


def code_of(data):
    return struct.unpack('!H', data[:2])[0]


def raw(address):
    name, port = address.rsplit(':', 1)
    return Peer(socket.create_connection((name, int(port)), DEADLINE), masks=True)


def finish(server):
    server.signal(signal.SIGTERM)
    return server.wait()


class Proxies(unittest.TestCase):
    def who(self, *args):
        """A server whose messages are what it takes its peer for."""
        server = Naru('serve', '--listen', '127.0.0.1:0', '--path', '/who', '--exec', 'echo "$NARU_PEER"', *args)
        return server, re.search(rb'ws://([^/]+)/who', server.out.line()).group(1).decode()

    def test_forwarded_for(self):
        for args, expected in ((['--trust-proxy', '127.0.0.0/8'], '192.0.2.7:0'), ([], '127.0.0.1:'),
                               (['--trust-proxy', '10.0.0.1'], '127.0.0.1:')):
            server, address = self.who(*args)
            with self.subTest(args), server, dial(address, '/who', 'X-Forwarded-For: 192.0.2.7') as peer:
                self.assertTrue(peer.text().startswith(expected))

    def test_bad_addresses(self):
        status, out, err = run('echo', '--listen', '127.0.0.1:0', '--trust-proxy', '127.0.0.0/99')
        self.assertEqual((status, out), (1, b''))
        self.assertRegex(err, rb'\A(naru echo: [^\n]+\n)+\Z')

    def test_proxy_protocol(self):
        server, address = self.who('--proxy-protocol')
        with server:
            with raw(address) as peer:
                peer.sock.sendall(b'PROXY TCP4 192.0.2.9 127.0.0.1 4711 80\r\n')
                self.assertIn(' 101 ', peer.ask(address, '/who'))
                self.assertEqual(peer.text(), '192.0.2.9:4711')
            with raw(address) as peer:
                with self.assertRaises((EOFError, ConnectionError)):
                    peer.ask(address, '/who')


class Certificates(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def shown(self, address):
        name, port = address.rsplit(':', 1)
        return ssl.get_server_certificate((name, int(port)), timeout=DEADLINE)

    def test_hangup_reads_them_again_and_nobody_is_lost(self):
        cert, key = certificate(self.directory)
        server, address = echo_server('--tls-cert', cert, '--tls-key', key, '--threads', '2')
        with server:
            context = ssl.create_default_context(cafile=cert)
            sock = socket.create_connection(address.rsplit(':', 1), DEADLINE)
            with Peer(context.wrap_socket(sock, server_hostname='localhost'), masks=True) as peer:
                self.assertIn(' 101 ', peer.ask(address, '/'))
                with open(cert, encoding='ascii') as file:
                    before = file.read()
                self.assertEqual(self.shown(address), before)
                certificate(self.directory)
                with open(cert, encoding='ascii') as file:
                    after = file.read()
                self.assertNotEqual(after, before)
                server.signal(signal.SIGHUP)
                self.assertEqual(server.err.line(), b'naru echo: the certificate was read again')
                self.assertEqual(self.shown(address), after)
                with open(cert, 'w', encoding='ascii') as file:
                    file.write('nothing')
                server.signal(signal.SIGHUP)
                self.assertRegex(server.err.line(), rb'\Anaru echo: the certificate stays as it was: .*cert\.pem')
                self.assertEqual(self.shown(address), after)
                peer.send(TEXT, 'still here')
                self.assertEqual(peer.text(), 'still here')
            self.assertEqual(finish(server), 0)

    def test_without_a_certificate_a_hangup_is_the_end(self):
        server, _ = echo_server()
        with server:
            server.signal(signal.SIGHUP)
            self.assertEqual(server.wait(), -signal.SIGHUP)


class Limits(unittest.TestCase):
    def test_idle_timeout(self):
        server, address = echo_server('--idle-timeout', '0.3')
        with server, dial(address) as peer:
            begin = time.monotonic()
            opcode, data = peer.message()
            self.assertEqual((opcode, code_of(data)), (CLOSE, 1001))
            self.assertGreater(time.monotonic() - begin, 0.2)

    def test_max_age(self):
        server, address = echo_server('--max-age', '0.5')
        with server, dial(address) as peer:
            begin = time.monotonic()
            while True:
                peer.send(TEXT, 'x')
                opcode, data = peer.message()
                if opcode == CLOSE:
                    break
            self.assertEqual(code_of(data), 1001)
            self.assertGreater(time.monotonic() - begin, 0.4)

    def test_memory_max(self):
        """A hundred half messages of 200 KB do not fit into 4 MiB: who asks for too much ends, and others live on."""
        server, address = echo_server('--memory-max', '4M')
        with server, dial(address) as control:
            half = struct.pack('!BBH', 0x01, 0x80 | 126, 50000) + bytes(4) + b'x' * 50000
            more = b'\0' + half[1:]
            peers, ended = [], 0
            for _ in range(100):
                try:
                    peer = dial(address)
                    peers.append(peer)
                    peer.sock.sendall(half + 3 * more)
                except (AssertionError, EOFError, ConnectionError):
                    ended += 1
                control.send(TEXT, 'here')
                self.assertEqual(control.text(), 'here')
            with open(f'/proc/{server.process.pid}/statm', encoding='ascii') as statm:
                resident = int(statm.read().split()[1]) * os.sysconf('SC_PAGESIZE')
            self.assertLess(resident, 20 << 20)
            for peer in peers:
                peer.sock.setblocking(False)
                try:
                    ended += peer.sock.recv(1) is not None
                except BlockingIOError:
                    pass
                except ConnectionError:
                    ended += 1
                peer.sock.close()
            self.assertGreaterEqual(ended, 50)
            self.assertEqual(finish(server), 0)

    def test_stop_spread(self):
        server, address = echo_server('--stop-spread', '0.6')
        with server:
            peers = [dial(address) for _ in range(6)]
            server.signal(signal.SIGTERM)
            times = {}
            while len(times) < len(peers):
                ready = select.select([peer.sock for peer in peers if peer not in times], [], [], DEADLINE)[0]
                self.assertTrue(ready)
                for peer in [peer for peer in peers if peer.sock in ready]:
                    opcode, data = peer.message()
                    self.assertEqual((opcode, code_of(data)), (CLOSE, 1001))
                    times[peer] = time.monotonic()
                    peer.send(CLOSE, data[:2])
                    peer.sock.close()
            self.assertGreater(max(times.values()) - min(times.values()), 0.3)
            self.assertEqual(server.wait(), 0)


class HandOver(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, 'line')

    def generations(self, start):
        """Each takes the sockets of the one before, while others connect all the time."""
        server, address = start()
        stop, failures, echoes = threading.Event(), [], [0]

        def visit():
            while not stop.is_set():
                try:
                    with dial(address, '/echo') as peer:
                        peer.send(TEXT, 'hello')
                        opcode, data = peer.message()
                        if (opcode, data) == (TEXT, b'hello'):
                            echoes[0] += 1
                        elif opcode != CLOSE or code_of(data) != 1012:
                            failures.append((opcode, data))
                except Exception as error:  # told below
                    failures.append(error)
        visitor = threading.Thread(target=visit, daemon=True)
        visitor.start()
        for _ in range(5):
            with dial(address, '/echo') as peer:
                following, same = start()
                self.assertEqual(same, address)
                opcode, data = peer.message()
                self.assertEqual((opcode, code_of(data)), (CLOSE, 1012))
                peer.send(CLOSE, data[:2])
            with server:
                self.assertEqual((server.wait(), server.err.rest()), (0, b''))
            server = following
            before = echoes[0]
            while echoes[0] == before and visitor.is_alive() and not failures:
                os.sched_yield()
        stop.set()
        visitor.join(DEADLINE)
        self.assertEqual(failures, [])
        with server:
            self.assertEqual(finish(server), 0)
        self.assertFalse(os.path.exists(self.path))

    def test_echo(self):
        self.generations(lambda: echo_server('--hand-over', self.path))

    def test_echo_over_threads(self):
        self.generations(lambda: echo_server('--hand-over', self.path, '--threads', '2'))

    def test_serve(self):
        def start():
            server = Naru('serve', '--listen', '127.0.0.1:0', '--path', '/echo', '--hand-over', self.path)
            return server, re.search(rb'ws://([^/]+)/echo', server.out.line()).group(1).decode()
        self.generations(start)

    def test_paths_that_cannot_be(self):
        for path, status in (('', 2), ('x' * 108, 2), ('/nowhere/at/all', 1)):
            with self.subTest(path):
                told = run('echo', '--listen', '127.0.0.1:0', '--hand-over', path)
                self.assertEqual(told[:2], (status, b''))
                self.assertRegex(told[2], rb'\Anaru echo: [^\n]+\n')


if __name__ == '__main__':
    main()
