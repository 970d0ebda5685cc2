"""naru behind the proxies that stand in front of servers: haproxy with PROXY headers of both versions, nginx with
X-Forwarded-For. Usage: behind_proxy.py haproxy|nginx PATH-OF-PROXIED-SERVER"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

UPGRADE = ("GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connect(port, source="127.0.0.2"):
    """From an address that is told apart from the proxy's own."""
    return socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))


def wait_for(port, process):
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        try:
            with connect(port):
                return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise SystemExit("the proxy does not listen")


def receive(peer, count):
    data = b""
    while len(data) < count:
        piece = peer.recv(count - len(data))
        assert piece, f"ended after {data!r}"
        data += piece
    return data


def receive_head(peer):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += receive(peer, 1)
    return data


def receive_text(peer):
    head = receive(peer, 2)
    assert head[0] == 0x81 and head[1] < 126, head
    return receive(peer, head[1]).decode()


def chat(peer, fields=""):
    """Upgrade, take what the server calls us, and have a message come back."""
    peer.sendall((UPGRADE % fields).encode())
    head = receive_head(peer)
    assert head.startswith(b"HTTP/1.1 101 "), head
    name = receive_text(peer)
    peer.sendall(b"\x81\x85\0\0\0\0hello")
    assert receive_text(peer) == "hello"
    return name


def who(port, fields=""):
    with connect(port) as peer:
        peer.sendall(f"GET /who HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{fields}\r\n".encode())
        data = b""
        while piece := peer.recv(65536):
            data += piece
    assert data.startswith(b"HTTP/1.1 200 "), data
    return data.rsplit(b"\r\n\r\n", 1)[1].decode()


def run_proxy(command, port, check):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        check(port)
    finally:
        process.terminate()
        process.wait(20)


def haproxy(folder, ports):
    for version in ("send-proxy", "send-proxy-v2", "send-proxy-v2-ssl"):
        port = free_port()
        path = os.path.join(folder, "haproxy.cfg")
        with open(path, "w", encoding="ascii") as file:
            file.write("defaults\n mode tcp\n timeout connect 10s\n timeout client 20s\n timeout server 20s\n"
                       f"listen front\n bind 127.0.0.1:{port}\n server naru 127.0.0.1:{ports[1]} {version}\n")

        def check(at):
            with connect(at) as peer:
                assert chat(peer) == "127.0.0.2:%d" % peer.getsockname()[1]
            assert who(at).startswith("127.0.0.2:")
        run_proxy([shutil.which("haproxy", path="/usr/sbin:/usr/bin"), "-db", "-f", path], port, check)
    with connect(ports[1], "127.0.0.1") as peer:  # without a header
        peer.sendall((UPGRADE % "").encode())
        try:
            assert peer.recv(1) == b""
        except ConnectionResetError:
            pass


def nginx(folder, ports):
    port = free_port()
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"""daemon off; master_process off; pid {folder}/pid; error_log stderr warn;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  map $http_upgrade $connection_field {{ default upgrade; '' ''; }}
  upstream naru {{ server 127.0.0.1:{ports[0]}; keepalive 1; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://naru; proxy_http_version 1.1;
      proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_field;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto https;
    }}
  }}
}}
""")

    def check(at):
        with connect(at) as peer:
            assert chat(peer) == "127.0.0.2:0"
        with connect(at) as peer:  # what the client claims stands left of what nginx saw
            assert chat(peer, "X-Forwarded-For: 6.6.6.6\r\n") == "127.0.0.2:0"
        for _ in range(3):  # over one kept-alive connection to naru
            assert who(at) == "127.0.0.2:0 tls"
        # past the proxy: not believed
        assert who(ports[0], "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n").startswith("127.0.0.2:")
        assert who(ports[0], "X-Forwarded-Proto: https\r\n").endswith(" plain")
    run_proxy([shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-p", folder, "-e", "stderr", "-c", path], port, check)


def main():
    server = subprocess.Popen([sys.argv[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        ports = [int(port) for port in server.stdout.readline().split()]
        {"haproxy": haproxy, "nginx": nginx}[sys.argv[1]](folder, ports)
    server.stdin.close()
    assert server.wait(20) == 0


main()
