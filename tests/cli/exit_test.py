"""Each row of the table of exit statuses is provoked, with a peer that does just that."""
from naru_cli import *


def connect(script, *args, stdin=b'', **env):
    with Server(script) as server:
        return run('connect', *args, server.url, stdin=stdin, **env)


class ExitStatus(unittest.TestCase):
    def test_0_our_close(self):
        self.assertEqual(connect(lambda peer: peer.accept().serve_echo()), (0, b'', b''))

    def test_0_the_peer_closes_cleanly(self):
        for code in (1000, 1001):
            def script(peer):
                peer.accept().close(code, b'bye')
                peer.receive()
            with self.subTest(code):
                self.assertEqual(connect(script, '--wait', '20'), (0, b'', b''))

    def test_0_the_peer_closes_without_a_code(self):
        def script(peer):
            peer.accept().send(CLOSE)
            peer.receive()
        self.assertEqual(connect(script, '--wait', '20'), (0, b'', b''))

    def test_0_with_our_own_code(self):
        def script(peer):
            self.assertEqual(peer.accept().serve_echo(), struct.pack('!H', 4321) + b'done here')
        self.assertEqual(connect(script, '--close-code', '4321', '--close-reason', 'done here'), (0, b'', b''))

    def test_1_stdin_that_cannot_be_sent(self):
        status, out, err = connect(lambda peer: peer.accept().serve_echo(), stdin=b'good\nbad \xff\n')
        self.assertEqual((status, err), (1, b'naru connect: line 2 of stdin cannot be sent: '
                                            b'not UTF-8 (--binary sends any bytes)\n'))

    def test_1_stdout_that_is_full(self):
        with Server(lambda peer: peer.accept().serve_echo()) as server, open('/dev/full', 'wb') as full:
            done = subprocess.run([NARU, 'connect', server.url], input=b'hello\n', stdout=full, stderr=subprocess.PIPE,
                                  timeout=DEADLINE, env=environment())
        self.assertEqual((done.returncode, done.stderr),
                         (1, b'naru connect: cannot write to stdout: No space left on device\n'))

    def test_2_usage(self):
        self.assertEqual(run('connect')[0], 2)
        self.assertEqual(run('connect', 'ftp://localhost')[0], 2)

    def test_3_nobody_listens(self):
        status, out, err = run('connect', f'ws://127.0.0.1:{free_port()}/')
        self.assertEqual((status, out), (3, b''))
        self.assertRegex(err, rb'\Anaru connect: [^\n]*refused[^\n]*\n\Z')

    def test_3_no_such_name(self):
        status, out, err = run('connect', 'ws://no-such-host.invalid/')
        self.assertEqual((status, out), (3, b''))
        self.assertRegex(err, rb'\Anaru connect: [^\n]*no-such-host.invalid[^\n]*\n\Z')

    def test_3_no_such_socket(self):
        self.assertEqual(run('connect', '--unix', '/nowhere/at/all', 'ws://localhost/')[:2], (3, b''))

    def test_4_not_tls(self):
        def script(peer):
            peer.take(1)
            peer.sock.sendall(b'this is not TLS, whatever you say\n')
        with Server(script) as server:
            status, out, err = run('connect', f'wss://{server.address}/')
        self.assertEqual((status, out), (4, b''))
        self.assertRegex(err, rb'\Anaru connect: [^\n]+\n\Z')

    def test_4_a_certificate_of_nobody_we_trust(self):
        with tempfile.TemporaryDirectory() as directory:
            cert, key = certificate(directory)
            server, address = echo_server('--tls-cert', cert, '--tls-key', key)
            with server:
                port = address.rsplit(':', 1)[1]
                for args, expected in (([], 4), (['--ca', cert], 0), (['--insecure'], 0),
                                       (['--ca', cert, '--server-name', 'example.com'], 4)):
                    with self.subTest(args):
                        status, out, err = run('connect', *args, f'wss://localhost:{port}/', stdin=b'over TLS\n')
                        self.assertEqual((status, out), (expected, b'over TLS\n' if expected == 0 else b''), err)

    def test_5_refused(self):
        def script(peer):
            peer.read_head()
            peer.sock.sendall(b'HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\nX-Why: because\r\n\r\nnot for you\n')
        self.assertEqual(connect(script), (5, b'', b'naru connect: refused: HTTP 403 Forbidden\n'))
        status, out, err = connect(script, '-v')
        self.assertEqual((status, out), (5, b''))
        for line in (b'naru connect: < HTTP/1.1 403 Forbidden\n', b'naru connect: < X-Why: because\n',
                     b'naru connect: | not for you\n', b'failed at the handshake: NARU_ERR_REFUSED'):
            self.assertIn(line, err)
        self.assertEqual(connect(script, '-q'), (5, b'', b''))

    def test_6_lost_while_open(self):
        def script(peer):
            peer.accept()
        status, out, err = connect(script, '--wait', '20')
        self.assertEqual((status, out), (6, b''))
        self.assertRegex(err, rb'naru connect: [^\n]+\n')

    def test_6_lost_in_the_handshake(self):
        self.assertEqual(connect(lambda peer: peer.read_head())[:2], (6, b''))

    def test_7_another_code(self):
        def script(peer):
            peer.accept().close(1008, b'not today')
            peer.receive()
        self.assertEqual(connect(script, '--wait', '20'),
                         (7, b'', b'naru connect: closed with code 1008: not today\n'))

    def test_8_no_answer_to_the_handshake(self):
        def script(peer):
            peer.read_head()
            self.assertRaises(EOFError, peer.take, 1)
        status, out, err = connect(script, '--timeout', '0.3')
        self.assertEqual((status, out), (8, b''))
        self.assertRegex(err, rb'\Anaru connect: [^\n]+\n\Z')

    def test_8_too_few_answers(self):
        status, out, err = connect(lambda peer: peer.accept().serve_echo(), '--count', '2', '--wait', '0.3',
                                   stdin=b'only one\n')
        self.assertEqual((status, out, err), (8, b'only one\n', b'naru connect: 1 of 2 messages came in time\n'))

    def test_8_no_pong(self):
        def script(peer):
            peer.accept()
            while peer.receive():
                pass
        with Server(script) as server:
            status, out, err = run('connect', '--ping-interval', '0.2', '--wait', '60', server.url, timeout=40)
        self.assertEqual((status, out), (8, b''), err)

    def test_9_the_protocol_is_broken(self):
        for name, data in (('reserved bit', b'\xf1\x01x'), ('opcode 3', b'\x83\x00'), ('not UTF-8', b'\x81\x01\xff'),
                           ('masked', b'\x81\x81\x00\x00\x00\x00x'), ('close code 1005', b'\x88\x02\x03\xed')):
            def script(peer):
                peer.accept().sock.sendall(data)
                peer.receive()
            with self.subTest(name):
                status, out, err = connect(script, '--wait', '20')
                self.assertEqual((status, out), (9, b''))
                self.assertRegex(err, rb'naru connect: [^\n]+\n')

    def test_9_a_wrong_accept(self):
        def script(peer):
            peer.read_head()
            peer.sock.sendall(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                              b'Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n')
            self.assertRaises(EOFError, peer.take, 1)
        self.assertEqual(connect(script)[:2], (9, b''))

    def test_9_larger_than_the_limit(self):
        def script(peer):
            peer.accept().send(TEXT, 'x' * 101)
            peer.message()
        self.assertEqual(connect(script, '--wait', '20', '--max-message', '100')[:2], (9, b''))

        def fits(peer):
            peer.accept().send(TEXT, 'x' * 100)
            peer.serve_echo()
        self.assertEqual(connect(fits, '--count', '1', '--max-message', '100'), (0, b'x' * 100 + b'\n', b''))

    def test_130_sigint_while_connecting(self):
        asked = threading.Event()

        def script(peer):
            peer.read_head()
            asked.set()
            self.assertRaises(EOFError, peer.take, 1)
        with Server(script) as server, Naru('connect', server.url) as naru:
            self.assertTrue(asked.wait(DEADLINE))
            naru.signal(signal.SIGINT)
            self.assertEqual(naru.wait(), 130)

    def test_0_sigterm_while_open_closes(self):
        closed = []

        def script(peer):
            peer.accept().send(TEXT, 'open')
            closed.append(peer.serve_echo())
        with Server(script) as server, Naru('connect', server.url) as naru:
            self.assertEqual(naru.out.line(), b'open')
            naru.signal(signal.SIGTERM)
            self.assertEqual(naru.wait(), 0)
        self.assertEqual(closed, [struct.pack('!H', 1000)])

    def test_143_a_second_sigterm(self):
        closing = threading.Event()

        def script(peer):
            peer.accept().send(TEXT, 'open')
            while peer.receive()[0] != CLOSE:
                pass
            closing.set()
            self.assertRaises((EOFError, ConnectionError), peer.take, 1)
        with Server(script) as server, Naru('connect', server.url) as naru:
            self.assertEqual(naru.out.line(), b'open')
            naru.signal(signal.SIGTERM)
            self.assertTrue(closing.wait(DEADLINE))
            naru.signal(signal.SIGTERM)
            self.assertEqual(naru.wait(), 143)


if __name__ == '__main__':
    main()
