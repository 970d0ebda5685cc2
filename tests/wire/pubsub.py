"""Publish and subscribe, seen from the wire: examples/topics.c, examples/presence.c and the fixture topic-bench, the
last on two threads and with clients that compress and clients that do not.

    pubsub.py topics|presence|epoll|io_uring PROGRAM
"""
import signal
import socket
import struct
import subprocess
import sys
import zlib


class Client:
    def __init__(self, address, path="/", deflate=False):
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        offer = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n" if deflate else ""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Version: 13\r\n{offer}"
                            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode())
        self.input = self.socket.makefile("rb")
        line = self.input.readline()
        assert b" 101 " in line, line
        while self.input.readline() not in (b"\r\n", b""):
            pass

    def say(self, text):
        data = text.encode()
        head = bytes([0x81, 0x80 | len(data)]) if len(data) < 126 else struct.pack(">BBH", 0x81, 0xfe, len(data))
        self.socket.sendall(head + bytes(4) + data)

    def hear(self):
        first, size = self.input.read(2)
        assert first & 0x8f == 0x81, first
        size = struct.unpack(">H", self.input.read(2))[0] if size == 126 else size
        data = self.input.read(size)
        if first & 0x40:
            data = zlib.decompressobj(-15).decompress(data + b"\0\0\xff\xff")
        return data.decode()

    def close(self):
        self.socket.close()
        self.input.close()


def check(actual, expected):
    if actual != expected:
        sys.exit(f"heard {actual!r}, expected {expected!r}")


def topics(address):
    ann, bob = Client(address), Client(address)
    ann.say("+news")
    ann.say("news first")  # in its order: subscribed before
    check(ann.hear(), "news first")
    bob.say("news second")
    check(ann.hear(), "news second")
    bob.say("+news")
    bob.say("news third")
    check([ann.hear(), bob.hear()], ["news third"] * 2)
    ann.say("-news")
    bob.say("nonsense")
    check(bob.hear(), "An argument breaks a rule of the call.")
    ann.say("-news")  # answered, so the first one was obeyed
    ann.hear()
    bob.say("news fourth")
    check(bob.hear(), "news fourth")
    bob.say("+sport")
    bob.say("sport fifth")
    check(bob.hear(), "sport fifth")


def presence(address):
    ann = Client(address, "/kitchen/ann")
    bob = Client(address, "/kitchen/bob")
    check(ann.hear(), "+bob")
    phone = Client(address, "/kitchen/bob")  # the same user again is no news
    elsewhere = Client(address, "/garden/eve")
    Client(address, "/garden/sam")
    check(elsewhere.hear(), "+sam")
    bob.close()
    phone.close()
    check(ann.hear(), "-bob")


def fan_out(address):
    clients = [Client(address, deflate=i % 2 == 0) for i in range(12)]
    for client in clients:
        client.say("S")
        check(client.hear(), "S")
    said = []
    for i in range(40):
        text = f"message {i} " + "long " * (i % 3 * 40)
        clients[i % len(clients)].say(text)
        said.append(text)
    heard = [[client.hear() for _ in said] for client in clients]
    check(sorted(heard[0]), sorted(said))
    for other in heard:
        check(other, heard[0])  # one order for all
    for i, text in enumerate(heard[0]):  # and each publisher's own in it
        mine = [t for t in heard[0] if int(t.split()[1]) % len(clients) == i % len(clients)]
        check(mine, sorted(mine, key=lambda t: int(t.split()[1])))


def main(what, program):
    scripts = {"topics": topics, "presence": presence}
    backend = what not in scripts
    command = [program, "--listen", "127.0.0.1:0", "--threads", "2", "--backend", what, "--deflate"] if backend else \
              [program, "127.0.0.1:0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().removeprefix("listening on ").strip()
        if not address and what == "io_uring":
            print("this kernel or sandbox refuses io_uring")
            return
        scripts.get(what, fan_out)(address)
        server.send_signal(signal.SIGTERM)
        check(server.wait(20), 0 if backend else -signal.SIGTERM)
    finally:
        server.kill()
        server.wait()


main(*sys.argv[1:])
