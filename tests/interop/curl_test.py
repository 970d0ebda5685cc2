"""curl, as a stranger to naru's HTTP side: pages, files, ranges, conditions, refusals, and the upgrade by hand."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../cli'))

from naru_cli import *  # noqa: E402

DATA = bytes(range(256)) * 4096


class Curl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        root = os.path.join(cls.directory.name, 'root')
        os.mkdir(root)
        with open(os.path.join(root, 'data.bin'), 'wb') as file:
            file.write(DATA)
        with open(os.path.join(root, 'index.html'), 'wb') as file:
            file.write(b'<!doctype html><title>landing</title>\n')
        cls.cert, key = certificate(cls.directory.name)
        cls.server = Naru('serve', '--listen', '127.0.0.1:0', root)
        cls.base = re.search(rb'http://[^/]+/', cls.server.out.line()).group(0).decode()
        cls.secure = Naru('serve', '--listen', '127.0.0.1:0', '--tls-cert', cls.cert, '--tls-key', key, root)
        cls.secure_base = re.search(rb'https://[^/]+/', cls.secure.out.line()).group(0).decode()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.secure.__exit__()
        cls.directory.cleanup()

    def curl(self, *args, data=b''):
        """(exit status, "HTTP-STATUS SIZE", body)"""
        out = os.path.join(self.directory.name, 'out')
        open(out, 'wb').close()
        done = subprocess.run(['curl', '-q', '-sS', '--max-time', str(DEADLINE), '--noproxy', '*', '-o', out, '-w',
                               '%{http_code} %{size_download}', *args], input=data, capture_output=True, check=False)
        with open(out, 'rb') as file:
            return done.returncode, done.stdout.decode(), file.read()

    def test_a_page_and_a_file(self):
        for base, more in ((self.base, []), (self.secure_base, ['--cacert', self.cert])):
            with self.subTest(base):
                self.assertEqual(self.curl(*more, base), (0, '200 38', b'<!doctype html><title>landing</title>\n'))
                self.assertEqual(self.curl(*more, base + 'data.bin'), (0, f'200 {len(DATA)}', DATA))

    def test_a_certificate_that_curl_does_not_know(self):
        self.assertEqual(self.curl(self.secure_base)[:2], (60, '000 0'))

    def test_ranges(self):
        for wanted, expected in (('0-9', DATA[:10]), ('1000-1999', DATA[1000:2000]), ('-7', DATA[-7:]),
                                 (f'{len(DATA) - 1}-', DATA[-1:])):
            with self.subTest(wanted):
                self.assertEqual(self.curl('-r', wanted, self.base + 'data.bin'),
                                 (0, f'206 {len(expected)}', expected))
        self.assertEqual(self.curl('-r', f'{len(DATA)}-', self.base + 'data.bin')[1].split()[0], '416')

    def test_a_download_that_goes_on_where_it_broke_off(self):
        out = os.path.join(self.directory.name, 'part')
        with open(out, 'wb') as file:
            file.write(DATA[:12345])
        subprocess.run(['curl', '-q', '-sS', '--noproxy', '*', '-C', '-', '-o', out, self.base + 'data.bin'], check=True,
                       timeout=DEADLINE)
        with open(out, 'rb') as file:
            self.assertEqual(file.read(), DATA)

    def test_conditions(self):
        tag = os.path.join(self.directory.name, 'etag')
        self.assertEqual(self.curl('--etag-save', tag, self.base + 'data.bin')[1], f'200 {len(DATA)}')
        self.assertEqual(self.curl('--etag-compare', tag, self.base + 'data.bin'), (0, '304 0', b''))
        self.assertEqual(self.curl('--etag-compare', tag, self.base + 'index.html')[1], '200 38')

    def test_one_connection_for_many(self):
        told = subprocess.run(['curl', '-q', '-sS', '--noproxy', '*', '-w', '%{num_connects} ', '-o', '/dev/null', self.base,
                               '-o', '/dev/null', self.base + 'none', '-o', '/dev/null', self.base + 'data.bin'],
                              capture_output=True, timeout=DEADLINE, check=True).stdout
        self.assertEqual(told, b'1 0 0 ')

    def test_refusals(self):
        self.assertEqual(self.curl(self.base + 'none')[1].split()[0], '404')
        self.assertEqual(self.curl('--path-as-is', self.base + '../../etc/passwd')[1].split()[0], '404')
        self.assertEqual(self.curl('-X', 'DELETE', self.base + 'data.bin')[1].split()[0], '405')

    def test_a_plain_request_to_a_websocket(self):
        server, address = echo_server()
        with server:
            self.assertEqual(self.curl(f'http://{address}/')[1].split()[0], '426')

    def test_a_body_that_is_too_long(self):
        """413 before the body is sent: curl asks with Expect: 100-continue."""
        path = os.path.join(self.directory.name, 'large')
        with open(path, 'wb') as file:
            file.truncate(2 << 20)
        self.assertEqual(self.curl('-H', 'Expect: 100-continue', '--data-binary', '@' + path, self.base)[1].split()[0],
                         '413')

    def test_the_upgrade_by_hand(self):
        """This curl has no ws://, but it can ask, and take the 101 for the answer."""
        done = subprocess.run(['curl', '-q', '-sS', '--noproxy', '*', '--http1.1', '-i', '-N', '--max-time', '1', '-H',
                               'Connection: Upgrade', '-H', 'Upgrade: websocket', '-H', 'Sec-WebSocket-Version: 13', '-H',
                               'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', self.base + 'echo'], capture_output=True,
                              timeout=DEADLINE, check=False)
        self.assertRegex(done.stdout, rb'\AHTTP/1\.1 101 [^\r]*\r\n')
        self.assertIn(b'\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n', done.stdout)


if __name__ == '__main__':
    main()
