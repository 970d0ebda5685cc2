"""naru probe against servers that keep to the rules, nearly do, and do not."""
import json
import ssl

from naru_cli import *

HERE = os.path.dirname(os.path.abspath(__file__))
NODE = os.environ.get('NARU_NODE') or 'node'

# An echo with npm's ws, on a free port that it prints.
WS = """
const {WebSocketServer} = require('ws');
const server = new WebSocketServer({port: 0, host: '127.0.0.1', perMessageDeflate: true},
                                   () => console.log(server.address().port));
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data, binary) => socket.send(data, {binary}));
});
"""


# The same with Python's websockets, which answers pings before the echo comes to a message.
WEBSOCKETS = """
import asyncio, websockets

async def echo(socket, *_):
    try:
        async for message in socket:
            await socket.send(message)
    except websockets.ConnectionClosed:
        pass

async def main():
    async with websockets.serve(echo, '127.0.0.1', 0) as server:
        print(list(server.sockets)[0].getsockname()[1], flush=True)
        await asyncio.Future()

asyncio.run(main())
"""


# A server may take long for what it is asked on a machine that has other things to do; nobody of these is silent.
PATIENT = ('-t', '60')


def probe(*args):
    """(exit status, {(group, check): (result, text)}, the sums)"""
    status, out, err = run('probe', '--json', *args, timeout=6 * DEADLINE)
    lines = [json.loads(line) for line in out.decode().splitlines()]
    assert lines, (status, err)
    results = {(line['group'], line['check']): (line['result'], line['text']) for line in lines[:-1]}
    assert len(results) == len(lines) - 1, 'a check has the name of another'
    return status, results, lines[-1]


