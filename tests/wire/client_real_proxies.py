"""naru connect behind proxies that others wrote: tinyproxy for CONNECT, also by the TLS of a haproxy, and microsocks
for SOCKS5, with and without a password, in front of `naru echo` with TLS and without. One that is not installed is left
out, and the test says so.
"""
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from program import NARU, Child

TINYPROXY = shutil.which("tinyproxy")
HAPROXY = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
MICROSOCKS = shutil.which("microsocks")
SECONDS = 20


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_for(port, child):
    """Until somebody listens there; each try is a connection of its own."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert child.wait(0.02) is None, "the proxy ended at once"
    raise AssertionError("the proxy does not listen")


def connect(*args, line=b"through\n", **variables):
    """(exit status, stdout, stderr) of a client that sends one line."""
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run([NARU, "connect", *args], input=line, capture_output=True, timeout=SECONDS,
                          env={**env, **variables})
    return done.returncode, done.stdout, done.stderr.decode()


class Proxies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.certificate = os.path.join(cls.folder.name, "cert.pem")
        cls.key = key = os.path.join(cls.folder.name, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=naru test", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2",
                        "-keyout", key, "-out", cls.certificate], check=True, capture_output=True)
        cls.children = []
        cls.plain = cls.start_echo()
        cls.secure = cls.start_echo("--tls-cert", cls.certificate, "--tls-key", key)

    @classmethod
    def tearDownClass(cls):
        for child in reversed(cls.children):
            child.stop()
        cls.folder.cleanup()

    @classmethod
    def start_echo(cls, *args):
        child = Child([NARU, "echo", "--listen", "127.0.0.1:0", *args])
        cls.children.append(child)
        return int(child.line(SECONDS).rpartition(":")[2])

    @classmethod
    def start(cls, command, port):
        child = Child(command)
        cls.children.append(child)
        wait_for(port, child)
        return port

    @classmethod
    def tinyproxy(cls, *lines):
        port = free_port()
        path = os.path.join(cls.folder.name, f"tinyproxy-{port}.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join((f"Port {port}", "Listen 127.0.0.1", "Allow 127.0.0.1", "Timeout 60", "MaxClients 20",
                                  *lines)) + "\n")
        return cls.start([TINYPROXY, "-d", "-c", path], port)

    @classmethod
    def haproxy(cls, behind):
        """TLS in front of another proxy."""
        port = free_port()
        path = os.path.join(cls.folder.name, f"haproxy-{port}")
        with open(f"{path}.pem", "w", encoding="ascii") as file:
            for part in (cls.certificate, cls.key):
                with open(part, encoding="ascii") as read:
                    file.write(read.read())
        with open(f"{path}.conf", "w", encoding="ascii") as file:
            file.write("defaults\n mode tcp\n timeout connect 20s\n timeout client 60s\n timeout server 60s\n"
                       f"listen tls\n bind 127.0.0.1:{port} ssl crt {path}.pem\n server behind 127.0.0.1:{behind}\n")
        return cls.start([HAPROXY, "-db", "-q", "-f", f"{path}.conf"], port)

    @classmethod
    def microsocks(cls, *args):
        port = free_port()
        return cls.start([MICROSOCKS, "-i", "127.0.0.1", "-p", str(port), *args], port)

    def works(self, proxy, *args):
        for url in (f"ws://127.0.0.1:{self.plain}/", f"ws://localhost:{self.plain}/",
                    f"wss://localhost:{self.secure}/"):
            with self.subTest(url):
                self.assertEqual(connect("--proxy", proxy, "--ca", self.certificate, *args, url), (0, b"through\n", ""))

    def refuses(self, proxy, text, url=None):
        status, out, err = connect("--proxy", proxy, url or f"ws://127.0.0.1:{self.plain}/")
        self.assertEqual((status, out), (3, b""))
        self.assertIn(text, err)

    @unittest.skipUnless(TINYPROXY, "tinyproxy is not installed")
    def test_connect(self):
        port = self.tinyproxy()
        self.works(f"http://127.0.0.1:{port}")
        self.refuses(f"http://127.0.0.1:{port}", "the proxy answered 5", f"ws://127.0.0.1:{free_port()}/")

    @unittest.skipUnless(TINYPROXY, "tinyproxy is not installed")
    def test_connect_with_a_password(self):
        port = self.tinyproxy("BasicAuth me s3cret")
        self.works(f"http://me:s3cret@127.0.0.1:{port}")
        self.refuses(f"http://127.0.0.1:{port}", "the proxy answered 407")
        self.refuses(f"http://me:wrong@127.0.0.1:{port}", "to CONNECT")

    @unittest.skipUnless(TINYPROXY, "tinyproxy is not installed")
    def test_environment(self):
        port = self.tinyproxy()
        url = f"ws://127.0.0.1:{self.plain}/"
        proxy = f"http://127.0.0.1:{port}"
        nowhere = f"http://127.0.0.1:{free_port()}"
        for expected, args, variables in (
                (0, ("--proxy", "env"), {"http_proxy": proxy}),
                (3, ("--proxy", "env"), {"http_proxy": nowhere}),
                (0, ("--proxy", "env"), {"HTTP_PROXY": nowhere}),
                (3, ("--proxy", "env"), {"ALL_PROXY": nowhere}),
                (0, ("--proxy", "env"), {"ALL_PROXY": nowhere, "no_proxy": "127.0.0.0/8"}),
                (0, ("--proxy", "env", "--no-proxy", "127.0.0.1"), {"ALL_PROXY": nowhere}),
                (0, (), {"http_proxy": nowhere, "ALL_PROXY": nowhere})):
            with self.subTest((args, variables)):
                self.assertEqual(connect(*args, url, **variables)[0], expected)

    @unittest.skipUnless(TINYPROXY and HAPROXY, "tinyproxy or haproxy is not installed")
    def test_connect_by_tls(self):
        port = self.haproxy(self.tinyproxy("BasicAuth me s3cret"))
        trust = ("--proxy-ca", self.certificate)
        self.works(f"https://me:s3cret@localhost:{port}", *trust)
        self.works(f"https://me:s3cret@127.0.0.1:{port}", "--proxy-insecure")
        for url in (f"ws://127.0.0.1:{self.plain}/", f"wss://localhost:{self.secure}/"):
            with self.subTest(url):
                args = ("--proxy", "env", "--ca", self.certificate, url)
                variables = {"https_proxy" if "wss" in url else "http_proxy": f"https://me:s3cret@localhost:{port}"}
                self.assertEqual(connect(*trust, *args, **variables), (0, b"through\n", ""))
                status, out, err = connect(*args, **variables)
                self.assertEqual((status, out), (4, b""))
                self.assertIn("to the proxy: certificate verify failed: self-signed certificate", err)
                long = b"x" * 3000000
                self.assertEqual(connect(*trust, *args, line=long + b"\n", **variables), (0, long + b"\n", ""))
        status, out, err = connect("--proxy", f"https://localhost:{port}", *trust, f"ws://127.0.0.1:{self.plain}/")
        self.assertEqual((status, out), (3, b""))
        self.assertIn("the proxy answered 407", err)

    @unittest.skipUnless(MICROSOCKS, "microsocks is not installed")
    def test_socks5(self):
        port = self.microsocks()
        self.works(f"socks5://127.0.0.1:{port}")
        self.refuses(f"socks5://127.0.0.1:{port}", "the server refused its connection",
                     f"ws://127.0.0.1:{free_port()}/")
        self.refuses(f"http://127.0.0.1:{port}", "the proxy")

    @unittest.skipUnless(MICROSOCKS, "microsocks is not installed")
    def test_socks5_with_a_password(self):
        port = self.microsocks("-u", "me", "-P", "s3cret")
        self.works(f"socks5h://me:s3cret@127.0.0.1:{port}")
        self.refuses(f"socks5://127.0.0.1:{port}", "it wants a user and a password")
        self.refuses(f"socks5://me:wrong@127.0.0.1:{port}", "it does not accept this user and password")

    @unittest.skipUnless(TINYPROXY and MICROSOCKS, "tinyproxy or microsocks is not installed")
    def test_each_hop_has_its_proxy(self):
        """From ws by CONNECT to wss by SOCKS5: the environment has one for each."""
        with Redirecting(f"wss://localhost:{self.secure}/") as port:
            plain, secure = self.tinyproxy(), self.microsocks()
            variables = {"http_proxy": f"http://127.0.0.1:{plain}", "https_proxy": f"socks5://127.0.0.1:{secure}"}
            args = ("-L", "--proxy", "env", "--ca", self.certificate, "--auth", "me:s3cret", f"ws://127.0.0.1:{port}/")
            self.assertEqual(connect(*args, **variables), (0, b"through\n", ""))
            variables["https_proxy"] = f"socks5://127.0.0.1:{free_port()}"
            status, out, err = connect(*args, **variables)
            self.assertEqual((status, out), (3, b""))
            self.assertIn("to the proxy: connection to 127.0.0.1:", err)
            variables["https_proxy"] = "socks4://127.0.0.1:1"
            status, out, err = connect(*args, **variables)
            self.assertEqual((status, out), (2, b""))
            self.assertIn("the redirect cannot be followed: the proxy's scheme is none of", err)


class Redirecting(http.server.ThreadingHTTPServer):
    """Sends everybody to one URL."""

    def __init__(self, url):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(302)
                self.send_header("Location", url)
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self.server_address[1]

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()


if __name__ == "__main__":
    sys.exit(0 if unittest.main(exit=False, verbosity=2).result.wasSuccessful() else 1)
