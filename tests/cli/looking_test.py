"""naru connect for programs and for who looks on: JSON lines, times, frames, filters, records, pings, coming back."""
import json

from naru_cli import *

STAMP = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z'


def events(out):
    return [json.loads(line) for line in out.decode().splitlines()]


class Many:
    """Listens, and hands the n-th connection to the n-th script."""

    def __init__(self, *scripts, port=0):
        self.listener = socket.create_server(('127.0.0.1', port))
        self.url = f'ws://127.0.0.1:{self.listener.getsockname()[1]}/'
        self.scripts = scripts
        self.failure = None
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self):
        try:
            for script in self.scripts:
                self.listener.settimeout(DEADLINE)
                with Peer(self.listener.accept()[0], masks=False) as peer:
                    try:
                        script(peer)
                    except (EOFError, ConnectionError):
                        pass
        except Exception as error:  # told to the test in __exit__
            self.failure = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.thread.join(DEADLINE)
        self.listener.close()
        if kind is None and self.failure:
            raise self.failure


class Echo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server, cls.address = echo_server('--deflate')
        cls.url = f'ws://{cls.address}/'
        cls.directory = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.directory.cleanup()

    def path(self, name):
        return os.path.join(self.directory.name, name)


class Json(Echo):
    def test_events_and_commands(self):
        commands = [{'text': 'héllo "\\\n\x01\x7f\0'}, {'binary': 'AP8='}, {'ping': 'tok'}, {'text': ''},
                    {'close': {'code': 4001, 'reason': 'done'}}]
        stdin = ''.join(json.dumps(command) + '\n' for command in commands).encode()
        status, out, err = run('connect', '--json', '-s', 'chat', self.url, stdin=stdin)
        self.assertEqual((status, err), (0, b''))
        seen = events(out)
        opened = seen.pop(0)
        self.assertEqual((opened['event'], opened['url'], opened['protocol']), ('open', self.url, 'chat'))
        self.assertIn('permessage-deflate', opened['extensions'])
        self.assertIn(['Upgrade', 'websocket'], opened['headers'])
        self.assertEqual(seen.pop(), {'event': 'close', 'code': 4001, 'reason': 'done', 'clean': True})

    def test_the_exact_lines(self):
        stdin = b'{"text":"a\\u0000\\u001f\\"\\\\\\n\\u00e9/"}\n\n{"binary":"AAE="}\r\n{"ping":"p"}\n'
        status, out, err = run('connect', '--json', '--no-deflate', self.url, stdin=stdin)
        self.assertEqual((status, err), (0, b''))
        lines = out.split(b'\n')
        self.assertEqual(lines[1], '{"event":"message","type":"text","text":"a\\u0000\\u001f\\"\\\\\\né/"}'.encode())
        self.assertEqual(lines[2], b'{"event":"message","type":"base64","binary":"AAE="}')
        self.assertRegex(lines[3], rb'^\{"event":"pong","text":"p"(,"rtt_ms":\d+)?\}$')
        self.assertEqual(lines[4:], [b'{"event":"close","code":1000,"reason":"","clean":true}', b''])

    def test_bad_commands(self):
        for line, text in ((b'{"text":1}', '"text" wants a string'),
                           (b'{"binary":"?"}', '"binary" wants a string of base64'),
                           (b'{"ping":"' + b'x' * 126 + b'"}', '"ping" wants a string of at most 125 bytes'),
                           (b'{"close":1001}', '"close" wants a code: 1000, or 3000 to 4999'),
                           (b'{"close":{"code":4000,"reason":1}}', '"reason" wants a string of at most 123 bytes'),
                           (b'{"text":"a","binary":""}',
                            'an object with one of "text", "binary", "ping", "close" is wanted'),
                           (b'[]', 'an object with one of "text", "binary", "ping", "close" is wanted'),
                           (b'{"text":"a","text":"b"}', 'not JSON: '), (b'{"text":"\xff"}', 'not JSON: '),
                           (b'nonsense', 'not JSON: ')):
            with self.subTest(line):
                status, _, err = run('connect', '--json', self.url, stdin=b'{"text":"x"}\n' + line + b'\n')
                self.assertEqual(status, 1)
                self.assertIn(f'naru connect: line 2 of stdin cannot be sent: {text}', err.decode())

    def test_failures(self):
        status, out, err = run('connect', '--json', f'ws://127.0.0.1:{free_port()}/')
        self.assertEqual((status, err), (3, b''))
        error, close = events(out)
        self.assertEqual((error['event'], error['phase'], error['status']), ('error', 'connect', 'NARU_ERR_CONNECT'))
        self.assertEqual(error['system_error'], 'Connection refused')
        self.assertEqual(close, {'event': 'close', 'code': 1006, 'reason': '', 'clean': False})

    def test_a_refusal_with_its_head_and_body(self):
        def script(peer):
            peer.read_head()
            peer.sock.sendall(b'HTTP/1.1 403 Forbidden\r\nX-Odd: \xe9"\r\nContent-Length: 3\r\n\r\nno\n')
        with Server(script) as server:
            status, out, _ = run('connect', '--json', server.url)
        self.assertEqual(status, 5)
        error = events(out)[0]
        self.assertEqual((error['phase'], error['http_status'], error['body']), ('handshake', 403, 'no\n'))
        self.assertIn(['X-Odd', 'é"'], error['headers'])

    def test_pings_and_parts_from_the_peer(self):
        def script(peer):
            peer.accept()
            peer.send(PING, b'\xff')
            peer.send(TEXT, b'a', first=0)
            peer.send(0, b'b')
            peer.close(1011, b'x')
            peer.receive()
            peer.receive()
        with Server(script) as server:
            status, out, _ = run('connect', '--json', '--trace', '-w', '10', server.url)
        self.assertEqual(status, 7)
        def frame(direction, opcode, size, fin=True, **more):
            return {'event': 'frame', 'direction': direction, 'opcode': opcode, 'fin': fin, 'compressed': False,
                    'bytes': size, 'wire_bytes': size + (2 if direction == 'in' else 6), **more}
        self.assertEqual(events(out)[1:], [
            frame('in', 'ping', 1), frame('out', 'pong', 1), {'event': 'ping', 'binary': '/w=='},
            frame('in', 'text', 1, fin=False), frame('in', 'continuation', 1),
            {'event': 'message', 'type': 'text', 'text': 'ab'},
            frame('in', 'close', 3, code=1011), frame('out', 'close', 3, code=1011),
            {'event': 'close', 'code': 1011, 'reason': 'x', 'clean': True}])

    def test_a_message_of_one_mebibyte_of_escapes(self):
        stdin = b'{"text":"' + b'\\u0001' * 1048576 + b'"}\n'
        status, out, _ = run('connect', '--json', '--max-message', '1M', self.url, stdin=stdin)
        self.assertEqual((status, events(out)[1]['text']), (0, '\x01' * 1048576))


