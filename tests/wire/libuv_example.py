"""Talks to the program named on the command line, an echo server that says where it listens: frames byte by byte, a
compressed message, a bad frame, a bad request, a Close."""
import os
import re
import socket
import subprocess
import sys
import zlib

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def frame(first, payload):
    mask = os.urandom(4)
    return bytes([first, 0x80 | len(payload)]) + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(payload))


def read_until_end(sock):
    got = b""
    while True:
        piece = sock.recv(4096)
        if not piece:
            return got
        got += piece


def open_ws(port, extra=""):
    sock = socket.create_connection(("127.0.0.1", port), 5)
    sock.sendall(f"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{extra}"
                 f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    assert head.startswith(b"HTTP/1.1 101 ") and ACCEPT.encode() in head, head
    return sock, head


def read_frame(sock):
    first, size = sock.recv(1)[0], sock.recv(1)[0]
    payload = b""
    while len(payload) < size:
        payload += sock.recv(size - len(payload))
    return first, payload


def test(port):
    sock, _ = open_ws(port)
    for byte in frame(0x81, b"hello") + frame(0x89, b"ping"):
        sock.sendall(bytes([byte]))
    assert read_frame(sock) == (0x81, b"hello")
    assert read_frame(sock) == (0x8a, b"ping")
    sock.sendall(frame(0x88, b"\x03\xe8bye"))
    assert read_until_end(sock) == b"\x88\x05\x03\xe8bye"

    sock, head = open_ws(port, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
    assert b"permessage-deflate" in head
    squeezed = zlib.compressobj(wbits=-15)
    text = b"naru " * 40
    sock.sendall(frame(0xc1, (squeezed.compress(text) + squeezed.flush(zlib.Z_SYNC_FLUSH))[:-4]))
    first, payload = read_frame(sock)
    assert first == 0xc1 and zlib.decompressobj(wbits=-15).decompress(payload + b"\0\0\xff\xff") == text

    sock.sendall(frame(0x83, b"") + b"x" * 100)
    got = read_until_end(sock)
    assert got[0] == 0x88 and got[2:4] == b"\x03\xea", got

    sock = socket.create_connection(("127.0.0.1", port), 5)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert read_until_end(sock).startswith(b"HTTP/1.1 426 ")


def main():
    program = subprocess.Popen([sys.argv[1], "0"], stdout=subprocess.PIPE)
    try:
        line = program.stdout.readline().decode()
        test(int(re.search(r":(\d+)/", line).group(1)))
        assert program.poll() is None, "the server ended"
    finally:
        program.kill()
        program.wait()


main()
