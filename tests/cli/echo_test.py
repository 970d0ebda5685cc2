"""naru echo, both sides: the line it prints, what it sends back, and how it stops."""
from naru_cli import *


class EchoServer(unittest.TestCase):
    def check(self, server, address):
        with dial(address, '/any/path?at=all') as peer:
            for opcode, data in ((TEXT, '안녕'.encode()), (BINARY, b'\0\xff'), (TEXT, b''), (BINARY, b'x' * 70000)):
                peer.send(opcode, data)
                self.assertEqual(peer.message(), (opcode, data))

    def stop(self, server, expected_rest=b''):
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        self.assertEqual(server.out.rest(), expected_rest)
        self.assertEqual(server.err.rest(), b'')

    def test_one_line_and_a_clean_stop(self):
        server, address = echo_server()
        with server:
            self.assertRegex(address, r'\A127\.0\.0\.1:[1-9][0-9]*\Z')
            self.check(server, address)
            self.stop(server)

    def test_stop_tells_everyone(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server, address = echo_server()
            with self.subTest(number), server, dial(address) as peer:
                server.signal(number)
                opcode, data = peer.message()
                self.assertEqual((opcode, data[:2]), (CLOSE, struct.pack('!H', 1001)))
                peer.send(CLOSE, data[:2])
                self.assertEqual(server.wait(), 0)

    def test_stop_does_not_wait_for_who_never_answers(self):
        server, address = echo_server()
        with server, dial(address):
            server.signal(signal.SIGTERM)
            self.assertEqual((server.wait(), server.out.rest()), (0, b''))
            self.assertIn(b'deadline', server.err.rest())

    def test_the_first_subprotocol(self):
        server, address = echo_server()
        with server:
            with dial(address, '/', 'Sec-WebSocket-Protocol: one, two', 'Sec-WebSocket-Protocol: three') as peer:
                self.assertEqual(peer.field('Sec-WebSocket-Protocol'), 'one')
            with dial(address) as peer:
                self.assertIsNone(peer.field('Sec-WebSocket-Protocol'))

    def test_deflate_only_when_asked_for(self):
        for args, expected in ((['--deflate'], True), ([], False)):
            server, address = echo_server(*args)
            with self.subTest(args), server, dial(address, '/', 'Sec-WebSocket-Extensions: permessage-deflate') as peer:
                answer = peer.field('Sec-WebSocket-Extensions')
                self.assertEqual('permessage-deflate' in (answer or ''), expected)

    def test_origins(self):
        def status(address, *fields):
            name, port = address.rsplit(':', 1)
            with Peer(socket.create_connection((name, int(port)), DEADLINE), masks=True) as peer:
                return peer.ask(address, '/', *fields)
        for args, origin, expected in (([], 'https://elsewhere.example', '403'), ([], None, '101'),
                                       (['--allow-origin', 'any'], 'https://elsewhere.example', '101'),
                                       (['--allow-origin', 'https://one.example'], 'https://one.example', '101'),
                                       (['--allow-origin', 'https://one.example'], 'https://two.example', '403')):
            server, address = echo_server(*args)
            with self.subTest((args, origin)), server:
                answer = status(address, *([f'Origin: {origin}'] if origin else []))
                self.assertEqual(answer.split()[1], expected)

    def test_unix(self):
        for threads in ([], ['--threads', '2']):
            with self.subTest(threads), tempfile.TemporaryDirectory() as directory:
                path = os.path.join(directory, 'socket')
                with Naru('echo', '--listen', f'unix:{path}', *threads) as server:
                    self.assertEqual(server.out.line(), b'listening on unix:' + path.encode())
                    self.check(server, f'unix:{path}')
                    self.assertEqual(run('connect', '--unix', path, 'ws://localhost/', stdin=b'x\n'),
                                     (0, b'x\n', b''))
                    self.stop(server)
                self.assertFalse(os.path.exists(path))

    def test_tls(self):
        with tempfile.TemporaryDirectory() as directory:
            cert, key = certificate(directory)
            server, address = echo_server('--tls-cert', cert, '--tls-key', key)
            with server:
                data = b'x' * 300000 + b'\n'
                self.assertEqual(run('connect', '--ca', cert, f'wss://{address}/', stdin=data), (0, data, b''))
                self.stop(server)

    def test_certificates_that_cannot_be_used(self):
        with tempfile.TemporaryDirectory() as directory:
            status, out, err = run('echo', '--listen', '127.0.0.1:0', '--tls-cert', os.path.join(directory, 'none.pem'))
        self.assertEqual((status, out), (2, b''))
        self.assertRegex(err, rb'\Anaru echo: [^\n]*none\.pem[^\n]*\n\Z')

    def test_threads(self):
        server, address = echo_server('--threads', '3')
        with server:
            with open(f'/proc/{server.process.pid}/status', encoding='ascii') as file:
                self.assertGreaterEqual(int(re.search(r'Threads:\s+(\d+)', file.read()).group(1)), 3)
            peers = [dial(address) for _ in range(24)]
            for number, peer in enumerate(peers):
                peer.send(TEXT, f'from {number}')
            for number, peer in enumerate(peers):
                self.assertEqual(peer.text(), f'from {number}')
            server.signal(signal.SIGTERM)
            for peer in peers:
                self.assertEqual(peer.message()[0], CLOSE)
                peer.sock.close()
            self.assertEqual((server.wait(), server.out.rest()), (0, b''))

    def test_an_address_that_is_taken(self):
        server, address = echo_server()
        with server:
            status, out, err = run('echo', '--listen', address)
            self.assertEqual((status, out), (1, b''))
            self.assertIn(address.encode(), err)

    def test_limits(self):
        server, address = echo_server('--max-message', '1000', '--max-fragments', '3')
        with server:
            with dial(address) as peer:
                peer.send(TEXT, b'x' * 1000)
                self.assertEqual(peer.message(), (TEXT, b'x' * 1000))
                peer.send(TEXT, b'x' * 1001)
                opcode, data = peer.message()
                self.assertEqual((opcode, data[:2]), (CLOSE, struct.pack('!H', 1009)))
            with dial(address) as peer:
                for first, opcode in ((0, TEXT), (0, 0), (0x80, 0)):
                    peer.send(opcode, b'x', first)
                self.assertEqual(peer.message(), (TEXT, b'xxx'))
                for opcode in (TEXT, 0, 0, 0):
                    peer.send(opcode, b'x', 0)
                opcode, data = peer.message()
                self.assertEqual((opcode, data[:2]), (CLOSE, struct.pack('!H', 1008)))

    def test_a_flood_of_pings_is_answered(self):
        server, address = echo_server()
        with server, dial(address) as peer:
            ping = bytes([0x89, 0x80, 0, 0, 0, 0])
            for _ in range(20):
                peer.sock.sendall(ping * 1000)
                for _ in range(1000):
                    self.assertEqual(peer.receive(), (PONG, b''))

    def test_sixteen_mebibytes(self):
        server, address = echo_server()
        with server, dial(address) as peer:
            data = b'0123456789abcdef' * (1 << 20)
            sender = threading.Thread(target=peer.send, args=(BINARY, data))
            sender.start()
            opcode, received = peer.message()
            sender.join(DEADLINE)
            self.assertEqual((opcode, received == data), (BINARY, True))

    def test_who_sends_all_of_a_long_message_before_reading(self):
        """More than the kernel's buffers hold: the echo must not wait for a peer that waits for it."""
        server, address = echo_server()
        with server, dial(address) as peer:
            data = b'0123456789abcdef' * (2 << 20)
            for _ in range(2):
                peer.send(BINARY, data)
                opcode, received = peer.message()
                self.assertEqual((opcode, received == data), (BINARY, True))

    def test_who_leaves_while_a_long_message_waits(self):
        server, address = echo_server()
        with server:
            with dial(address) as peer:
                peer.sock.sendall(struct.pack('!BBQ', 0x82, 0x80 | 127, 32 << 20) + bytes(4) + bytes(8 << 20))
            self.check(server, address)
            self.stop(server)

    def test_a_peer_that_does_not_read_is_not_read_from(self):
        """Its messages wait in the kernel, not in our memory; then all come back in order."""
        server, address = echo_server()
        with server, dial(address) as peer:
            size, count, written = 16384, 2000, 0
            frame = struct.pack('!BBH', 0x82, 0x80 | 126, size) + bytes(4)
            data = b''.join(frame + struct.pack('!I', i) * (size // 4) for i in range(count))
            peer.sock.setblocking(False)
            while select.select([], [peer.sock], [], 0.7)[1]:
                written += peer.sock.send(data[written:written + 262144])
            self.assertLess(written, len(data))
            with open(f'/proc/{server.process.pid}/statm', encoding='ascii') as statm:
                resident = int(statm.read().split()[1]) * os.sysconf('SC_PAGESIZE')
            self.assertLess(resident, 24 << 20)
            peer.sock.settimeout(DEADLINE)
            sender = threading.Thread(target=peer.sock.sendall, args=(data[written:],))
            sender.start()
            for i in range(count):
                self.assertEqual(peer.message(), (BINARY, struct.pack('!I', i) * (size // 4)))
            sender.join(DEADLINE)


class EchoClient(unittest.TestCase):
    def test_until_the_server_closes(self):
        said = [(TEXT, b'one'), (BINARY, b'\0\xff'), (TEXT, b''), (BINARY, b'x' * 100000)]
        heads = []

        def script(peer):
            heads.append(peer.accept('Sec-WebSocket-Protocol: b'))
            for message in said:
                peer.send(*message)
                self.assertEqual(peer.message(), message)
            peer.close(1000)
            self.assertEqual(peer.receive(), (CLOSE, struct.pack('!H', 1000)))
        with Server(script) as server:
            self.assertEqual(run('echo', '--connect', server.url, '--protocol', 'a', '--protocol', 'b'), (0, b'', b''))
        self.assertEqual(heads[0].field('Sec-WebSocket-Protocol'), 'a, b')
        self.assertIsNone(heads[0].field('Sec-WebSocket-Extensions'))

    def test_deflate_is_offered(self):
        heads = []

        def script(peer):
            heads.append(peer.accept())
            peer.close(4000, b'enough')
            peer.receive()
        with Server(script) as server:
            self.assertEqual(run('echo', '--connect', server.url, '--deflate'),
                             (7, b'', b'naru echo: closed with code 4000: enough\n'))
        self.assertIn('permessage-deflate', heads[0].field('Sec-WebSocket-Extensions'))

    def test_failures(self):
        self.assertEqual(run('echo', '--connect', f'ws://127.0.0.1:{free_port()}/')[:2], (3, b''))
        self.assertEqual(run('echo', '--connect', 'gopher://x/')[:2], (2, b''))

        def refuses(peer):
            peer.read_head()
            peer.sock.sendall(b'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
        with Server(refuses) as server:
            self.assertEqual(run('echo', '--connect', server.url),
                             (5, b'', b'naru echo: refused: HTTP 404 Not Found\n'))

        def lies(peer):
            peer.accept().sock.sendall(b'\x83\x00')
            peer.receive()
        with Server(lies) as server:
            self.assertEqual(run('echo', '--connect', server.url)[:2], (9, b''))

    def test_tls(self):
        with tempfile.TemporaryDirectory() as directory:
            cert, key = certificate(directory)
            server, address = echo_server('--tls-cert', cert, '--tls-key', key)
            with server:
                self.assertEqual(run('echo', '--connect', f'wss://{address}/')[0], 4)
                for args in (['--ca', cert], ['--insecure']):
                    with self.subTest(args), Naru('echo', '--connect', f'wss://{address}/', *args, '-v') as client:
                        client.err.until(rb'connected')
                        client.signal(signal.SIGTERM)
                        self.assertEqual(client.wait(), 0)


if __name__ == '__main__':
    main()