class Looking(Echo):
    def test_timestamps(self):
        status, out, err = run('connect', '--timestamps', '-v', self.url, stdin=b'one\ntwo\n')
        self.assertEqual(status, 0)
        self.assertRegex(out.decode(), rf'\A{STAMP} one\n{STAMP} two\n\Z')
        for line in err.decode().splitlines():
            self.assertRegex(line, rf'\Anaru connect: {STAMP} ')
        out = run('connect', '--timestamps', '--json', self.url, stdin=b'{"text":"a"}\n')[1]
        for event in events(out):
            self.assertRegex(event['time'], rf'\A{STAMP}\Z')

    def test_trace(self):
        status, out, err = run('connect', '--trace', self.url, stdin=b'short\n' + b'long' * 30 + b'\n')
        self.assertEqual((status, out), (0, b'short\n' + b'long' * 30 + b'\n'))
        lines = [re.sub(r'compressed, (\d+) bytes, (\d+)', lambda sizes: 'compressed' if int(sizes[1]) < 60 else '?', line)
                 for line in err.decode().replace('naru connect: ', '').splitlines()]
        self.assertEqual(lines, [
            '-> text, fin, 5 bytes, 11 on the wire', '-> text, fin, compressed on the wire',
            '-> ping, fin, 12 bytes, 18 on the wire',
            '<- text, fin, 5 bytes, 7 on the wire', '<- text, fin, compressed on the wire',
            '<- pong, fin, 12 bytes, 14 on the wire',
            '-> close 1000, fin, 2 bytes, 8 on the wire', '<- close 1000, fin, 2 bytes, 4 on the wire'])

    def test_trace_shows_what_the_library_says_by_itself(self):
        def script(peer):
            peer.accept()
            self.assertEqual((peer.receive()[0], peer.receive()[0]), (TEXT, PING))
            peer.send(0xb, b'')
            peer.receive()
        with Server(script) as server:
            status, out, err = run('connect', '--trace', '--ping-interval', '0.05', '--once', 'x', '--wait', '10', server.url)
        self.assertIn(b'-> ping, fin, 8 bytes, 14 on the wire', err)
        self.assertRegex(err, rb'-> close 1002, fin, \d+ bytes')
        self.assertNotIn(b'<- unknown', err)
        self.assertNotIn(b'compressed', run('connect', '--trace', '--no-deflate', self.url, stdin=b'x' * 100)[2])

    def test_pretty(self):
        stdin = b'{"a":[1,{"b":"x,{\\"}"}],"n":12345678901234567890.10,"e":{ },"l":[ ]}\n{"broken\n7\n'
        status, out, _ = run('connect', '--pretty', self.url, stdin=stdin)
        self.assertEqual((status, out.decode()), (0, '{\n  "a": [\n    1,\n    {\n      "b": "x,{\\"}"\n    }\n  ],\n'
                                                     '  "n": 12345678901234567890.10,\n  "e": {},\n  "l": []\n}\n'
                                                     '{"broken\n7\n'))

    def test_grep(self):
        stdin = b'apple\nbanana\n\0cherry\n'
        self.assertEqual(run('connect', '--grep', '^b|cherry$', self.url, stdin=stdin), (0, b'banana\n\0cherry\n', b''))
        with Naru('connect', '--grep', 'na$', '-n', '1', self.url) as naru:
            naru.write(b'apple\nbanana\n')
            self.assertEqual((naru.wait(), naru.out.rest()), (0, b'banana\n'))
        status, _, err = run('connect', '--grep', '(', self.url)
        self.assertEqual(status, 2)
        self.assertRegex(err, rb'\Anaru connect: --grep: [^\n]+\nTry')

    def test_once(self):
        self.assertEqual(run('connect', '-1', 'one', '--once', 'two', self.url, stdin=b'not read\n'),
                         (0, b'one\ntwo\n', b''))

    def test_once_waits_for_each_answer(self):
        def script(peer):
            peer.accept()
            self.assertEqual(peer.text(), 'a')
            peer.sock.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                peer.receive()
            peer.sock.settimeout(DEADLINE)
            peer.send(TEXT, 'A')
            self.assertEqual(peer.text(), 'b')
            peer.send(TEXT, 'B')
            peer.send(CLOSE, peer.receive()[1])
        with Server(script) as server:
            self.assertEqual(run('connect', '-1', 'a', '-1', 'b', server.url), (0, b'A\nB\n', b''))

    def test_once_without_an_answer(self):
        def script(peer):
            peer.accept()
            peer.receive()
            peer.send(CLOSE, peer.receive()[1])
        with Server(script) as server:
            self.assertEqual(run('connect', '-1', 'a', '-w', '0.2', server.url),
                             (8, b'', b'naru connect: 0 of 1 messages came in time\n'))

    def test_pings(self):
        with Naru('connect', '--ping', '0.05', self.url) as naru:
            for _ in range(3):
                self.assertRegex(naru.err.line(), rb'^naru connect: pong after \d+ ms$')
            naru.close_stdin()
            self.assertEqual(naru.wait(), 0)
            self.assertRegex(naru.err.rest(), rb'naru connect: \d+ pings, \d+ answered; round trip \d+ to \d+ ms, '
                                              rb'[\d.]+ on average\n\Z')


