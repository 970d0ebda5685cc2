"""The HTTP half of the catalogue on a real socket: every refusal has its exact status, and a twin that differs in one byte or
one field and is accepted. RFC 6455 4.2, RFC 7692 7.1, RFC 9112."""
import socket
import sys
import time

import frames
from checks import Checks
from conn import KEY, Conn, request
from frames import CLOSE, TEXT, close_payload

check = Checks()
LINE_MAX, HEAD_MAX, FIELDS_MAX = 8192, 16384, 100
EXTENSIONS = "Sec-WebSocket-Extensions"
PROTOCOLS = "Sec-WebSocket-Protocol"


def exchange(naru, data, chop=None, pause=0.0):
    """(status, head, how the stream ended after a refusal)."""
    conn = Conn.dial(naru.address)
    if chop:
        conn.chop(data, chop, pause)
    else:
        conn.send(data)
    head, body = conn.read_head()
    if head is None:
        conn.drop()
        raise AssertionError(f"no answer but {body!r} to {data[:200]!r}")
    ended = None
    if head.status == 101:
        conn.start()
        conn.send_frame(TEXT, b"twin")
        assert conn.event() == ("text", b"twin"), "the accepted connection does not echo"
        conn.close()
    else:
        rest, ended = conn.read_end()
        assert not rest, f"{head.status} and then {rest[:100]!r}"
        conn.drop()
    return head.status, head, ended


def refused(naru, status, data, **options):
    got, head, ended = exchange(naru, data, **options)
    assert got == status, f"wanted {status}, got {head.first} to {data[:300]!r}"
    assert ended == "eof", f"after {got} the stream ended by {ended}"
    assert (head.get("Connection") or "").lower() == "close", f"{got} without Connection: close"
    return head


def accepted(naru, data, **options):
    got, head, _ = exchange(naru, data, **options)
    assert got == 101, f"wanted 101, got {head.first} to {data[:300]!r}"
    return head


@check
def t1_many_fields(naru):
    base = 5
    good = [(f"X{i}", "1") for i in range(FIELDS_MAX - base)]
    accepted(naru, request(fields=good))
    refused(naru, 431, request(fields=good + [("Y", "1")]))
    refused(naru, 431, request(fields=[("X", "1")] * 2000))
    refused(naru, 431, request(fields=[("X", "1")] * 20000))


@check
def t2_long_target(naru):
    rest = len("GET  HTTP/1.1")
    accepted(naru, request("/" + "a" * (LINE_MAX - rest - 1)))
    refused(naru, 414, request("/" + "a" * (LINE_MAX - rest)))
    refused(naru, 414, b"G" * 100000)


@check
def t3_long_head_byte_by_byte(naru):
    good = request(fields=[("X", "a" * 7000), ("Y", "")])
    room = HEAD_MAX - len(good)
    full = request(fields=[("X", "a" * 7000), ("Y", "b" * room)])
    assert len(full) == HEAD_MAX
    accepted(naru, full)
    over = request(fields=[("X", "a" * 7000), ("Y", "b" * (room + 1))])
    refused(naru, 431, over)
    before = naru.cpu_seconds()
    refused(naru, 431, over, chop=1)
    assert naru.cpu_seconds() - before < 2, "reading a head byte by byte is not linear"


@check
def t4_blanks_in_a_protocol_list(naru):
    accepted(naru, request(fields=[(PROTOCOLS, "b" + " " * 5000 + ", x")]))
    before = naru.cpu_seconds()
    refused(naru, 400, request(fields=[(PROTOCOLS, "b" + " " * 7000 + "x")]))
    refused(naru, 431, request(fields=[(PROTOCOLS, "b" + " " * 32000 + "x")]))
    assert naru.cpu_seconds() - before < 0.1


@check
def t5_two_hundred_slow_handshakes(naru):
    slow = [Conn.dial(naru.address) for _ in range(200)]
    bytes_due = request()
    for at in range(20):
        for conn in slow:
            conn.send(bytes_due[at:at + 1])
        started = time.monotonic()
        accepted(naru, request())
        assert time.monotonic() - started < 2, "a good client had to wait for slow ones"
    assert all(conn.ended is None for conn in slow)
    for conn in slow:
        conn.drop()


@check
def t5_the_deadline_is_not_moved_by_bytes(naru):
    started = time.monotonic()
    conn = Conn.dial(naru.address)
    data = request(fields=[("X", "a" * 1000)])
    at = 0
    while time.monotonic() - started < 20 and conn.ended is None and not conn.raw:
        conn.send(data[at:at + 1])
        at += 1
        conn._wait(time.monotonic() + 0.25)
    took = time.monotonic() - started
    head, body = conn.read_head(2)
    conn.drop()
    assert head is not None and head.status == 408, f"{head.first if head else body!r} after {took:.1f} s"
    assert 9 <= took <= 15, f"the deadline of 10 s came after {took:.1f} s"


