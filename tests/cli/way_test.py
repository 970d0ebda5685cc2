"""The way to the server as the command line knows it: redirects, credentials, unix sockets in the URL, a pinned key.

Proxies are in tests/wire/client_real_proxies.py.
"""
from naru_cli import *


def redirect(status, location):
    def script(peer):
        peer.read_head()
        script.head = peer.head
        peer.sock.sendall(f'HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n'.encode())
    return script


def accept_and_echo(peer):
    peer.accept()
    accept_and_echo.head = peer.head
    peer.serve_echo()


class Redirects(unittest.TestCase):
    def test_off_unless_asked_for(self):
        with Server(redirect(302, 'ws://127.0.0.1:1/')) as server:
            self.assertEqual(run('connect', server.url),
                             (5, b'', b'naru connect: refused: HTTP 302 Found\n'))

    def test_followed_without_credentials(self):
        with Server(accept_and_echo) as second:
            script = redirect(301, second.url)
            with Server(script) as first:
                status, out, err = run('connect', '-Lv', '--auth', 'me:s3:cret', '--cookie', 'id=1', '--cookie', 'b=2=3',
                                       '-H', 'X-Kept: yes', first.url, stdin=b'hello\n')
        self.assertEqual((status, out), (0, b'hello\n'))
        self.assertIn(f'naru connect: redirected by 301 to {second.url}, without credentials\n'.encode(), err)
        self.assertIn('\r\nAuthorization: Basic bWU6czM6Y3JldA==\r\n', script.head)
        self.assertIn('\r\nCookie: id=1; b=2=3\r\n', script.head)
        for name in ('Authorization', 'Cookie'):
            self.assertNotIn(name, accept_and_echo.head)
        self.assertIn('\r\nX-Kept: yes', accept_and_echo.head)

    def test_one_too_many(self):
        with Server(redirect(302, '/again')) as second:
            with Server(redirect(302, second.url)) as first:
                self.assertEqual(run('connect', '-L', '--max-redirects', '1', first.url),
                                 (5, b'', b'naru connect: the server answered 302, which is one redirect too many\n'))

    def test_to_nowhere(self):
        with Server(redirect(302, 'file:///etc/passwd')) as server:
            status, out, err = run('connect', '--location', server.url)
        self.assertEqual((status, out), (5, b''))
        self.assertIn(b'the server answered 302, a redirect to no place: ', err)


class Ways(unittest.TestCase):
    def test_bad_credentials(self):
        for args in (('--cookie', 'a=b c'), ('--cookie', '=b'), ('--auth', 'a\x01:b')):
            with self.subTest(args):
                self.assertEqual(run('connect', *args, 'ws://127.0.0.1:1/')[:2], (2, b''))

    def test_bad_proxies(self):
        for proxy, text in (('https://p/x', b"the proxy's URL has something behind host and port"),
                            ('ftp://p', b"the proxy's scheme is none of http, https, socks5 and socks5h")):
            with self.subTest(proxy):
                self.assertEqual(run('connect', '--proxy', proxy, 'ws://127.0.0.1:1/'),
                                 (2, b'', b'naru connect: ' + text + b'\n'))

    def test_a_proxy_that_is_not_there(self):
        status, out, err = run('connect', '-v', '--proxy', f'http://127.0.0.1:{free_port()}', 'ws://far.example/')
        self.assertEqual((status, out), (3, b''))
        self.assertIn(b'naru connect: to the proxy: connection to 127.0.0.1:', err)
        self.assertIn(b'failed at connecting of the proxy: NARU_ERR_CONNECT', err)

    def test_a_proxy_without_tls(self):
        with Server(lambda peer: peer.sock.recv(1) and peer.sock.sendall(b'HTTP/1.1 400 x\r\n\r\n')) as server:
            status, out, err = run('connect', '-v', '--proxy', server.url.replace('ws:', 'https:'), 'ws://far.example/')
        self.assertEqual((status, out), (4, b''))
        self.assertIn(b'naru connect: to the proxy: TLS failed: ', err)
        self.assertIn(b'failed at TLS of the proxy: NARU_ERR_TLS', err)

    def test_bad_files_for_the_proxy(self):
        for args in (('--proxy-ca', '/nowhere'), ('--proxy-cert', '/nowhere'), ('--proxy-pinned-key', 'x')):
            with self.subTest(args):
                status, out, err = run('connect', *args, '--proxy', 'https://p', 'ws://127.0.0.1:1/')
                self.assertEqual((status, out), (2, b''))
                self.assertIn(b'naru connect: ', err)

    def test_a_unix_socket_in_the_url(self):
        with tempfile.TemporaryDirectory() as folder, Naru('echo', '--listen', f'unix:{folder}/s') as server:
            server.out.line()
            for url in (f'ws+unix:{folder}/s:/chat', f'WS+UNIX://{folder}/s'):
                self.assertEqual(run('connect', url, stdin=b'hello\n'), (0, b'hello\n', b''))

    def test_a_pinned_key(self):
        with tempfile.TemporaryDirectory() as folder:
            files = [os.path.join(folder, name) for name in ('cert.pem', 'key.pem')]
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                            '-subj', '/CN=x', '-days', '2', '-out', files[0], '-keyout', files[1]], check=True,
                           capture_output=True)
            der = subprocess.run(['openssl', 'pkey', '-in', files[1], '-pubout', '-outform', 'DER'], check=True,
                                 capture_output=True).stdout
            pin = base64.b64encode(hashlib.sha256(der).digest()).decode()
            server, address = echo_server('--tls-cert', files[0], '--tls-key', files[1])
            with server:
                good = run('connect', '-k', '--pinned-key', pin, f'wss://{address}/', stdin=b'hello\n')
                other = base64.b64encode(bytes(32)).decode()
                bad = run('connect', '-k', '--pinned-key', other, f'wss://{address}/', stdin=b'hello\n')
            self.assertEqual(good, (0, b'hello\n', b''))
            self.assertEqual(bad, (4, b'', b'naru connect: certificate verify failed: '
                                           b"the server's public key is not the pinned one\n"))


if __name__ == '__main__':
    main()
