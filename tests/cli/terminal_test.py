"""naru connect as a person meets it: on a pseudo-terminal, whose screen a few lines of code keep."""
import fcntl
import pty
import termios

from naru_cli import *


class Screen:
    """What a terminal shows of the bytes that naru writes: enough of ECMA-48 for what libedit and naru use."""

    def __init__(self, columns, rows=200):
        self.columns = columns
        self.cells = [[' '] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.pending = b''
        self.unknown = []

    def put(self, character):
        if self.column == self.columns:
            self.row, self.column = self.row + 1, 0
        self.cells[self.row][self.column] = character
        self.column += 1

    def control(self, parameters, final):
        number = int(parameters) if parameters.isdigit() else 0
        count = max(number, 1)
        line = self.cells[self.row]
        at = min(self.column, self.columns - 1)
        if final == 'A':
            self.row = max(0, self.row - count)
        elif final == 'B':
            self.row += count
        elif final == 'C':
            self.column = min(self.columns - 1, self.column + count)
        elif final == 'D':
            self.column = max(0, self.column - count)
        elif final == 'G':
            self.column = count - 1
        elif final == 'K':
            line[at:] = [' '] * (self.columns - at)
        elif final == 'J':
            line[self.column:] = [' '] * (self.columns - self.column)
            for row in range(self.row + 1, len(self.cells)):
                self.cells[row] = [' '] * self.columns
        elif final == 'P':
            line[at:] = (line[at + count:] + [' '] * count)[:self.columns - at]
        elif final == '@':
            line[at:] = ([' '] * count + line[at:])[:self.columns - at]
        elif final not in 'mhl':
            self.unknown.append((parameters, final))

    def feed(self, data):
        data = self.pending + data
        self.pending = b''
        while data:
            found = re.match(rb'\x1b\[([0-9;?]*)([@-~])', data)
            if found:
                self.control(found.group(1).decode(), found.group(2).decode())
                data = data[found.end():]
            elif data[:1] == b'\x1b':
                if len(data) < 12 and not re.match(rb'\x1b[^\[]', data):
                    self.pending = data
                    return
                self.unknown.append(data[:4])
                data = data[2:]
            elif data[:1] == b'\r':
                self.column, data = 0, data[1:]
            elif data[:1] == b'\n':
                self.row, data = self.row + 1, data[1:]
            elif data[:1] == b'\b':
                self.column, data = max(0, self.column - 1), data[1:]
            elif data[0] < 0x20:
                data = data[1:]
            else:
                size = 1 if data[0] < 0x80 else 2 if data[0] < 0xe0 else 3 if data[0] < 0xf0 else 4
                if len(data) < size:
                    self.pending = data
                    return
                self.put(data[:size].decode())
                data = data[size:]

    def lines(self):
        return [''.join(row).rstrip() for row in self.cells[:self.row + 1]]


class Terminal:
    """naru on a terminal of its own."""

    def __init__(self, *args, columns=60, **env):
        self.screen = Screen(columns)
        self.raw = b''
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(NARU, [NARU, *args], environment(**{'TERM': 'xterm', **env}))
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', 50, columns, 0, 0))
        self.lines = Lines(self.fd)
        self.status = None

    def type(self, text):
        os.write(self.fd, text.encode() if isinstance(text, str) else text)

    def feed(self, deadline):
        alive = self.lines.more(deadline)
        self.screen.feed(self.lines.seen)
        self.raw += self.lines.seen
        self.lines.seen = b''
        return alive

    def shows(self, wanted, timeout=DEADLINE):
        """Wait until the screen's last lines match."""
        deadline = time.monotonic() + timeout
        while True:
            lines = self.screen.lines()
            if lines[-len(wanted):] == wanted:
                return
            if not self.feed(deadline):
                raise AssertionError(f'{wanted!r} is not at the end of {lines!r}')

    def end(self, timeout=DEADLINE):
        deadline = time.monotonic() + timeout
        while self.feed(deadline):
            pass
        assert self.lines.ended, self.screen.lines()
        _, status = os.waitpid(self.pid, 0)
        self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def taken(self):
        """Wait until naru has read all that was typed."""
        inside = os.open(f'/proc/{self.pid}/fd/0', os.O_RDONLY | os.O_NOCTTY)
        deadline = time.monotonic() + DEADLINE
        while struct.unpack('i', fcntl.ioctl(inside, termios.FIONREAD, bytes(4)))[0] > 0:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.close(inside)

    def modes(self):
        return termios.tcgetattr(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


class Person(unittest.TestCase):
    def setUp(self):
        self.told = []
        self.opened = threading.Event()
        self.peer = None

    def script(self, peer):
        """Keeps what is said, answers pings, and leaves speaking to the test."""
        self.peer = peer
        peer.accept()
        self.opened.set()
        while True:
            opcode, data = peer.receive()
            self.told.append((opcode, data))
            if opcode == PING:
                peer.send(PONG, data)
            elif opcode == CLOSE:
                return peer.send(CLOSE, data)

    def wait_for(self, message):
        deadline = time.monotonic() + DEADLINE
        while message not in self.told:
            self.assertLess(time.monotonic(), deadline, f'{message!r} is not in {self.told!r}')
            time.sleep(0.005)

    def greeting(self, server):
        return [f'* connected to {server.url}', '* a line is a message; /help lists commands, Ctrl-D ends']

    def test_a_message_that_is_json_is_laid_out(self):
        with Server(self.script) as server, Terminal('connect', '--pretty', server.url, NO_COLOR='1') as terminal:
            terminal.shows([*self.greeting(server), '>'])
            terminal.type('typing')
            terminal.shows(['> typing'])
            self.peer.send(TEXT, '{"a":[1,"\x1b[31m\\n"]}'.replace('\x1b', '\\u001b'))
            terminal.shows(['< {', '  "a": [', '    1,', '    "\\u001b[31m\\n"', '  ]', '}', '> typing'])
            terminal.type('\x15\x04')
            self.assertEqual(terminal.end(), 0)

    def test_a_lost_connection_comes_back_under_the_line(self):
        listener = socket.create_server(('127.0.0.1', 0))
        url = f'ws://127.0.0.1:{listener.getsockname()[1]}/'
        with listener, Terminal('connect', '--reconnect', url, NO_COLOR='1') as terminal:
            with Peer(listener.accept()[0], masks=False) as peer:
                peer.accept()
                terminal.shows(['* a line is a message; /help lists commands, Ctrl-D ends', '>'])
                terminal.type('half a li')
                terminal.shows(['> half a li'])
            deadline = time.monotonic() + DEADLINE
            while not any(re.match(r'\* try 1 of 10 in 0\.[2-5] seconds', line) for line in terminal.screen.lines()):
                self.assertTrue(terminal.feed(deadline))
            terminal.type('ne\r')
            with Peer(listener.accept()[0], masks=False) as peer:
                peer.accept()
                self.assertEqual(peer.text(), 'half a line')
                terminal.type('/close 4000 bye\r')
                opcode, data = peer.receive()
                self.assertEqual((opcode, data), (CLOSE, b'\x0f\xa0bye'))
                peer.send(CLOSE, data)
                self.assertEqual(terminal.end(), 0)

    def test_frames_are_traced_above_the_line(self):
        with Server(self.script) as server, \
                Terminal('connect', '--trace', '--no-deflate', server.url, NO_COLOR='1') as terminal:
            terminal.shows([*self.greeting(server), '>'])
            terminal.type('half a li')
            terminal.shows(['> half a li'])
            self.peer.send(PING, b'?')
            terminal.shows(['* <- ping, fin, 1 bytes, 3 on the wire', '* -> pong, fin, 1 bytes, 7 on the wire',
                            '> half a li'])
            terminal.type('ne\r')
            self.wait_for((TEXT, b'half a line'))
            terminal.shows(['* -> text, fin, 11 bytes, 17 on the wire', '>'])
            terminal.type('\x04')
            self.assertEqual(terminal.end(), 0)

    def test_a_message_does_not_disturb_the_line(self):
        with Server(self.script) as server, Terminal('connect', server.url, NO_COLOR='1') as terminal:
            terminal.shows([*self.greeting(server), '>'])
            terminal.type('half a sen')
            terminal.shows(['> half a sen'])
            self.peer.send(TEXT, 'interrupted')
            terminal.shows(['< interrupted', '> half a sen'])
            terminal.type('tence\r')
            self.wait_for((TEXT, b'half a sentence'))
            terminal.shows(['< interrupted', '> half a sentence', '>'])
            self.peer.send(TEXT, 'an answer')
            terminal.shows(['< interrupted', '> half a sentence', '< an answer', '>'])
            terminal.type('\x04')
            self.assertEqual(terminal.end(), 0)
            self.assertEqual(terminal.screen.lines()[-2:], ['* closed with code 1000', ''])
            self.assertEqual(terminal.screen.unknown, [])
            self.assertNotIn(b'\x1b[2m', terminal.raw)

    def test_editing_and_history(self):
        with Server(self.script) as server, Terminal('connect', server.url, NO_COLOR='1') as terminal:
            terminal.shows(['>'])
            terminal.type('wrld')
            terminal.shows(['> wrld'])
            terminal.type('\x1b[D\x1b[D\x1b[Do')         # left, left, left
            terminal.shows(['> world'])
            self.peer.send(TEXT, 'now')
            terminal.shows(['< now', '> world'])
            terminal.type('\x01hello \x05!\r')           # start and end of line
            self.wait_for((TEXT, b'hello world!'))
            terminal.type('\x1b[A')                       # up
            terminal.shows(['> hello world!'])
            terminal.type('\x7f?\r')
            self.wait_for((TEXT, b'hello world?'))

    def test_a_wrapped_line_is_kept_too(self):
        with Server(self.script) as server, Terminal('connect', server.url, columns=20, NO_COLOR='1') as terminal:
            terminal.shows(['>'])
            typed = 'abcdefghijklmnopqrstuvwxyz0123456789abcdefghij'
            terminal.type(typed)
            wrapped = ['> abcdefghijklmnopqr', 'stuvwxyz0123456789ab', 'cdefghij']
            terminal.shows(wrapped)
            self.peer.send(TEXT, 'one')
            terminal.shows(['< one', *wrapped])
            self.peer.send(TEXT, 'two')
            terminal.shows(['< one', '< two', *wrapped])
            terminal.type('\r')
            self.wait_for((TEXT, typed.encode()))

    def test_letters_of_any_language(self):
        with Server(self.script) as server, Terminal('connect', server.url, NO_COLOR='1') as terminal:
            terminal.shows(['>'])
            terminal.type('é и ß\r')
            self.wait_for((TEXT, 'é и ß'.encode()))
            terminal.type('나루\r')
            self.wait_for((TEXT, '나루'.encode()))

    def test_an_escape_key_alone_does_not_hold_messages_up(self):
        with Server(self.script) as server, Terminal('connect', server.url, NO_COLOR='1') as terminal:
            terminal.shows(['>'])
            terminal.type('x')
            terminal.shows(['> x'])
            terminal.type('\x1b')
            terminal.taken()
            self.peer.send(TEXT, 'still here')
            terminal.shows(['< still here', '> x'])

    def test_a_burst(self):
        with Server(self.script) as server, Terminal('connect', server.url, NO_COLOR='1') as terminal:
            terminal.shows(['>'])
            terminal.type('typing')
            terminal.shows(['> typing'])
            self.peer.sock.sendall(b''.join(b'\x81\x03%03d' % i for i in range(100)))
            terminal.shows([*(f'< {i:03d}' for i in range(100)), '> typing'])

    def test_colours(self):
        for env, expected in (({}, True), ({'NO_COLOR': '1'}, False), ({'TERM': 'dumb'}, False),
                              ({'NO_COLOR': ''}, True)):
            with self.subTest(env), Server(self.script) as server, Terminal('connect', server.url, **env) as terminal:
                terminal.shows(['>'])
                self.peer.send(TEXT, 'colourful')
                terminal.shows(['< colourful', '>'])
                self.assertEqual(b'\x1b[36m' in terminal.raw, expected)
                self.assertEqual(b'\x1b' in terminal.raw, expected or env.get('TERM') != 'dumb')

    def test_a_message_cannot_drive_the_terminal(self):
        with Server(self.script) as server, Terminal('connect', server.url, NO_COLOR='1') as terminal:
            terminal.shows(['>'])
            self.peer.send(TEXT, 'a\x1b[2Jb\x07\u009b5A\nsecond')
            terminal.shows(['< a\\x1b[2Jb\\x07\\xc2\\x9b5A', 'second', '>'])
            self.peer.send(BINARY, b'\0\x1b\xff')
            terminal.shows(['< [binary, 3 bytes] 001bff', '>'])

    def test_slash_commands(self):
        with Server(self.script) as server, Terminal('connect', server.url, columns=70, NO_COLOR='1') as terminal:
            terminal.shows(['>'])
            terminal.type('/help\r')
            terminal.shows(['* /close [CODE [REASON]]  close the connection',
                            '* /ping [DATA]            see how long the way to and fro takes',
                            '* /quit                   close and leave, as Ctrl-D does',
                            '* //TEXT                  a message that begins with a slash', '>'])
            terminal.type('/frob\r')
            terminal.shows(['* unknown command /frob; /help lists them, //TEXT sends /TEXT', '>'])
            terminal.type('//me waves\r')
            self.wait_for((TEXT, b'/me waves'))
            terminal.type('/ping are you there\r')
            self.wait_for((PING, b'are you there'))
            deadline = time.monotonic() + DEADLINE
            while not re.search(r'\* pong after \d+ ms', '\n'.join(terminal.screen.lines())):
                self.assertTrue(terminal.feed(deadline))
            terminal.type('/close 1002\r')
            terminal.shows(['* a client may close with 1000 or 3000 to 4999', '>'])
            terminal.type('/close 4001 so long\r')
            self.assertEqual(terminal.end(), 0)
            self.assertEqual(terminal.screen.lines()[-2:], ['* closed with code 4001: so long', ''])
        self.assertEqual(self.told[-1], (CLOSE, struct.pack('!H', 4001) + b'so long'))

    def test_quit(self):
        with Server(self.script) as server, Terminal('connect', server.url) as terminal:
            terminal.shows(['>'])
            terminal.type('/quit\r')
            self.assertEqual(terminal.end(), 0)

    def test_interrupted(self):
        with Server(self.script) as server, Terminal('connect', server.url, NO_COLOR='1') as terminal:
            terminal.shows(['>'])
            terminal.type('\x03')
            self.assertEqual(terminal.end(), 0)

    def test_stopped_and_continued(self):
        """While naru is stopped, a shell makes the terminal its own; then naru takes it again, with the line."""
        with Server(self.script) as server, Terminal('connect', server.url, NO_COLOR='1') as terminal:
            terminal.shows(['>'])
            terminal.type('half')
            terminal.shows(['> half'])
            raw = terminal.modes()
            self.assertFalse(raw[3] & termios.ICANON)
            os.kill(terminal.pid, signal.SIGSTOP)
            os.waitpid(terminal.pid, os.WUNTRACED)
            cooked = terminal.modes()
            cooked[3] |= termios.ICANON | termios.ECHO
            termios.tcsetattr(terminal.fd, termios.TCSANOW, cooked)
            os.kill(terminal.pid, signal.SIGCONT)
            deadline = time.monotonic() + DEADLINE
            while terminal.modes()[3] & termios.ICANON:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.005)
            terminal.type(' done\r')
            self.wait_for((TEXT, b'half done'))

    def test_the_terminal_is_given_back(self):
        """A shell that starts naru finds its terminal as it was, however the end came."""
        for how, expected in (('typed', 0), ('lost', 6), ('closed', 7)):
            with self.subTest(how), Server(self.script) as server:
                shell = f'stty -a > "$1"; "$0" connect {server.url}; echo "=$?="; stty -a > "$2"'
                with tempfile.TemporaryDirectory() as directory:
                    before, after = os.path.join(directory, 'before'), os.path.join(directory, 'after')
                    pid, fd = pty.fork()
                    if pid == 0:
                        os.execve('/bin/sh', ['sh', '-c', shell, NARU, before, after], environment(TERM='xterm'))
                    self.opened.wait(DEADLINE)
                    self.opened.clear()
                    lines = Lines(fd)
                    lines.until(rb'Ctrl-D ends.*> ')
                    if how == 'typed':
                        os.write(fd, b'\x04')
                    elif how == 'lost':
                        self.peer.sock.shutdown(socket.SHUT_RDWR)
                    else:
                        self.peer.close(4000)
                    lines.until(b'=%d=' % expected)
                    lines.rest()
                    os.waitpid(pid, 0)
                    os.close(fd)
                    with open(before, encoding='ascii') as one, open(after, encoding='ascii') as two:
                        self.assertEqual(one.read(), two.read())

    def test_the_peer_closes(self):
        with Server(self.script) as server, Terminal('connect', server.url, NO_COLOR='1') as terminal:
            terminal.shows(['>'])
            terminal.type('unsent')
            terminal.shows(['> unsent'])
            self.peer.close(1001, b'restarting')
            self.assertEqual(terminal.end(), 0)
            self.assertEqual(terminal.screen.lines()[-2:], ['* closed with code 1001: restarting', ''])

    def test_a_failure_on_a_terminal(self):
        with Terminal('connect', f'ws://127.0.0.1:{free_port()}/') as terminal:
            self.assertEqual(terminal.end(), 3)
            self.assertRegex('\n'.join(terminal.screen.lines()), r'\Anaru connect: ')

    def test_output_to_a_terminal_input_from_a_pipe(self):
        """No prompt, but still nothing that could drive the terminal."""
        ours, theirs = pty.openpty()
        with Server(lambda peer: peer.accept().serve_echo()) as server:
            process = subprocess.Popen([NARU, 'connect', server.url], stdin=subprocess.PIPE, stdout=theirs,
                                       env=environment(TERM='xterm', NO_COLOR='1'))
            os.close(theirs)
            process.stdin.write(b'plain \x1b[31m\n')
            process.stdin.close()
            self.assertEqual(Lines(ours).rest(), b'plain \\x1b[31m\r\n')
            self.assertEqual(process.wait(DEADLINE), 0)
        os.close(ours)


if __name__ == '__main__':
    main()