@check
def t6_methods_and_versions(naru):
    for method in ("POST", "HEAD", "CONNECT", "PUT", "get"):
        target = "localhost:80" if method == "CONNECT" else "/"
        head = exchange_any(naru, request(target, method=method))
        assert head.status in (405, 400) if method in ("CONNECT", "get") else head.status == 405, f"{method}: {head.first}"
        if head.status == 405:
            assert head.get("Allow"), f"405 to {method} without Allow"
    accepted(naru, request())
    for version, status in (("HTTP/1.0", (400, 505)), ("HTTP/0.9", (400, 505)), ("HTTP/2.0", (400, 505)), ("HTTP/1.2", (101, 400, 505)),
                            ("http/1.1", (400,)), ("HTTP/1.1x", (400,)), ("HTTP/11", (400,))):
        head = exchange_any(naru, request(version=version))
        assert head.status in status, f"{version}: {head.first}"
    refused(naru, 400, b"GET /\r\n\r\n")


def exchange_any(naru, data):
    conn = Conn.dial(naru.address)
    conn.send(data)
    head, body = conn.read_head()
    conn.drop()
    assert head is not None, f"no answer but {body!r} to {data[:100]!r}"
    return head


@check
def t7_keys(naru):
    accepted(naru, request())
    for key in (None, "", "dGhl", KEY[:-1], KEY + "=", KEY[:-3] + "===", "*" + KEY[1:], KEY[:10] + " " + KEY[11:], "A" * 24,
                KEY[:-3] + "R=="):
        refused(naru, 400, request(sec_websocket_key=key))
    refused(naru, 400, request(fields=[("Sec-WebSocket-Key", KEY)]))


@check
def t7_versions(naru):
    for version in ("8", "0", "255", "13, 13", "+13", "013", "13.0", "1 3", "12", "14", "", None):
        head = refused_any(naru, request(sec_websocket_version=version), (426,) if version else (426, 400))
        if head.status == 426:
            assert head.all("Sec-WebSocket-Version") == ["13"], f"426 with version {head.all('Sec-WebSocket-Version')}"
            assert "websocket" in (head.get("Upgrade") or "").lower(), "426 without Upgrade"
    refused_any(naru, request(fields=[("Sec-WebSocket-Version", "13")]), (400, 426))
    refused_any(naru, request(fields=[("Sec-WebSocket-Version", "8")]), (400, 426))


def refused_any(naru, data, statuses):
    got, head, ended = exchange(naru, data)
    assert got in statuses and ended == "eof", f"wanted {statuses}, got {head.first}, {ended} to {data[:300]!r}"
    return head


def not_an_upgrade(naru, data):
    """A request that does not ask for WebSocket is plain HTTP: refused, and the connection ends exactly when the answer says so."""
    conn = Conn.dial(naru.address)
    conn.send(data + data)
    for _ in range(2):
        head, body = conn.read_head()
        assert head and head.status in (400, 426), f"{head.first if head else body!r} to {data[:300]!r}"
        if (head.get("Connection") or "").lower() == "close":
            assert conn.read_end() == (b"", "eof"), f"no end after Connection: close to {data[:300]!r}"
            break
    conn.drop()


@check
def t8_origins(naru):
    host = "127.0.0.1:%d" % naru.port
    good = ["http://" + host, "https://" + host, "HTTP://" + host, None]
    for origin in good:
        accepted(naru, request(host=host, origin=origin))
    bad = ["null", "http://127.0.0.1:1", "http://127.0.0.1", "http://evil-127.0.0.1:%d" % naru.port, "http://%s.evil" % host,
           "http://user@" + host, "http://%s/" % host, "file://", "ftp://" + host, "http://" + host + " http://" + host, "",
           "http://\u00e9.example"]
    for origin in bad:
        refused(naru, 403, request(host=host, origin=origin))
    names = "localhost:%d" % naru.port
    accepted(naru, request(host=names, origin="http://LOCALHOST:%d" % naru.port))
    refused(naru, 403, request(host=names, origin="http://localhost.evil.com:%d" % naru.port))
    refused_any(naru, request(host=host, fields=[("Origin", "http://" + host), ("Origin", "http://" + host)]), (400, 403))


