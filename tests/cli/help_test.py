"""What naru says about itself, byte by byte: help, versions, and the errors of a command line.

A changed text: run with NARU_GOLDEN=write, and read the difference before it is kept.
"""
import os

from naru_cli import *

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'golden')


class Help(unittest.TestCase):
    def golden(self, name, data):
        path = os.path.join(GOLDEN, name + '.txt')
        if os.environ.get('NARU_GOLDEN') == 'write':
            os.makedirs(GOLDEN, exist_ok=True)
            with open(path, 'wb') as file:
                file.write(data)
        with open(path, 'rb') as file:
            self.assertEqual(file.read().decode(), data.decode())

    def test_help_of_each_command(self):
        for command in ('connect', 'serve', 'echo', 'probe', 'bench'):
            status, out, err = run('help', command)
            self.assertEqual((status, err), (0, b''))
            self.golden('help-' + command, out)
            self.assertEqual(run(command, '--help'), (0, out, b''))
            self.assertEqual(run(command, '-h'), (0, out, b''))

    def test_overview(self):
        status, out, err = run('help')
        self.assertEqual((status, err), (0, b''))
        self.golden('help', out)
        self.assertEqual(run('--help'), (0, out, b''))
        self.assertEqual(run(), (2, b'', out))

    def test_lines_fit_a_terminal(self):
        for command in ('connect', 'serve', 'echo', 'probe', 'bench'):
            for line in run('help', command)[1].decode().split('\n'):
                self.assertLessEqual(len(line), 110, line)

    def test_the_manual_knows_all_that_the_help_knows(self):
        root = os.path.join(os.path.dirname(GOLDEN), '../..')
        with open(os.path.join(root, 'docs/man/naru.1'), encoding='ascii') as file:
            manual = file.read()
        sections = dict(re.findall(r'(?s)\.Ss naru (\w+)\n(.*?)(?=\n\.S[sh] )', manual))
        for command in ('connect', 'serve', 'echo', 'probe', 'bench'):
            told = run('help', command)[1].decode()
            options = re.findall(r'(?m)^  (?:-(\w), |    )--([a-z0-9-]+)', told)
            self.assertGreaterEqual(len(options), 5)
            for letter, name in options:
                self.assertRegex(sections[command], rf'(?m)^\.It .*Fl -{name}\b', f'--{name} of {command}')
                if letter:
                    self.assertRegex(sections[command], rf'(?m)^\.It .*Fl {letter} , Fl -{name}\b')
        for status, text in re.findall(r'(?m)^  (\d+) +(.*)$', run('help', 'connect')[1].decode()):
            self.assertIn(f'.It {status}\n{text}\n', manual)

    def test_version(self):
        with open(os.path.join(os.path.dirname(GOLDEN), '../../include/naru/version.h'), encoding='utf-8') as file:
            version = re.search(r'NARU_VERSION "([^"]+)"', file.read()).group(1)
        self.assertEqual(run('--version'), (0, f'naru {version}\n'.encode(), b''))
        self.assertEqual(run('version'), (0, f'naru {version}\n'.encode(), b''))

    def test_a_full_stdout_is_an_error(self):
        with open('/dev/full', 'wb') as full:
            done = subprocess.run([NARU, 'help'], stdout=full, stderr=subprocess.PIPE, timeout=DEADLINE)
        self.assertEqual((done.returncode, done.stderr),
                         (1, b'naru: cannot write to stdout: No space left on device\n'))