class Records(Echo):
    def lines(self, path):
        with open(path, encoding='utf-8') as file:
            return [json.loads(line) for line in file]

    def test_record_and_replay(self):
        first, second = self.path('first'), self.path('second')
        with Naru('connect', '--record', first, self.url) as naru:
            naru.write(b'one\n')
            naru.out.line()
            time.sleep(0.3)  # the pause that the record has to show
            naru.write('zw"ei\n'.encode())
            naru.close_stdin()
            self.assertEqual((naru.wait(), naru.err.rest()), (0, b''))
        lines = self.lines(first)
        self.assertEqual([(line['event'], line.get('text')) for line in lines],
                         [('sent', 'one'), ('received', 'one'), ('sent', 'zw"ei'), ('received', 'zw"ei'),
                          ('close', None)])
        pause = lines[2]['ms'] - lines[0]['ms']
        self.assertGreaterEqual(pause, 290)
        for speed, least, most in (('1', pause, None), ('0', 0, pause), ('10', pause // 10, pause)):
            with self.subTest(speed):
                status, out, err = run('connect', '--replay', first, '--speed', speed, '--record', second, self.url)
                self.assertEqual((status, out, err), (0, b'one\nzw"ei\n', b''))
                again = [line for line in self.lines(second) if line['event'] == 'sent']
                self.assertEqual([line['text'] for line in again], ['one', 'zw"ei'])
                self.assertGreaterEqual(again[1]['ms'] - again[0]['ms'], least - 1)
                if most:
                    self.assertLess(again[1]['ms'] - again[0]['ms'], most)

    def test_binary(self):
        path = self.path('binary')
        self.assertEqual(run('connect', '--hex', '--record', path, self.url, stdin=b'00ff\n\n')[0], 0)
        self.assertEqual(run('connect', '--hex', '--replay', path, self.url), (0, b'00ff\n\n', b''))

    def test_what_is_no_record(self):
        path = self.path('bad')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('{"ms":1,"event":"sent","text":"a"}\nnonsense\n')
        self.assertEqual(run('connect', '--replay', path, self.url)[0::2],
                         (1, f'naru connect: {path}, line 2: not a line of a record\n'.encode()))
        self.assertEqual(run('connect', '--replay', '/nowhere', self.url),
                         (1, b'', b'naru connect: cannot read /nowhere: No such file or directory\n'))
        self.assertEqual(run('connect', '--record', '/dev/full', self.url, stdin=b'x\n')[0], 1)


class Reconnect(unittest.TestCase):
    def test_what_was_typed_meanwhile_arrives_in_order(self):
        def lost(peer):
            peer.accept()
            self.assertEqual(peer.text(), 'one')

        def kept(peer):
            peer.accept()
            self.assertEqual([peer.text(), peer.text()], ['two', 'three'])
            peer.send(TEXT, 'thanks')
            peer.serve_echo()
        with Many(lost, kept) as server, Naru('connect', '--reconnect', server.url) as naru:
            naru.write(b'one\n')
            naru.err.until(rb'try 1 of 10 in 0\.[2-5] seconds\n')
            naru.write(b'two\nthree\n')
            naru.close_stdin()
            self.assertEqual((naru.wait(), naru.out.rest()), (0, b'thanks\n'))

    def test_a_close_that_is_not_the_end(self):
        def busy(peer):
            peer.accept().close(1012)
            peer.receive()

        def done(peer):
            peer.accept().close(1000)
            peer.receive()
        with Many(busy, done) as server, Naru('connect', '--reconnect', server.url) as naru:
            self.assertEqual(naru.wait(), 0)
            self.assertRegex(naru.err.rest(), rb'code 1012\n.*try 1 of 10')

    def test_a_question_is_asked_again(self):
        def lost(peer):
            peer.accept()
            self.assertEqual(peer.text(), 'one')
            peer.send(TEXT, 'ONE')
            self.assertEqual(peer.text(), 'two')

        def kept(peer):
            peer.accept()
            self.assertEqual(peer.text(), 'two')
            peer.send(TEXT, 'TWO')
            peer.serve_echo()
        with Many(lost, kept) as server:
            status, out, _ = run('connect', '--reconnect', '-1', 'one', '-1', 'two', server.url)
        self.assertEqual((status, out), (0, b'ONE\nTWO\n'))

    def test_a_replay_goes_on(self):
        def lost(peer):
            peer.accept()
            self.assertEqual(peer.text(), 'one')

        def kept(peer):
            peer.accept()
            self.assertEqual(peer.text(), 'two')
            peer.serve_echo()
        with tempfile.NamedTemporaryFile('w') as file, Many(lost, kept) as server:
            file.write('{"ms":0,"event":"sent","text":"one"}\n{"ms":400,"event":"sent","text":"two"}\n')
            file.flush()
            status, _, err = run('connect', '--reconnect', '--replay', file.name, server.url)
        self.assertEqual(status, 0)
        self.assertIn(b'try 1 of 10', err)

    def test_the_end_of_the_input_before_the_end_of_the_answers(self):
        """What was read is sent when the connection is back, and its answers are waited for."""
        def lost(peer):
            peer.accept()

        def kept(peer):
            peer.accept().serve_echo()
        with Many(lost, kept) as server, Naru('connect', '--reconnect', server.url) as naru:
            naru.err.until(rb'try 1 of 10')
            naru.write(b'a\nb\n')
            naru.close_stdin()
            self.assertEqual((naru.wait(), naru.out.rest()), (0, b'a\nb\n'))

    def test_giving_up(self):
        url = f'ws://127.0.0.1:{free_port()}/'
        status, out, err = run('connect', '--reconnect', '--reconnect-max', '2', url)
        self.assertEqual((status, out), (3, b''))
        self.assertRegex(err.decode(), r'(?s)try 1 of 2 in 0\.[2-5] .*try 2 of 2 in (0\.[2-9]|1\.0) .*'
                                       r'gave up after 2 tries\n\Z')

    def test_a_no_is_a_no(self):
        def script(peer):
            peer.read_head()
            peer.sock.sendall(b'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
        with Server(script) as server:
            status, _, err = run('connect', '--reconnect', server.url)
        self.assertEqual((status, err), (5, b'naru connect: refused: HTTP 403 Forbidden\n'))

    def test_a_signal_while_waiting(self):
        with Naru('connect', '--reconnect', f'ws://127.0.0.1:{free_port()}/') as naru:
            naru.err.until(rb'try 3 of 10')
            naru.signal(signal.SIGINT)
            self.assertEqual(naru.wait(), 130)

    def test_the_queue_has_an_end(self):
        """While there is no connection, stdin is read up to --offline-max, and nothing of it is lost."""
        got = []

        def lost(peer):
            peer.accept()

        def kept(peer):
            peer.accept()
            for _ in range(3000):
                got.append(peer.text())
            peer.serve_echo()
        data = b''.join(b'%06d' % i + b'x' * 994 + b'\n' for i in range(3000))
        with Many(lost, kept) as server, Naru('connect', '--reconnect', '--offline-max', '64K', server.url) as naru:
            naru.err.until(rb'try 1 of 10')
            threading.Thread(target=lambda: (naru.write(data), naru.close_stdin()), daemon=True).start()
            self.assertEqual(naru.wait(), 0)
        self.assertEqual(b''.join(line.encode() + b'\n' for line in got), data)


if __name__ == '__main__':
    main()
