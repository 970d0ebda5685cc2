"""naru connect between two programs: what goes in comes out, byte by byte, and nothing is lost at either end."""
from naru_cli import *


class Pipe(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server, cls.address = echo_server('--deflate')
        cls.url = f'ws://{cls.address}/'

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def echo(self, data, *args, expected=None):
        self.assertEqual(run('connect', *args, self.url, stdin=data), (0, data if expected is None else expected, b''))

    def test_lines(self):
        self.echo(b'one\ntwo\nthree\n')

    def test_no_input(self):
        self.echo(b'')

    def test_empty_lines(self):
        self.echo(b'\n\n\nx\n\n')

    def test_a_last_line_without_newline(self):
        self.echo(b'one\ntwo', expected=b'one\ntwo\n')

    def test_carriage_returns_and_blanks_stay(self):
        self.echo(b' a \r\n\tb\t\r\n')

    def test_nul_and_control_characters_in_text(self):
        self.echo(b'a\0b\x1b[31m\x7f\n')

    def test_text_of_all_lengths(self):
        self.echo('나루 ⛴️ é\n'.encode() * 100)

    def test_a_slash_is_nothing_special_to_a_program(self):
        self.echo(b'/quit\n/help\n//x\n')

    def test_10000_lines(self):
        self.echo(b''.join(b'line %d\n' % i for i in range(10000)))

    def test_a_line_of_one_mebibyte(self):
        self.echo(b'0123456789abcdef' * 65536 + b'\n')
        self.echo(os.urandom(512 * 1024).hex().encode() + b'\n', '--no-deflate')

    def test_binary_lines(self):
        self.echo(b'\0\xff\xfe\n\n\x80\n', '--binary')

    def test_the_whole_of_stdin_as_one_binary_message(self):
        data = bytes(range(256)) * 4096 + b'\n\n'
        self.echo(data, '--binary', '--whole', '--raw')
        self.echo(b'', '--binary', '--whole', '--raw')
        self.echo(b'', '--whole', expected=b'\n')

    def test_the_whole_of_stdin_as_one_text(self):
        self.echo(b'a\nb\n', '--whole', expected=b'a\nb\n\n')
        self.echo(b'a\nb\n', '--whole', '--raw')

    def test_raw_has_no_separators(self):
        self.echo(b'a\nb\n\nc\n', '--raw', expected=b'abc')

    def test_hex(self):
        self.echo(b'00ff\n\ndeadbeef\n', '--hex')
        self.echo(b'DE AD\tbe ef\r\n', '--hex', expected=b'deadbeef\n')

    def test_base64(self):
        self.echo(b'AP8=\n\n3q2+7w==\n', '--base64')

    def test_bad_encodings_end_it(self):
        for form, line, name in (('--hex', b'0', 'hexadecimal'), ('--hex', b'0g', 'hexadecimal'),
                                 ('--hex', b'0 0', 'hexadecimal'), ('--base64', b'AP8', 'base64'),
                                 ('--base64', b'AP9=', 'base64'), ('--base64', b'A P8=', 'base64')):
            with self.subTest((form, line)):
                status, _, err = run('connect', form, self.url, stdin=line + b'\n')
                self.assertEqual((status, err.decode()),
                                 (1, f'naru connect: line 1 of stdin cannot be sent: not {name}\n'))

    def test_a_line_that_is_too_long(self):
        self.echo(b'x' * 1000 + b'\n', '--max-message', '1000')
        status, out, err = run('connect', '--max-message', '1000', self.url, stdin=b'x' * 1001 + b'\n')
        self.assertEqual((status, out), (1, b''))
        self.assertRegex(err, rb'larger than --max-message')
        # Without its newline in sight, too: stdin is not read into memory for ever.
        with Naru('connect', '--max-message', '1000', self.url) as naru:
            naru.write(b'x' * 2000)
            self.assertEqual(naru.wait(), 1)

    def test_a_conversation(self):
        with Naru('connect', self.url) as naru:
            for line in (b'first', b'', b'third'):
                naru.write(line + b'\n')
                self.assertEqual(naru.out.line(), line)
            naru.close_stdin()
            self.assertEqual((naru.out.rest(), naru.wait()), (b'', 0))

    def test_count_needs_no_end_of_input(self):
        with Naru('connect', '--count', '2', self.url) as naru:
            naru.write(b'a\nb\nc\n')
            self.assertEqual((naru.out.rest(), naru.wait()), (b'a\nb\n', 0))

    def test_from_and_to_files(self):
        data = b''.join(b'%d\n' % i for i in range(20000))
        with tempfile.TemporaryDirectory() as directory:
            with open(os.path.join(directory, 'in'), 'w+b') as source, \
                    open(os.path.join(directory, 'out'), 'w+b') as target:
                source.write(data)
                source.seek(0)
                target.write(b'kept\n')
                target.flush()
                done = subprocess.run([NARU, 'connect', self.url], stdin=source, stdout=target, timeout=DEADLINE)
                target.seek(0)
                self.assertEqual((done.returncode, target.read()), (0, b'kept\n' + data))

    def test_dev_null_on_both_sides(self):
        with open('/dev/null', 'r+b') as null:
            self.assertEqual(subprocess.run([NARU, 'connect', self.url], stdin=null, stdout=null,
                                            timeout=DEADLINE).returncode, 0)

    def test_over_a_socket(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(DEADLINE)
            process = subprocess.Popen([NARU, 'connect', self.url], stdin=theirs, stdout=theirs, env=environment())
            theirs.close()
            ours.sendall(b'through a socket\n')
            ours.shutdown(socket.SHUT_WR)
            received = b''
            while data := ours.recv(4096):
                received += data
            self.assertEqual((received, process.wait(DEADLINE)), (b'through a socket\n', 0))

    def test_a_reader_that_leaves(self):
        with Naru('connect', self.url) as naru:
            naru.process.stdout.close()
            naru.write(b'x\n')
            self.assertEqual(naru.wait(), 1)
            self.assertEqual(naru.err.rest(), b'naru connect: cannot write to stdout: Broken pipe\n')


class Peers(unittest.TestCase):
    """What a peer does at its own pace."""

    def test_lines_written_before_open_are_kept(self):
        go = threading.Event()

        def script(peer):
            self.assertTrue(go.wait(DEADLINE))
            peer.accept().serve_echo()
        with Server(script) as server, Naru('connect', server.url) as naru:
            naru.write(b'early\nbird\n')
            naru.close_stdin()
            go.set()
            self.assertEqual((naru.out.rest(), naru.wait()), (b'early\nbird\n', 0))

    def test_a_burst_and_then_an_end(self):
        def script(peer):
            peer.accept()
            peer.sock.sendall(b''.join(b'\x81\x05%05d' % i for i in range(50000)) + b'\x88\x02\x03\xe8')
            peer.receive()
        with Server(script) as server:
            status, out, err = run('connect', '--wait', '30', server.url)
        self.assertEqual((status, err), (0, b''))
        self.assertEqual(out, b''.join(b'%05d\n' % i for i in range(50000)))

    def test_the_burst_before_a_lost_connection(self):
        def script(peer):
            peer.accept()
            peer.sock.sendall(b''.join(b'\x81\x05%05d' % i for i in range(1000)))
        with Server(script) as server:
            status, out, _ = run('connect', '--wait', '30', server.url)
        self.assertEqual((status, out), (6, b''.join(b'%05d\n' % i for i in range(1000))))

    def test_answers_after_the_end_of_input(self):
        """A peer that answers only once it has seen our ping has still answered before its pong."""
        def script(peer):
            peer.accept()
            asked = []
            while True:
                opcode, data = peer.receive()
                if opcode == TEXT:
                    asked.append(data)
                elif opcode == PING:
                    for data_asked in asked:
                        peer.send(TEXT, b'answer to ' + data_asked)
                    peer.send(PONG, data)
                elif opcode == CLOSE:
                    return peer.send(CLOSE, data)
        with Server(script) as server:
            self.assertEqual(run('connect', server.url, stdin=b'a\nb\n'), (0, b'answer to a\nanswer to b\n', b''))

    def test_a_peer_without_pongs_is_closed_all_the_same(self):
        def script(peer):
            peer.accept()
            while peer.receive()[0] != CLOSE:
                pass
            peer.close()
        with Server(script) as server:
            self.assertEqual(run('connect', server.url, stdin=b'a\n'), (0, b'', b''))

    def test_wait_and_count(self):
        """--count ends a --wait early, and waits for answers that come after the pong."""
        def script(peer):
            peer.accept()
            while peer.receive()[0] != TEXT:
                pass
            peer.send(TEXT, 'late')
            peer.send(TEXT, 'later')
            peer.message()
            peer.close()
        for args in (['--count', '1'], ['--count', '1', '--wait', '60']):
            with self.subTest(args), Server(script) as server:
                self.assertEqual(run('connect', *args, server.url, stdin=b'x\n'), (0, b'late\n', b''))

    def test_a_slow_reader_holds_the_peer_back(self):
        """Much more than any buffer, to a stdout that is not read at first: all of it arrives."""
        chunk, chunks = b'%07d' % 0 * 9362 + b'.', 400  # 25 MiB
        sent = threading.Event()

        def script(peer):
            peer.accept()
            for _ in range(chunks):
                peer.send(TEXT, chunk)
            sent.set()
            peer.close()
            peer.receive()
        with Server(script) as server, Naru('connect', '--wait', '60', server.url) as naru:
            # The peer cannot be done: what it says does not fit into sockets, naru's bound and a pipe.
            self.assertFalse(sent.wait(1))
            with open(f'/proc/{naru.process.pid}/statm', encoding='ascii') as statm:
                resident = int(statm.read().split()[1]) * os.sysconf('SC_PAGESIZE')
            if not os.environ.get('NARU_SANITIZED'):
                self.assertLess(resident, 16 << 20)
            out = naru.out.rest(60)
            self.assertEqual((naru.wait(), len(out)), (0, chunks * (len(chunk) + 1)))
            self.assertEqual(out, (chunk + b'\n') * chunks)

    def test_a_slow_peer_holds_stdin_back(self):
        """A peer that does not read: stdin is not swallowed into memory; then all of it arrives."""
        line, lines = b'x' * 65535 + b'\n', 400
        go = threading.Event()
        received = []

        def script(peer):
            peer.accept()
            self.assertTrue(go.wait(DEADLINE))
            while True:
                opcode, data = peer.receive()
                if opcode == TEXT:
                    received.append(len(data))
                elif opcode == PING:
                    peer.send(PONG, data)
                elif opcode == CLOSE:
                    return peer.send(CLOSE, data)
        with Server(script) as server, Naru('connect', '--no-deflate', server.url) as naru:
            os.set_blocking(naru.process.stdin.fileno(), False)
            data, written, deadline = line * lines, 0, time.monotonic() + 60
            while written < len(data):
                self.assertLess(time.monotonic(), deadline)
                if select.select([], [naru.process.stdin], [], 0.5)[1]:
                    written += os.write(naru.process.stdin.fileno(), data[written:written + 65536])
                elif not go.is_set():
                    self.assertLess(written, 20 << 20)
                    go.set()
            self.assertTrue(go.is_set(), 'all of it went in although nobody read')
            naru.close_stdin()
            self.assertEqual(naru.wait(60), 0)
        self.assertEqual(received, [65535] * lines)

    def test_the_request(self):
        heads = []

        def script(peer):
            peer.accept('Sec-WebSocket-Protocol: two')
            heads.append(peer)
            peer.serve_echo()
        with Server(script) as server:
            status, out, err = run('connect', '-H', 'X-One: 1', '-HX-Two:  two words ', '--origin',
                                   'https://example.com', '-s', 'one', '-s', 'two', '-v',
                                   f'{server.address}/path?query', stdin=b'x\n')
        self.assertEqual((status, out), (0, b'x\n'))
        head = heads[0]
        self.assertEqual(head.head.split('\r\n')[0], 'GET /path?query HTTP/1.1')
        self.assertEqual([head.field(name) for name in ('X-One', 'X-Two', 'Origin', 'Sec-WebSocket-Protocol', 'Host')],
                         ['1', 'two words', 'https://example.com', 'one, two', server.address])
        self.assertIn('permessage-deflate', head.field('Sec-WebSocket-Extensions'))
        self.assertIn(b'protocol two\n', err)
        self.assertIn(b'naru connect: < HTTP/1.1 101 Switching Protocols\n', err)
        self.assertIn(b'naru connect: closed with code 1000\n', err)

    def test_no_deflate_offers_nothing(self):
        heads = []

        def script(peer):
            heads.append(peer.accept())
            peer.serve_echo()
        with Server(script) as server:
            self.assertEqual(run('connect', '--no-deflate', server.url)[0], 0)
        self.assertIsNone(heads[0].field('Sec-WebSocket-Extensions'))

    def test_a_reason_cannot_drive_the_terminal(self):
        def script(peer):
            peer.accept().close(4000, b'\x1b[2Jgone\x07')
            peer.receive()
        with Server(script) as server:
            self.assertEqual(run('connect', '--wait', '20', server.url),
                             (7, b'', b'naru connect: closed with code 4000: \\x1b[2Jgone\\x07\n'))


if __name__ == '__main__':
    main()