class Usage(unittest.TestCase):
    def complains(self, args, text, command=None):
        status, out, err = run(*args)
        self.assertEqual((status, out), (2, b''))
        self.assertEqual(err.decode(), f'naru{" " + command if command else ""}: {text}\n'
                                       f'Try: naru help{" " + command if command else ""}\n')

    def test_commands(self):
        self.complains(['conect'], "unknown command 'conect'; did you mean 'connect'?")
        self.complains(['server'], "unknown command 'server'; did you mean 'serve'?")
        self.complains(['zzz'], "unknown command 'zzz'")
        self.complains(['--frob'], "unknown option '--frob'")
        self.complains(['help', 'ecoh'], "unknown command 'ecoh'; did you mean 'echo'?")

    def test_connect(self):
        for args, text in (
                ([], 'a URL is missing'),
                (['a', 'b'], "unexpected argument 'b'"),
                (['--heder', 'x'], 'unknown option --heder; did you mean --header?'),
                (['--protcol=x'], 'unknown option --protcol; did you mean --protocol?'),
                (['--whatever'], 'unknown option --whatever'),
                (['-Z'], 'unknown option -Z'),
                (['--origin'], '--origin wants a value: ORIGIN'),
                (['--raw=1'], '--raw takes no value'),
                (['--count', '0', 'x'], "--count wants a number from 1 to 18446744073709551615, not '0'"),
                (['--count', '-1', 'x'], "--count wants a number from 1 to 18446744073709551615, not '-1'"),
                (['--count', '18446744073709551616', 'x'],
                 "--count wants a number from 1 to 18446744073709551615, not '18446744073709551616'"),
                (['--max-message', '1T', 'x'], "--max-message wants a number from 1 to 4294967295, not '1T'"),
                (['--max-message', '4G', 'x'], "--max-message wants a number from 1 to 4294967295, not '4G'"),
                (['--wait', '1s', 'x'], "--wait wants seconds from 0 to 4.29497e+06, not '1s'"),
                (['--header', 'nocolon', 'x'], "--header wants 'NAME: VALUE', not 'nocolon'"),
                (['--header', 'bad name: x', 'x'], "--header wants 'NAME: VALUE', not 'bad name: x'"),
                (['--hex', '--base64', 'x'], '--base64, --hex and --raw exclude each other'),
                (['-qv', 'x'], '--quiet and --verbose exclude each other'),
                (['--close-code', '1001', 'x'], '--close-code: a client may close with 1000 or 3000 to 4999'),
                (['--close-reason', 'x' * 124, 'x'], '--close-reason: UTF-8 of 123 bytes at most'),
                (['--cookie', 'nothing', 'x'], "--cookie wants NAME=VALUE, not 'nothing'"),
                (['--auth', 'x' * 1024, 'x'], '--auth: 1023 bytes at most'),
                (['--max-redirects', '3', 'x'], '--max-redirects goes with --location'),
                (['--max-redirects', '0', '-L', 'x'], "--max-redirects wants a number from 1 to 1000, not '0'"),
                (['--unix', '/x', '--proxy', 'http://x', 'x'], '--unix and --proxy exclude each other'),
                (['--unix', 'x' * 108, 'x'], "--unix: a socket's path has 107 bytes at most")):
            with self.subTest(args):
                self.complains(['connect', *args], text, 'connect')

    def test_echo(self):
        for args, text in (
                ([], 'say one of --listen ADDRESS and --connect URL'),
                (['--listen', ':0', '--connect', 'x'], 'say one of --listen ADDRESS and --connect URL'),
                (['--listen', ':0', '--threads', '0'], "--threads wants a number from 1 to 256, not '0'"),
                (['--listen', ':0', '--backend', 'poll'], '--backend is auto, epoll or io_uring'),
                (['--listen', ':0', '--tls-key', 'x'], '--tls-key goes with --tls-cert')):
            with self.subTest(args):
                self.complains(['echo', *args], text, 'echo')

    def test_serve(self):
        self.complains(['serve', '/nowhere/at/all'], "'/nowhere/at/all' is not a directory", 'serve')
        self.complains(['serve', '--port', '1'], 'unknown option --port', 'serve')

    def test_probe(self):
        for args, text in (
                ([], 'a URL is missing'),
                (['-k', 'ws://localhost/'], '--ca and --insecure are for wss'),
                (['-g', 'frames', 'x'], "unknown group 'frames'"),
                (['-H', 'a: b\r\nc: d', 'x'], "--header wants 'NAME: VALUE', not 'a: b\r\nc: d'")):
            with self.subTest(args):
                self.complains(['probe', *args], text, 'probe')

    def test_bench(self):
        for args, text in (
                ([], 'a URL is missing'),
                (['-c', '0', 'x'], "--connections wants a number from 1 to 1000000, not '0'"),
                (['-d', '2', '-r', '5', 'x'], '--depth and --rate exclude each other'),
                (['--content', 'latin', 'x'], '--content is ascii, korean, json or random'),
                (['-H', 'a b: c', 'x'], "--header wants 'NAME: VALUE', not 'a b: c'")):
            with self.subTest(args):
                self.complains(['bench', *args], text, 'bench')

    def test_connect_looking_on(self):
        for args, text in (
                (['--json', '--raw', 'x'], '--json has a form of its own for messages'),
                (['--raw', '--timestamps', 'x'], '--raw is for the bytes of messages alone'),
                (['--replay', 'f', '-1', 'm', 'x'], '--replay and --once exclude each other'),
                (['--speed', 'fast', 'x'], "--speed wants a number from 0 to 1e+06, not 'fast'")):
            with self.subTest(args):
                self.complains(['connect', *args], text, 'connect')

    def test_too_many_of_a_kind(self):
        many = [word for _ in range(65) for word in ('-H', 'A: b')]
        self.complains(['connect', *many, 'x'], '--header was given more than 64 times', 'connect')

    def test_bad_urls(self):
        for url in ('ftp://localhost/', 'ws://', 'ws://localhost/#part', 'ws://local host/', 'ws://localhost:99999/'):
            with self.subTest(url):
                status, out, err = run('connect', url)
                self.assertEqual((status, out), (2, b''))
                self.assertRegex(err, rb'\Anaru connect: [^\n]+\n\Z')


if __name__ == '__main__':
    main()
