"""Runs naru for a test, ends it by its own pid, and looks at what it holds: descriptors, memory, processor time.

Also makes the certificates that the tests share: an authority and a leaf for localhost and 127.0.0.1.
"""
import ctypes
import fcntl
import os
import re
import select
import signal
import ssl
import subprocess
import tempfile
import time

BUILD = os.environ.get("NARU_BUILD_DIR", os.path.join(os.path.dirname(__file__), "../../build/release"))
NARU = os.environ.get("NARU_BIN", os.path.join(BUILD, "apps/naru/naru"))
READY_SECONDS = 10
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_the_test():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """A process whose lines on stdout are read with a deadline. stderr goes to a file, shown when something fails. It does not
    outlive the test, however that ends."""

    def __init__(self, command, **options):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL,
                                        preexec_fn=_die_with_the_test, **options)
        self.pid = self.process.pid
        self.pending = b""
        os.set_blocking(self.process.stdout.fileno(), False)

    def line(self, timeout):
        """The next line, or None: nothing within the time, or the end of the output."""
        end = time.monotonic() + timeout
        while b"\n" not in self.pending:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return None
            self.pending += data
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode("utf-8", "replace")

    def wait(self, timeout):
        """The exit status, or None when it still runs then."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, timeout=5):
        """SIGTERM, and SIGKILL after the time. Answers the exit status; -9 says that it had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            if self.wait(timeout) is None:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        return self.process.returncode

    def stderr(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    # -- what it holds

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def alive(self):
        return self.process.poll() is None


class Echo(Child):
    """`naru echo --listen`. address is (host, port), or the path of a Unix socket."""

    def __init__(self, *arguments, listen="127.0.0.1:0", **options):
        super().__init__([NARU, "echo", "--listen", listen, *arguments], **options)
        line = self.line(READY_SECONDS)
        if line is None or not line.startswith("listening on "):
            status = self.stop()
            raise AssertionError(f"naru echo did not start: {line!r}, status {status}\n{self.stderr()}")
        where = line[len("listening on "):].strip()
        found = re.fullmatch(r"(?:\S*://)?(.*):(\d+)/?", where)
        self.address = (found[1], int(found[2])) if found and not where.startswith("unix:") else where[len("unix:"):]
        self.port = int(found[2]) if found else None


def certificates():
    """Paths of authority, certificate and key, made once a build directory with openssl."""
    folder = os.path.join(BUILD, "test-certificates")
    os.makedirs(folder, exist_ok=True)
    paths = {name: os.path.join(folder, name) for name in ("ca.pem", "ca.key", "leaf.pem", "leaf.key")}
    with open(os.path.join(folder, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh = os.path.exists(paths["leaf.pem"]) and time.time() - os.path.getmtime(paths["leaf.pem"]) < 86400
        if not fresh:
            _make_certificates(folder, paths)
    return paths["ca.pem"], paths["leaf.pem"], paths["leaf.key"]


def _make_certificates(folder, paths):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=folder, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", paths["ca.key"], "-out", paths["ca.pem"], "-days", "3",
            "-subj", "/CN=naru test authority", "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", *curve, "-keyout", paths["leaf.key"], "-out", "leaf.csr", "-subj", "/CN=localhost")
    with open(os.path.join(folder, "leaf.ext"), "w", encoding="ascii") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", paths["ca.pem"], "-CAkey", paths["ca.key"], "-CAcreateserial",
            "-days", "2", "-extfile", "leaf.ext", "-out", paths["leaf.pem"])


def tls_client():
    return ssl.create_default_context(cafile=certificates()[0])


def tls_server():
    _, leaf, key = certificates()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf, key)
    return context
