"""naru serve with processes, paths, a cap, and a certificate of its own making."""
import ssl

from naru_cli import *


class Serve(Naru):
    def __init__(self, *args, **env):
        super().__init__('serve', '--listen', '127.0.0.1:0', *args, **env)
        self.announced = [self.out.line().decode()]
        self.address = re.search(r'//([^/]+)/', self.announced[0]).group(1)

    def dial(self, path='/exec', *fields):
        return dial(self.address, path, *fields)


def gone(pid):
    """Wait until there is no such process."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def close_of(peer):
    """The code and the reason of the Close that comes next."""
    opcode, data = peer.message()
    assert opcode == CLOSE, (opcode, data)
    return struct.unpack('!H', data[:2])[0], data[2:].decode()


class Exec(unittest.TestCase):
    def test_lines(self):
        with Serve('--exec', 'cat') as serve, serve.dial() as peer:
            peer.send(TEXT, 'one')
            peer.send(TEXT, 'zw\nei')
            peer.send(BINARY, b'\xff')
            self.assertEqual([peer.text(), peer.text(), peer.text()], ['one', 'zw', 'ei'])
            self.assertEqual(peer.message(), (BINARY, b'\xff'))

    def test_a_process_each(self):
        with Serve('--exec', 'echo $$; exec cat') as serve, serve.dial() as one, serve.dial() as two:
            self.assertNotEqual(one.text(), two.text())
            one.send(TEXT, 'a')
            two.send(TEXT, 'b')
            self.assertEqual((two.text(), one.text()), ('b', 'a'))

    def test_the_environment(self):
        command = 'echo "$NARU_PATH|$NARU_QUERY|$NARU_PROTOCOL|$NARU_ORIGIN|$NARU_HOST|$OTHER"; echo "$NARU_PEER"'
        with Serve('--exec', command, '-p', '/a/*', OTHER='kept', NARU_QUERY='ours') as serve:
            with serve.dial('/a/b%20c?x=$(false)&y', 'Sec-WebSocket-Protocol: p1, p2',
                            f'Origin: http://{serve.address}') as peer:
                self.assertEqual(peer.text(), f'/a/b c|x=$(false)&y|p1|http://{serve.address}|{serve.address}|kept')
                self.assertEqual(peer.text(), '%s:%d' % peer.sock.getsockname())
                self.assertEqual(close_of(peer), (1000, ''))

    def test_how_it_ends(self):
        for command, last, code, reason in (('printf last', 'last', 1000, ''),
                                            ('echo x; exit 3', 'x', 1011, 'the process exited with status 3'),
                                            ('echo x; kill -9 $$', 'x', 1011, 'the process was ended by signal 9')):
            with self.subTest(command), Serve('--exec', command) as serve, serve.dial() as peer:
                self.assertEqual(peer.text(), last)
                self.assertEqual(close_of(peer), (code, reason))

    def test_the_end_of_the_connection_ends_the_process_and_its_children(self):
        command = 'sleep 1000 & echo $!; echo $$; trap "" TERM; cat; sleep 1000'
        for orderly in (True, False):
            with self.subTest(orderly), Serve('--exec', command) as serve:
                with serve.dial() as peer:
                    pids = [int(peer.text()), int(peer.text())]
                    if orderly:
                        peer.close()
                        self.assertEqual(close_of(peer)[0], 1000)
                self.assertEqual([gone(pid) for pid in pids], [True, True])

    def test_the_end_of_the_server_ends_them_too(self):
        with Serve('--exec', 'trap "" TERM; echo $$; sleep 1000') as serve, serve.dial() as peer:
            pid = int(peer.text())
            serve.signal(signal.SIGTERM)
            self.assertEqual(close_of(peer)[0], 1001)
            peer.send(CLOSE, b'\x03\xe9')
            self.assertEqual(serve.wait(), 0)
            self.assertTrue(gone(pid))

    def test_signals_and_descriptors_are_as_a_shell_expects(self):
        with Serve('--exec', 'grep -E "^Sig(Blk|Ign)" /proc/self/status; ls /proc/self/fd') as serve:
            with serve.dial() as peer:
                lines = [peer.text() for _ in range(5)]
                blocked, ignored = (int(line.split()[1], 16) for line in lines[:2])
                self.assertEqual((blocked, ignored & 1 << (signal.SIGPIPE - 1)), (0, 0))
                self.assertEqual(lines[2:], ['0', '1', '2'])
                # ls has its directory open.
                self.assertEqual(peer.text(), '3')

    def test_binary(self):
        data = os.urandom(300000)
        with Serve('--exec', 'cat', '--exec-binary') as serve, serve.dial() as peer:
            peer.send(BINARY, data)
            got = b''
            while len(got) < len(data):
                opcode, part = peer.message()
                self.assertEqual(opcode, BINARY)
                got += part
            self.assertEqual(got, data)

    def test_a_process_that_does_not_read_holds_the_peer_back(self):
        with Serve('--exec', 'sleep 1000') as serve, serve.dial() as peer:
            peer.sock.settimeout(1)
            sent = 0
            with self.assertRaises(TimeoutError):
                while sent < 64 << 20:
                    peer.send(TEXT, b'x' * 65536)
                    sent += 65536
            with open(f'/proc/{serve.process.pid}/status', encoding='ascii') as status:
                resident = int(re.search(r'VmRSS:\s*(\d+)', status.read()).group(1))
            self.assertLess(resident, 200000 if os.environ.get('NARU_SANITIZED') else 32000)

    def test_a_peer_that_does_not_read_holds_the_process_back(self):
        with Serve('--exec', 'yes 0123456789abcdef') as serve, serve.dial() as peer:
            time.sleep(0.5)
            with open(f'/proc/{serve.process.pid}/status', encoding='ascii') as status:
                resident = int(re.search(r'VmRSS:\s*(\d+)', status.read()).group(1))
            self.assertLess(resident, 200000 if os.environ.get('NARU_SANITIZED') else 32000)
            for _ in range(100000):
                self.assertEqual(peer.receive(), (TEXT, b'0123456789abcdef'))

    def test_a_process_that_ends_without_reading_lets_go_of_the_peer(self):
        with Serve('--exec', 'sleep 0.3; exit 4') as serve, serve.dial() as peer:
            for _ in range(24):
                peer.send(TEXT, b'x' * 65536)
            self.assertEqual(close_of(peer), (1011, 'the process exited with status 4'))
            peer.send(CLOSE, struct.pack('!H', 1011))
            begun = time.monotonic()
            with self.assertRaises(EOFError):
                peer.receive()
            # Not only when the time for a closing handshake, five seconds, is over.
            self.assertLess(time.monotonic() - begun, 3)

    def test_a_line_too_long(self):
        with Serve('--exec', 'head -c 3000000 /dev/zero', '--max-message', '64K') as serve, serve.dial() as peer:
            self.assertEqual(close_of(peer), (1011, 'the process wrote a line that is too long'))

    def test_a_hundred_processes_leave_nothing_behind(self):
        with Serve('--exec', 'cat') as serve:
            fds = len(os.listdir(f'/proc/{serve.process.pid}/fd'))
            peers = [serve.dial() for _ in range(100)]
            for peer in peers:
                peer.send(TEXT, 'x')
            self.assertEqual([peer.text() for peer in peers], ['x'] * 100)
            for peer in peers:
                peer.sock.close()
            children = f'/proc/{serve.process.pid}/task/{serve.process.pid}/children'
            deadline = time.monotonic() + DEADLINE
            while time.monotonic() < deadline:
                with open(children, encoding='ascii') as file:
                    left = file.read()
                if left == '' and len(os.listdir(f'/proc/{serve.process.pid}/fd')) == fds:
                    break
                time.sleep(0.01)
            self.assertEqual((left, len(os.listdir(f'/proc/{serve.process.pid}/fd'))), ('', fds))

    def test_pages_of_elsewhere_are_refused(self):
        with Serve('--exec', 'cat') as serve:
            sock = socket.create_connection(serve.address.rsplit(':', 1), DEADLINE)
            with Peer(sock, masks=True) as peer:
                self.assertIn(' 403 ', peer.ask(serve.address, '/exec', 'Origin: http://evil.example'))


class Paths(unittest.TestCase):
    def status(self, serve, path):
        with Peer(socket.create_connection(serve.address.rsplit(':', 1), DEADLINE), masks=True) as peer:
            return int(peer.ask(serve.address, path).split()[1])

    def test_only_these(self):
        with Serve('--path', '/a', '-p', '/b/*') as serve:
            self.assertEqual(serve.announced[0], f'naru serve: ws://{serve.address}/a')
            self.assertEqual([self.status(serve, path) for path in ('/a', '/b/x', '/a/x', '/c', '/echo', '/chat')],
                             [101, 101, 404, 404, 404, 404])
            with serve.dial('/a') as peer:
                peer.send(TEXT, 'x')
                self.assertEqual(peer.text(), 'x')

    def test_broadcast(self):
        with Serve('--path', '/a', '--broadcast') as serve, serve.dial('/a') as one, serve.dial('/a') as two:
            one.send(TEXT, 'x')
            self.assertEqual((one.text(), two.text()), ('x', 'x'))

    def test_the_cap(self):
        with Serve('--path', '*', '--max-connections', '1') as serve:
            one = serve.dial('/')
            one.send(TEXT, 'x')
            self.assertEqual(one.text(), 'x')
            sock = socket.create_connection(serve.address.rsplit(':', 1), DEADLINE)
            with Peer(sock, masks=True) as two:
                sock.settimeout(0.3)
                with self.assertRaises(TimeoutError):
                    two.ask(serve.address, '/')
                sock.settimeout(DEADLINE)
                one.sock.close()
                self.assertIn('101', two.read_head().split('\r\n')[0])

    def test_wrong_ways(self):
        for args, text in ((['--path', 'a'], "--path wants a path that begins with /, or *, not 'a'"),
                           (['--exec-binary'], '--exec-binary goes with --exec'),
                           (['--broadcast'], '--broadcast goes with --path, and not with --exec'),
                           (['--tls-self', '--tls-cert', 'x'], '--tls-self and --tls-cert exclude each other')):
            with self.subTest(args):
                self.assertEqual(run('serve', *args),
                                 (2, b'', f'naru serve: {text}\nTry: naru help serve\n'.encode()))


class SelfMade(unittest.TestCase):
    def test_a_certificate_for_localhost_that_leaves_no_file(self):
        with tempfile.TemporaryDirectory() as directory, Serve('--tls-self', TMPDIR=directory) as serve:
            self.assertTrue(serve.announced[0].startswith('naru serve: open https://'))
            self.assertEqual(os.listdir(directory), [])
            name, port = serve.address.rsplit(':', 1)
            pem = ssl.get_server_certificate((name, int(port)))
            context = ssl.create_default_context(cadata=pem)
            with socket.create_connection((name, int(port)), DEADLINE) as raw:
                with context.wrap_socket(raw, server_hostname='localhost') as tls:
                    self.assertEqual(tls.version(), 'TLSv1.3')
            self.assertEqual(run('connect', '-k', '-1', 'x', f'wss://{serve.address}/echo'), (0, b'x\n', b''))

    def test_without_openssl(self):
        self.assertEqual(run('serve', '--tls-self', PATH='/nowhere'),
                         (1, b'', b'naru serve: --tls-self needs the openssl command: No such file or directory\n'))


if __name__ == '__main__':
    main()