@check
def t9_lines(naru):
    good = request(fields=[("X", "y")])
    accepted(naru, good)
    field = b"\r\nX: y\r\n"
    for wrong in (b"\r\nX: y\r\n folded\r\n", b"\nX: y\r\n", b"\r\nX: y\n", b"\r\nX: y\0\r\n", b"\r\nX : y\r\n", b"\r\n: y\r\n",
                  b"\r\nX\x80: y\r\n", b"\r\nX y\r\n", b"\r\n X: y\r\n",
                  b"\r\nX: y\rz\r\n", b"\r\nX: \x01\r\n", b"\r\nX: \x7f\r\n", b"\r\nX(: y\r\n"):
        refused(naru, 400, good.replace(field, wrong))
    for right in (b"\r\nX:y\r\n", b"\r\nX:   y \t \r\n", b"\r\nX:\r\n", b"\r\nX: \xe9\xff\r\n", b"\r\nX: a\tb\r\n",
                  b"\r\nX!#$%&'*+-.^_`|~: y\r\n"):
        accepted(naru, good.replace(field, right))
    for wrong in (b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b" GET / HTTP/1.1", b"GET /\tHTTP/1.1", b"GET / a HTTP/1.1", b"G@T / HTTP/1.1",
                  b"GET /\x80\x00 HTTP/1.1", b"GET /\x7f HTTP/1.1"):
        refused(naru, 400, good.replace(b"GET / HTTP/1.1", wrong))
    accepted(naru, b"\r\n" + good)
    refused(naru, 400, b"\n" + good)


@check
def t10_bodies(naru):
    for fields, body in (([("Content-Length", "5")], b"hello"), ([("Transfer-Encoding", "chunked")], b"0\r\n\r\n"),
                         ([("Content-Length", "5"), ("Transfer-Encoding", "chunked")], b"0\r\n\r\n"),
                         ([("Content-Length", "0"), ("Content-Length", "0")], b""), ([("Content-Length", "")], b""),
                         ([("Content-Length", "+5")], b"hello"), ([("Content-Length", "5,5")], b"hello"), ([("Content-Length", "-0")], b""),
                         ([("Content-Length", "0x5")], b"hello"), ([("Content-Length", "18446744073709551616")], b""),
                         ([("Transfer-Encoding", "identity")], b""), ([("Transfer-Encoding", "chunked, chunked")], b"")):
        refused(naru, 400, request(fields=fields) + body)
    accepted(naru, request(fields=[("Content-Length", "0")]))


@check
def t10_smuggling(naru):
    """Behind a refused upgrade nothing is read as a request."""
    second = b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n"
    refused(naru, 400, request(sec_websocket_key="bad") + second)
    refused(naru, 426, request(sec_websocket_version="8") + second)
    refused(naru, 400, request(fields=[("Content-Length", str(len(second)))]) + second)


@check
def t10_doubles(naru):
    refused(naru, 400, request(fields=[("Host", "localhost")]))
    refused(naru, 400, request(host=None))
    refused_any(naru, request(host="a b"), (400,))
    refused_any(naru, request(host="user@localhost"), (400,))
    accepted(naru, request(host="LOCALHOST"))
    accepted(naru, request(host="[::1]:80"))


@check
def t12_early_frames(naru):
    """Frames in the same segment as the request are heard behind the 101, in order."""
    texts = [b"one", b"two", b"three"]
    early = b"".join(frames.frame(TEXT, text, key=b"\1\2\3\4") for text in texts)
    for chop in (None, 1):
        conn = Conn.dial(naru.address)
        data = request() + early + frames.frame(CLOSE, close_payload(1000), key=b"\1\2\3\4")
        conn.chop(data, chop) if chop else conn.send(data)
        head, _ = conn.read_head()
        assert head.status == 101
        conn.start()
        for text in texts:
            assert conn.event() == ("text", text)
        assert conn.event()[:2] == ("close", 1000)
        assert conn.event() == ("eof",)
        conn.drop()


@check
def t14_upgrade_tokens(naru):
    for upgrade in ("websocket", "WebSocket", "WEBSOCKET"):
        accepted(naru, request(upgrade=upgrade))
    for upgrade in ("websocket2", "websocke", "web socket", "h2c", "", None):
        not_an_upgrade(naru, request(upgrade=upgrade))
    for upgrade in ("h2c, websocket", "websocket, h2c", "websocket/13"):
        got = exchange_any(naru, request(upgrade=upgrade)).status
        assert got in (101, 400, 426), f"Upgrade: {upgrade}: {got}"
    for connection in ("Upgrade", "upgrade", "keep-alive, Upgrade", "Upgrade , keep-alive", ",Upgrade,"):
        accepted(naru, request(connection=connection))
    for connection in ("close", "keep-alive", "Upgrades", "Up grade", "", None):
        not_an_upgrade(naru, request(connection=connection))
    accepted(naru, request(connection="keep-alive", fields=[("Connection", "Upgrade")]))


@check
def t15_targets(naru):
    for target in ("/", "//", "/a/../b", "/%2e%2e/x", "/a%20b", "/?q", "/?" + "&".join(f"k{i}=v" for i in range(300)), "/a;b=c",
                   "http://localhost/abs", "/" + "%41" * 100):
        accepted(naru, request(target))
    for target in ("/#frag", "*", "relative", "/%zz", "/%4", "/a\\\x00b", "ftp://localhost/"):
        got = exchange_any(naru, request(target)).status
        assert 400 <= got < 500, f"{target!r}: {got}"


