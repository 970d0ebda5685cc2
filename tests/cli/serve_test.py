"""naru serve: the page, a directory, the endpoints, and the chat between two clients."""
import http.client

from naru_cli import *


class Serve(Naru):
    """naru serve on a free port."""

    def __init__(self, *args):
        super().__init__('serve', '--listen', '127.0.0.1:0', *args)
        self.announced = [self.out.line().decode()]
        self.address = re.search(r'//([^/]+)/', self.announced[0]).group(1)

    def get(self, path, method='GET', **fields):
        connection = http.client.HTTPConnection(self.address, timeout=DEADLINE)
        connection.request(method, path, headers=fields)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body


class Pages(unittest.TestCase):
    def test_what_it_prints(self):
        with Serve() as serve:
            self.assertEqual(serve.announced, [f'naru serve: open http://{serve.address}/'])
            for endpoint in ('chat', 'echo', 'broadcast'):
                self.assertEqual(serve.out.line().decode(), f'naru serve: ws://{serve.address}/{endpoint}')
            serve.signal(signal.SIGINT)
            self.assertEqual((serve.wait(), serve.out.rest(), serve.err.rest()), (0, b'', b''))

    def test_the_page_and_its_policy(self):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../web/chat')
        with Serve() as serve:
            for path, file, kind in (('/', 'index.html', 'text/html; charset=utf-8'),
                                     ('/chat.js', 'chat.js', 'text/javascript; charset=utf-8'),
                                     ('/chat.css', 'chat.css', 'text/css; charset=utf-8'),
                                     ('/favicon.svg', 'favicon.svg', 'image/svg+xml')):
                with self.subTest(path), open(os.path.join(source, file), 'rb') as content:
                    answer, body = serve.get(path)
                    self.assertEqual((answer.status, answer.getheader('Content-Type')), (200, kind))
                    self.assertEqual(body, content.read())
                    policy = answer.getheader('Content-Security-Policy')
                    self.assertIn("default-src 'none'", policy)
                    self.assertNotIn('unsafe', policy)
                    self.assertEqual(answer.getheader('X-Content-Type-Options'), 'nosniff')
                    head, nothing = serve.get(path, 'HEAD')
                    self.assertEqual((head.status, head.getheader('Content-Length'), nothing),
                                     (200, str(len(body)), b''))
            answer, _ = serve.get('/', 'POST')
            self.assertEqual((answer.status, answer.getheader('Allow')), (405, 'GET, HEAD'))
            self.assertEqual(serve.get('/nothing')[0].status, 404)

    def test_the_page_keeps_to_its_policy(self):
        """No inline script or style, nothing from elsewhere, and nobody's text as markup."""
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../web/chat')
        with open(os.path.join(source, 'index.html'), encoding='utf-8') as file:
            page = file.read()
        self.assertNotRegex(page, r'<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|https?://')
        with open(os.path.join(source, 'chat.js'), encoding='utf-8') as file:
            self.assertNotRegex(file.read(),
                                r'innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|\.style\b')

    def test_a_directory(self):
        with tempfile.TemporaryDirectory() as directory:
            with open(os.path.join(directory, 'index.html'), 'w', encoding='ascii') as file:
                file.write('<p>mine')
            with open(os.path.join(directory, '.secret'), 'w', encoding='ascii') as file:
                file.write('x')
            with Serve(directory) as serve:
                self.assertEqual(serve.get('/')[1], b'<p>mine')
                self.assertEqual(serve.get('/chat.js')[0].status, 404)
                self.assertEqual(serve.get('/.secret')[0].status, 404)
                self.assertEqual(serve.get('/../../etc/passwd')[0].status // 100, 4)
                with dial(serve.address, '/echo') as peer:
                    peer.send(TEXT, 'x')
                    self.assertEqual(peer.text(), 'x')

    def test_the_default_address_or_a_free_one(self):
        """Whether or not 8080 is free just now, two of them get two addresses."""
        with Naru('serve') as one:
            first = one.out.line()
            self.assertRegex(first, rb'\Anaru serve: open http://127\.0\.0\.1:\d+/\Z')
            with Naru('serve') as two:
                second = two.out.line()
                self.assertRegex(second, rb'\Anaru serve: open http://127\.0\.0\.1:\d+/\Z')
                self.assertNotIn(second, (first, b'naru serve: open http://127.0.0.1:8080/'))
                two.signal(signal.SIGTERM)
                self.assertEqual((two.wait(), two.err.rest()), (0, b''))

    def test_an_address_that_was_asked_for_is_not_replaced(self):
        with Serve() as serve:
            status, out, err = run('serve', '--listen', serve.address)
            self.assertEqual((status, out), (1, b''))
            self.assertIn(serve.address.encode(), err)

    def test_tls_and_unix(self):
        with tempfile.TemporaryDirectory() as directory:
            cert, key = certificate(directory)
            path = os.path.join(directory, 'socket')
            with Naru('serve', '--listen', f'unix:{path}', '--listen', '127.0.0.1:0', '--tls-cert', cert, '--tls-key',
                      key) as serve:
                self.assertEqual(serve.out.line(), b'naru serve: listening on unix:' + path.encode())
                url = serve.out.line().decode().split()[-1]
                self.assertTrue(url.startswith('https://127.0.0.1:'), url)
                self.assertEqual(serve.out.line().decode(), f'naru serve: wss{url[5:]}chat')
                target = f'wss{url[5:]}echo'
                self.assertEqual(run('connect', '--ca', cert, target, stdin=b'x\n'), (0, b'x\n', b''))


class Endpoints(unittest.TestCase):
    def test_only_pages_of_the_same_host(self):
        def status(serve, origin):
            name, port = serve.address.rsplit(':', 1)
            with Peer(socket.create_connection((name, int(port)), DEADLINE), masks=True) as peer:
                return peer.ask(serve.address, '/chat', f'Origin: {origin}').split()[1]
        with Serve() as serve:
            self.assertEqual(status(serve, f'http://{serve.address}'), '101')
            self.assertEqual(status(serve, 'http://elsewhere.example'), '403')
        with Serve('--allow-origin', 'http://elsewhere.example', '--allow-origin', 'http://too.example') as serve:
            self.assertEqual(status(serve, 'http://too.example'), '101')
            self.assertEqual(status(serve, 'http://other.example'), '403')

    def test_broadcast(self):
        with Serve() as serve, dial(serve.address, '/broadcast') as one, dial(serve.address, '/broadcast') as two:
            # Both are known to be in once they hear themselves.
            two.send(TEXT, 'two is here')
            self.assertEqual(two.text(), 'two is here')
            self.assertEqual(one.text(), 'two is here')
            one.send(BINARY, b'\0\xff')
            self.assertEqual(one.message(), (BINARY, b'\0\xff'))
            self.assertEqual(two.message(), (BINARY, b'\0\xff'))
            two.close()
            self.assertEqual(two.message()[0], CLOSE)
            one.send(TEXT, 'alone')
            self.assertEqual(one.text(), 'alone')

    def test_stop_says_going_away(self):
        with Serve() as serve:
            peers = [dial(serve.address, path) for path in ('/chat', '/echo', '/broadcast')]
            self.assertEqual(peers[0].text(), 'hello 1 guest-1')
            serve.signal(signal.SIGTERM)
            for peer in peers:
                opcode, data = peer.message()
                self.assertEqual((opcode, data[:2]), (CLOSE, struct.pack('!H', 1001)))
                peer.send(CLOSE, data[:2])
                peer.sock.close()
            self.assertEqual(serve.wait(), 0)

    def test_max_message(self):
        with Serve('--max-message', '10') as serve, dial(serve.address, '/echo') as peer:
            peer.send(TEXT, '0123456789')
            self.assertEqual(peer.text(), '0123456789')
            peer.send(TEXT, '0123456789!')
            opcode, data = peer.message()
            self.assertEqual((opcode, data[:2]), (CLOSE, struct.pack('!H', 1009)))


class Chat(unittest.TestCase):
    def setUp(self):
        self.serve = Serve()
        self.addCleanup(self.serve.__exit__)

    def enter(self):
        peer = dial(self.serve.address, '/chat')
        self.addCleanup(peer.sock.close)
        return peer

    def hears(self, peer, *lines):
        for line in lines:
            self.assertEqual(peer.text(), line)

    def test_two_people(self):
        one = self.enter()
        self.hears(one, 'hello 1 guest-1')
        two = self.enter()
        self.hears(two, 'hello 2 guest-2', 'here 1 guest-1')
        self.hears(one, 'join 2 guest-2')
        one.send(TEXT, 'name Sung-min 성민')
        for peer in (one, two):
            self.hears(peer, 'name 1 Sung-min 성민')
        two.send(TEXT, 'say <b>hello</b>\nand more ')
        for peer in (one, two):
            self.hears(peer, 'say 2 <b>hello</b>\nand more ')
        one.send(TEXT, 'ping 12345678901234567890')
        self.hears(one, 'pong 12345678901234567890')
        three = self.enter()
        self.assertEqual(three.text(), 'hello 3 guest-3')
        self.assertEqual({three.text(), three.text()}, {'here 1 Sung-min 성민', 'here 2 guest-2'})
        self.hears(one, 'join 3 guest-3')
        one.close()
        self.assertEqual(one.message()[0], CLOSE)
        self.hears(two, 'join 3 guest-3', 'leave 1')
        self.hears(three, 'leave 1')
        # Without a goodbye, too.
        three.sock.close()
        self.hears(two, 'leave 3')

    def test_names_and_texts_at_their_limits(self):
        one = self.enter()
        self.hears(one, 'hello 1 guest-1')
        for name in ('x', 'y' * 32, '성' * 32, '⛴' * 32, '😀' * 24):
            one.send(TEXT, 'name ' + name)
            self.hears(one, 'name 1 ' + name)
        for name in ('', ' x', 'x ', ' ', 'y' * 33, '😀' * 25, 'a\nb', 'a\tb', 'a\u202eb', 'a\u200bb', 'a\x7f',
                     'a\u0085'):
            one.send(TEXT, 'name ' + name)
            self.hears(one, 'error name a name has 1 to 32 visible characters')
        one.send(TEXT, 'say ' + 'x' * 4000)
        self.hears(one, 'say 1 ' + 'x' * 4000)
        for text in ('', 'x' * 4001, 'a\x1b[2J', 'a\0'):
            one.send(TEXT, 'say ' + text)
            self.hears(one, 'error text a message has 1 to 4000 bytes of plain text')

    def test_who_does_not_speak_the_protocol_is_shown_out(self):
        for opcode, data, code in ((TEXT, 'shout x', 1008), (TEXT, '', 1008), (TEXT, 'say', 1008),
                                   (TEXT, 'Say x', 1008), (TEXT, 'ping x', 1008), (TEXT, 'ping ', 1008),
                                   (TEXT, 'ping ' + '1' * 21, 1008), (TEXT, ' say x', 1008),
                                   (BINARY, b'say x', 1003)):
            with self.subTest(data):
                peer = self.enter()
                self.assertRegex(peer.text(), r'\Ahello ')
                peer.send(opcode, data)
                while (message := peer.message())[0] == TEXT:
                    pass
                self.assertEqual((message[0], message[1][:2]), (CLOSE, struct.pack('!H', code)))
                peer.send(CLOSE, message[1][:2])
                self.assertRaises((EOFError, ConnectionError), peer.take, 1)

    def test_too_fast(self):
        one = self.enter()
        self.hears(one, 'hello 1 guest-1')
        for i in range(300):
            one.send(TEXT, f'say {i}')
        said = refused = 0
        while (message := one.message())[0] == TEXT:
            if message[1].startswith(b'say 1 '):
                said += 1
            else:
                self.assertEqual(message[1], b'error rate too fast: 10 lines a second')
                refused += 1
        self.assertEqual((message[0], message[1][:2]), (CLOSE, struct.pack('!H', 1008)))
        self.assertGreaterEqual(said, 30)
        self.assertGreaterEqual(refused, 50)

    def test_a_full_room(self):
        peers = [self.enter() for _ in range(500)]
        self.assertRegex(peers[-1].text(), r'\Ahello 500 ')
        late = self.enter()
        opcode, data = late.message()
        self.assertEqual((opcode, data), (CLOSE, struct.pack('!H', 1013) + b'the room is full'))
        late.send(CLOSE, data[:2])
        self.assertRaises(EOFError, late.take, 1)
        peers[0].sock.close()
        while peers[1].text() != 'leave 1':
            pass
        self.assertEqual(self.enter().text(), 'hello 501 guest-501')


if __name__ == '__main__':
    main()