class Careless:
    """Upgrades whatever has a key, echoes whatever comes, and looks at nothing."""

    def __init__(self, context=None):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.context = context
        self.url = f'ws{"s" if context else ""}://localhost:{self.listener.getsockname()[1]}/'

    def talk(self, sock):
        if self.context:
            try:
                sock = self.context.wrap_socket(sock, server_side=True)
            except OSError:
                return sock.close()
        with Peer(sock, masks=False) as peer:
            try:
                peer.accept()
                while True:
                    opcode, data = peer.receive()
                    if opcode == PING:
                        peer.send(PONG, data)
                    elif opcode == CLOSE:
                        peer.send(CLOSE, data)
                        return
                    else:
                        peer.send(opcode, data)
            except (EOFError, OSError, TypeError, OverflowError, MemoryError):
                pass

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(sock,), daemon=True).start()

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Servers(unittest.TestCase):
    def names(self, results, result):
        return {f'{group}.{check}' for (group, check), (seen, _) in results.items() if seen == result}

    def test_naru_passes(self):
        server, address = echo_server('--deflate')
        with server:
            status, results, sums = probe(*PATIENT, f'ws://{address}/')
            self.assertEqual({name: seen for name, seen in results.items() if seen[0] != 'pass'}, {})
            self.assertEqual((status, sums), (0, {'pass': len(results), 'lax': 0, 'fail': 0, 'skip': 0}))
            self.assertGreaterEqual(len(results), 70)

    def test_naru_without_deflate(self):
        server, address = echo_server('--max-message', '100K')
        with server:
            status, results, sums = probe(*PATIENT, f'ws://{address}/')
            self.assertEqual((status, sums['lax'], sums['fail']), (0, 0, 0))
            self.assertEqual(self.names(results, 'skip'), {f'deflate.{check}' for group, check in results
                                                          if group == 'deflate'})
            self.assertEqual(results['limits', 'message'], ('pass', 'takes 65536 bytes, not 131072'))

    def test_naru_serve_which_does_not_echo(self):
        with Naru('serve', '--listen', '127.0.0.1:0', '--path', '/', '--exec', 'cat >/dev/null') as serve:
            address = re.search(r'//([^/]+)/', serve.out.line().decode()).group(1)
            status, results, sums = probe(*PATIENT, f'ws://{address}/')
            self.assertEqual((status, sums['fail'], sums['lax']), (0, 0, 0))
            self.assertIn('no echo', results['framing', 'echo'][1])

    def test_ws(self):
        with subprocess.Popen([NODE, '-e', WS], cwd=os.path.join(HERE, '..'), stdout=subprocess.PIPE) as server:
            try:
                port = int(Lines(server.stdout.fileno()).line())
                status, results, _ = probe(*PATIENT, f'ws://127.0.0.1:{port}/')
            finally:
                server.kill()
        self.assertEqual(status, 9)
        self.assertEqual(self.names(results, 'fail'), {'deflate.window-zero'})
        self.assertEqual(self.names(results, 'lax'), {
            'handshake.version', 'handshake.http-1.0', 'handshake.no-host', 'framing.long-length', 'framing.top-bit',
            'utf-8.fail-fast', 'deflate.unknown', 'deflate.twice', 'deflate.window-7', 'deflate.fallback'})

    def test_websockets(self):
        with subprocess.Popen([sys.executable, '-c', WEBSOCKETS], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as server:
            try:
                port = int(Lines(server.stdout.fileno()).line())
                status, results, _ = probe(*PATIENT, f'ws://127.0.0.1:{port}/')
            finally:
                server.kill()
        self.assertEqual(self.names(results, 'fail'), set())
        self.assertEqual(status, 0)
        self.assertEqual(results['framing', 'many'], ('pass', 'taken, and came back whole'))
        self.assertEqual(results['limits', 'message'], ('pass', 'takes 1048576 bytes, not 2097152'))

    def test_a_careless_server_fails_what_it_does_not_look_at(self):
        with Careless() as server:
            status, results, _ = probe('-g', 'handshake', '-g', 'framing', '-g', 'control', '-g', 'utf-8', '-g', 'close',
                                       server.url)
        self.assertEqual(status, 9)
        failed = self.names(results, 'fail')
        for name in ('handshake.version', 'handshake.no-version', 'handshake.plain', 'handshake.connection',
                     'handshake.method', 'handshake.short-key', 'handshake.two-keys', 'framing.unmasked',
                     'framing.rsv1', 'framing.rsv2', 'framing.rsv3', 'framing.opcode-3', 'framing.opcode-11',
                     'framing.stray', 'framing.interrupted', 'framing.fragments', 'framing.between',
                     'control.ping-126', 'control.ping-fragment', 'utf-8.byte', 'utf-8.truncated', 'utf-8.overlong',
                     'utf-8.surrogate', 'utf-8.beyond', 'utf-8.fail-fast', 'close.reserved', 'close.unassigned'):
            self.assertIn(name, failed)
        for name in ('handshake.accept', 'framing.echo', 'framing.lengths', 'control.ping', 'utf-8.good',
                     'close.codes', 'close.behind', 'close.end'):
            self.assertIn(name, self.names(results, 'pass'))


class Command(unittest.TestCase):
    def test_in_words(self):
        server, address = echo_server()
        with server:
            status, out, err = run('probe', '-g', 'control', address)
            self.assertEqual((status, err), (0, b''))
            self.assertEqual(out.decode().splitlines()[0],
                             'pass  control   ping          a ping is answered with its own bytes (6455 5.5.3): '
                             'answered with the same bytes')
            self.assertEqual(out.decode().splitlines()[-1], '7 passed, 0 lax, 0 failed, 0 skipped')
            self.assertEqual(run('probe', '-q', '-g', 'control', address)[1], b'7 passed, 0 lax, 0 failed, 0 skipped\n')

    def test_nobody_there(self):
        port = free_port()
        self.assertEqual(run('probe', f'127.0.0.1:{port}'),
                         (3, b'', f'naru probe: no connection to 127.0.0.1:{port}\n'.encode()))

    def test_a_refusal(self):
        with Naru('serve', '--listen', '127.0.0.1:0') as serve:
            address = re.search(r'//([^/]+)/', serve.out.line().decode()).group(1)
            self.assertEqual(run('probe', f'{address}/nowhere'),
                             (5, b'', b'naru probe: refused: HTTP 404 Not Found\n'))

    def test_a_server_that_says_nothing(self):
        with socket.create_server(('127.0.0.1', 0)) as listener:
            port = listener.getsockname()[1]
            self.assertEqual(run('probe', '-t', '0.2', f'127.0.0.1:{port}')[0], 6)

    def test_headers_are_sent(self):
        def script(peer):
            peer.read_head()
            self.assertEqual(peer.field('X-Token'), 'abc')
            peer.sock.sendall(b'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
        with Server(script) as server:
            self.assertEqual(run('probe', '-H', 'X-Token: abc', server.url)[0], 5)


class Secure(unittest.TestCase):
    """Over wss: all checks below which there is TLS, and the checks of TLS itself."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def test_naru_passes(self):
        cert, key = certificate(self.directory)
        server, address = echo_server('--deflate', '--tls-cert', cert, '--tls-key', key)
        with server:
            status, results, sums = probe(*PATIENT, '--ca', cert, f'wss://localhost:{address.rsplit(":", 1)[1]}/')
        # The certificate of the tests is good for two days, which are whole within its first second.
        others = {name: seen for name, seen in results.items() if seen[0] != 'pass'}
        self.assertEqual(list(others), [('tls', 'days')])
        self.assertIn(others['tls', 'days'], [('lax', '1 days left'), ('lax', '2 days left')])
        self.assertEqual((status, sums['pass']), (0, len(results) - 1))
        self.assertEqual(results['tls', 'version'][1].split(',')[0], 'TLSv1.3')

    def test_certificates(self):
        cert, key = certificate(self.directory, 'elsewhere')
        server, address = echo_server('--tls-cert', cert, '--tls-key', key)
        port = address.rsplit(':', 1)[1]
        with server:
            status, results, _ = probe('-k', '-g', 'tls', f'wss://localhost:{port}/')
            self.assertEqual((status, results['tls', 'name']), (9, ('fail', 'is not for localhost')))
            self.assertEqual(results['tls', 'chain'][0], 'skip')
            self.assertEqual(probe('-k', '--ca', cert, '-g', 'tls', f'wss://127.0.0.1:{port}/')[0], 0)
            for url, args, text in ((f'wss://localhost:{port}/', [], 'self-signed certificate'),
                                    (f'wss://localhost:{port}/', ['--ca', cert], 'hostname mismatch')):
                with self.subTest(url, args=args):
                    said = run('probe', *args, url)
                    self.assertEqual(said[:2], (4, b''))
                    self.assertEqual(said[2].decode(), f'naru probe: TLS to localhost:{port} failed: {text}\n')

    def test_a_server_of_yesterday(self):
        cert, key = certificate(self.directory)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers('ALL:@SECLEVEL=0')
        context.load_cert_chain(cert, key)
        with Careless(context) as server:
            status, results, _ = probe('--ca', cert, '-g', 'tls', server.url)
        self.assertEqual((status, results['tls', 'old']), (9, ('fail', 'took TLSv1.1')))
        self.assertEqual(results['tls', 'version'][0], 'lax')
        self.assertEqual(results['tls', 'close-notify'], ('lax', 'ended without close_notify'))
        self.assertEqual(results['tls', 'alpn'], ('pass', 'chose nothing'))

    def test_no_tls_where_it_is_asked_for(self):
        server, address = echo_server()
        with server:
            status, out, err = run('probe', '-k', f'wss://{address}/')
            self.assertEqual((status, out), (4, b''))
            self.assertRegex(err, rb'\Anaru probe: TLS to [^\n]+ failed: [^\n]+\n\Z')
            status, results, _ = probe('-g', 'tls', f'ws://{address}/')
            self.assertEqual((status, {seen for seen, _ in results.values()}), (0, {'skip'}))


if __name__ == '__main__':
    main()
