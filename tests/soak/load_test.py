"""Even load for NARU_SOAK_SECONDS (0.5): plain, deflated and over TLS, while others come and go, and nothing piles up."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../faults'))

from rig import *  # noqa: E402

SECONDS = float(os.environ.get('NARU_SOAK_SECONDS', '0.5'))
CONNECTIONS, RATE = 100, 1000
# TLS keeps some buffers and tickets of those who come and go; what a leak of a kilobyte a visit would be is more.
GROWTH_BYTES = 4 << 20


class Load(unittest.TestCase):
    def load(self, address, *args):
        process = Naru('bench', '--json', '-c', str(CONNECTIONS), '-r', str(RATE), '-s', '500', '--content', 'json',
                       '-t', str(SECONDS), '--warmup', '0.2', *args, address)
        self.addCleanup(process.__exit__)
        return process

    def visits(self, address, context, stop, failures):
        """Comes, says a word, and goes, one way or another."""
        count = 0
        while not stop.is_set():
            try:
                sock = connect(address)
                sock = context.wrap_socket(sock, server_hostname='localhost') if context else sock
                with Peer(sock, masks=True) as peer:
                    assert ' 101 ' in peer.ask(address, '/')
                    peer.send(TEXT, 'hello')
                    assert peer.text() == 'hello'
                    if count % 3 == 0:
                        peer.close()
                        assert peer.message()[0] == CLOSE
                    elif count % 3 == 1:
                        reset(sock)
                count += 1
            except Exception as error:  # told to the test
                failures.append(error)
                return

    def soak(self, *server_args, client_args=(), context=None, scheme='ws'):
        server, address = echo_server(*server_args)
        with server:
            pid = server.process.pid
            url = f'{scheme}://localhost:{address.rsplit(":", 1)[1]}/'
            idle = descriptors(pid)
            stop, failures = threading.Event(), []
            visitor = threading.Thread(target=self.visits, args=(address, context, stop, failures), daemon=True)
            visitor.start()
            marks = []
            for _ in range(3):
                status, out, err = self.finish(self.load(url, *client_args))
                self.assertEqual((status, err, failures), (0, b'', []))
                figures = json.loads(out)
                self.assertEqual([figures[key] for key in ('unsent', 'unanswered', 'different', 'lost')], [0] * 4)
                self.assertGreaterEqual(figures['messages'], int(RATE * SECONDS) - CONNECTIONS)
                marks.append(resident_bytes(pid))
            stop.set()
            visitor.join(DEADLINE)
            self.assertEqual(failures, [])
            until(lambda: descriptors(pid) == idle, lambda: f'{descriptors(pid)} descriptors, not {idle}')
            self.assertLess(marks[-1] - marks[0], GROWTH_BYTES, marks)
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)

    @staticmethod
    def finish(process):
        status = process.wait(SECONDS + DEADLINE)
        return status, process.out.rest(), process.err.rest()

    def test_plain(self):
        self.soak()

    def test_deflated(self):
        self.soak('--deflate', client_args=['--deflate'])

    def test_tls(self):
        import ssl
        with tempfile.TemporaryDirectory() as directory:
            cert, key = certificate(directory)
            self.soak('--tls-cert', cert, '--tls-key', key, client_args=['--ca', cert],
                      context=ssl.create_default_context(cafile=cert), scheme='wss')


if __name__ == '__main__':
    main()
