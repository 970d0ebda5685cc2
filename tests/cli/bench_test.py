"""naru bench: what it sends, what it counts, and what it says of servers that stall, lie, leave or refuse."""
import json

from naru_cli import *

SHORT = ('--seconds', '0.2', '--warmup', '0.05')


def bench(url, *args):
    """(exit status, the figures, stderr)"""
    status, out, err = run('bench', '--json', *args, url)
    return status, json.loads(out) if out else None, err


class Echo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server, cls.address = echo_server('--deflate')

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def fine(self, *args):
        status, figures, err = bench(self.address, *SHORT, *args)
        self.assertEqual((status, err), (0, b''))
        self.assertGreater(figures['messages'], 0)
        self.assertEqual([figures[key] for key in ('unsent', 'unanswered', 'different', 'lost')], [0] * 4)
        points = [figures[key] for key in ('p50_ns', 'p90_ns', 'p99_ns', 'p999_ns', 'max_ns')]
        self.assertEqual(points, sorted(points))
        self.assertGreater(points[0], 0)
        return figures

    def test_a_closed_loop(self):
        figures = self.fine('-c', '3', '-d', '4', '-s', '100')
        self.assertEqual((figures['loop'], figures['connections'], figures['depth']), ('closed', 3, 4))
        self.assertEqual(figures['bytes_in'], 100 * figures['messages'])
        self.assertGreaterEqual(figures['elapsed_ns'], 200_000_000)

    def test_contents(self):
        for content in ('ascii', 'korean', 'json', 'random'):
            for size in ('0', '1', '7', '1000', '300K'):
                for more in ([], ['--deflate']):
                    with self.subTest((content, size, more)):
                        figures = self.fine('-c', '2', '--messages', '20', '--warmup', '0', '--content', content, '-s', size, *more)
                        self.assertEqual(figures['deflate'], bool(more))

    def test_an_open_loop_keeps_its_time_table(self):
        figures = self.fine('-c', '5', '-r', '2000', '-t', '0.5', '--warmup', '0')
        self.assertEqual((figures['loop'], figures['rate']), ('open', 2000))
        self.assertLessEqual(abs(figures['messages'] - 1000), 2)

    def test_threads_share_the_connections(self):
        self.assertEqual(self.fine('-c', '5', '--threads', '3', '-r', '3000')['threads'], 3)
        self.assertEqual(self.fine('-c', '2', '--threads', '8')['threads'], 2)

    def test_for_people(self):
        status, out, err = run('bench', self.address, *SHORT, '-c', '2')
        self.assertEqual((status, err), (0, b''))
        self.assertRegex(out.decode(), r'(?s)\Aws://[^\n]*\n  load +2 connections.*\n  messages +\d+ a second.*\n'
                                       r'  latency +p50 [\d.]+ us, p90 .* max [\d.]+ us\n.*\n  own CPU +[\d.]+ cores\n\Z')

    def test_interrupted_it_tells_what_it_has(self):
        with Naru('bench', '--json', '-t', '1000', '--warmup', '0', '-c', '1', self.address) as process:
            while self.sockets(process.process.pid) == 0:
                pass
            process.signal(signal.SIGINT)
            self.assertIn(process.wait(), (0, 8, 130))
            out = process.out.rest()
            self.assertTrue(not out or json.loads(out)['elapsed_ns'] < 60_000_000_000)

    @staticmethod
    def sockets(pid):
        try:
            names = [os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')]
        except FileNotFoundError:  # closed between the two looks
            return 0
        return sum(name.startswith('socket:') for name in names)


class Others(unittest.TestCase):
    def test_tls(self):
        with tempfile.TemporaryDirectory() as directory:
            cert, key = certificate(directory)
            server, address = echo_server('--tls-cert', cert, '--tls-key', key)
            with server:
                for args, expected in ((['--ca', cert], 0), (['-k'], 0), ([], 4)):
                    with self.subTest(args):
                        status, figures, err = bench(f'wss://{address}/', *SHORT, '-c', '2', *args)
                        self.assertEqual((status, figures is not None), (expected, expected == 0), err)

    def against(self, script, *args):
        with Server(script) as server:
            return bench(server.url, '-c', '1', *SHORT, *args)

    def test_a_stall_is_not_left_out(self):
        """Coordinated omission: while nothing is read, 100 messages come due, and each waits from its own time on."""
        def stalls(peer):
            peer.accept()
            for _ in range(10):
                peer.send(*peer.receive())
            # The stall itself, which is what is measured.
            time.sleep(0.5)
            peer.serve_echo()
        status, figures, err = self.against(stalls, '-r', '200', '-t', '1', '--warmup', '0', '-s', '20')
        self.assertEqual((status, err), (0, b''))
        self.assertLessEqual(abs(figures['messages'] - 200), 2)
        self.assertGreater(figures['max_ns'], 400_000_000)
        # Half of the messages came due during the stall, each of them waiting 0 to 0.5 seconds.
        self.assertGreater(figures['p90_ns'], 250_000_000)

    def test_silence(self):
        def silent(peer):
            peer.accept()
            while peer.receive()[0] != CLOSE:
                pass
            peer.close()
        status, figures, err = self.against(silent)
        self.assertEqual((status, figures['messages'], err),
                         (8, 0, b'naru bench: no answer came while it was measured\n'))
        status, figures, err = self.against(silent, '-r', '1000', '--warmup', '0')
        self.assertEqual((status, figures['messages']), (8, 0))
        self.assertLessEqual(abs(figures['unanswered'] - 200), 2)
        self.assertGreaterEqual(figures['max_ns'], 200_000_000)

    def test_answers_that_are_no_echo(self):
        def other(peer):
            peer.accept()
            while True:
                opcode, data = peer.receive()
                if opcode == CLOSE:
                    return peer.close()
                peer.send(TEXT, b'pong')
        status, figures, err = self.against(other)
        self.assertEqual(status, 9)
        self.assertGreaterEqual(figures['different'], figures['messages'])
        self.assertEqual(err, b'naru bench: not all answers were what was sent: is it an echo?\n')
        status, figures, err = self.against(other, '--any-answer')
        self.assertEqual((status, figures['different'], err), (0, 0, b''))

    def test_connections_that_are_lost(self):
        def leaves(peer):
            peer.accept()
            for _ in range(5):
                peer.send(*peer.receive())
            peer.sock.close()
        status, figures, err = self.against(leaves, '--warmup', '0')
        self.assertEqual((status, figures['lost'], figures['messages'], err),
                         (6, 1, 5, b'naru bench: connections were lost\n'))

    def test_what_is_refused(self):
        def refuses(peer):
            peer.read_head()
            peer.sock.sendall(b'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n')
        self.assertEqual(self.against(refuses), (5, None, b'naru bench: refused: HTTP 503 Service Unavailable\n'))
        status, figures, err = bench(f'ws://127.0.0.1:{free_port()}/', *SHORT)
        self.assertEqual((status, figures), (3, None))
        self.assertRegex(err, rb'\Anaru bench: [^\n]+\n\Z')

    def test_the_request(self):
        heads = []

        def script(peer):
            heads.append(peer.accept('Sec-WebSocket-Protocol: b'))
            peer.serve_echo()
        status, _, err = self.against(script, '-H', 'X-One: 1', '--protocol', 'a', '--protocol', 'b')
        self.assertEqual((status, err), (0, b''))
        self.assertEqual((heads[0].field('X-One'), heads[0].field('Sec-WebSocket-Protocol')), ('1', 'a, b'))


if __name__ == '__main__':
    main()