@check
def subprotocols(naru):
    assert accepted(naru, request(fields=[(PROTOCOLS, "chat.v2, chat.v1")])).all(PROTOCOLS) == ["chat.v2"]
    assert accepted(naru, request(fields=[(PROTOCOLS, "a"), (PROTOCOLS, "b")])).all(PROTOCOLS) == ["a"]
    assert accepted(naru, request()).all(PROTOCOLS) == []
    for wrong in ("a b", "a,,b(", "a;b", "\u00e9", "a/b", '"a"'):
        refused(naru, 400, request(fields=[(PROTOCOLS, wrong)]))


def answer_of(naru, offer):
    return accepted(naru, request(fields=[(EXTENSIONS, offer)])).get(EXTENSIONS)


@check
def t43_parameters(naru):
    """A bad offer is declined and the next one looked at (7692 5.1); off the grammar of lists is a 400."""
    plain = "permessage-deflate"
    assert answer_of(naru, plain).startswith(plain)
    good = ["; server_max_window_bits=9", "; server_max_window_bits=15", '; server_max_window_bits="10"', "; client_max_window_bits",
            "; client_max_window_bits=8", "; client_max_window_bits=15", "; server_no_context_takeover", "; client_no_context_takeover",
            ";server_no_context_takeover ; client_no_context_takeover", "; SERVER_NO_CONTEXT_TAKEOVER"]
    for words in good:
        answer = answer_of(naru, plain + words)
        if words.isupper() or "SERVER" in words:
            continue
        assert answer and answer.startswith(plain), f"{words} was declined"
    bad = ["; server_max_window_bits", "; server_max_window_bits=0", "; server_max_window_bits=7", "; server_max_window_bits=16",
           "; server_max_window_bits=1000", "; server_max_window_bits=08", "; server_max_window_bits=09", "; server_max_window_bits=+8",
           '; server_max_window_bits="08"',
           "; client_max_window_bits=0", "; client_max_window_bits=7", "; client_max_window_bits=16", "; client_max_window_bits=010",
           "; server_no_context_takeover=1", "; client_no_context_takeover=x", "; unknown", "; unknown=1",
           "; server_no_context_takeover; server_no_context_takeover", "; server_max_window_bits=9; server_max_window_bits=9",
           "; client_max_window_bits; client_max_window_bits=10", "; server_max_window_bits=8"]
    for words in bad:
        answer = answer_of(naru, plain + words)
        assert answer is None, f"{words} was answered by {answer}"
        answer = answer_of(naru, f"{plain}{words}, {plain}")
        assert answer and answer.startswith(plain), f"behind {words} the good offer was not taken"
    for words in ("; server_max_window_bits=", "; =1", ";", "; a b", '; server_max_window_bits="9', "; x=\u00e9"):
        refused(naru, 400, request(fields=[(EXTENSIONS, plain + words)]))


@check
def t43_answers(naru):
    """What was agreed on is exactly what was asked for."""
    plain = "permessage-deflate"

    def words(offer):
        return sorted(word.strip() for word in answer_of(naru, offer).split(";"))

    assert words(plain) == [plain]
    assert "server_max_window_bits=10" in words(plain + "; server_max_window_bits=10")
    assert "server_max_window_bits=10" in words(plain + '; server_max_window_bits="10"')
    assert "server_no_context_takeover" in words(plain + "; server_no_context_takeover")
    assert not [word for word in words(plain) if word.startswith("client_max")], "client_max_window_bits was not offered"
    two = accepted(naru, request(fields=[(EXTENSIONS, "x-unknown; a=1"), (EXTENSIONS, plain)]))
    assert two.get(EXTENSIONS, ).startswith(plain) and len(two.all(EXTENSIONS)) == 1
    assert answer_of(naru, f"{plain}, {plain}").count(plain) == 1
    assert answer_of(naru, "x-unknown") is None


@check
def goes_away_midway(naru):
    """The peer leaves in the middle of its request, politely and rudely."""
    for at in range(0, len(request()), 7):
        conn = Conn.dial(naru.address)
        conn.send(request()[:at])
        conn.reset() if at % 2 else conn.drop()
    conn = Conn.dial(naru.address)
    conn.send(request()[:50])
    conn.shut()
    _, ended = conn.read_end(3)
    conn.drop()
    assert ended == "eof", f"a request that ends in the middle ended by {ended}"


@check
def answers_go_with_their_requests(naru):
    """The same request a thousand times over new connections: descriptors and memory return."""
    for _ in range(1000):
        with socket.create_connection(naru.address) as sock:
            sock.sendall(request())
            assert sock.recv(12) == b"HTTP/1.1 101"


sys.exit(check.main("--deflate"))
