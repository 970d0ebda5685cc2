"""examples/server.c and examples/client.c do what they say, and say why when they cannot.

    example_pair.py SERVER CLIENT
"""
import signal
import subprocess
import sys


def run_client(program, url):
    return subprocess.run([program, url], capture_output=True, text=True, timeout=20)


def check(name, actual, expected):
    if actual != expected:
        sys.exit(f"{name}: {actual!r}, expected {expected!r}")


def main(server_program, client_program):
    server = subprocess.Popen([server_program, "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().removeprefix("listening on ").strip()
        done = run_client(client_program, f"ws://{address}/")
        check("client", (done.returncode, done.stdout, done.stderr), (0, "hello\nclosed with 1000\n", ""))
        lost = run_client(client_program, f"ws://{address}/nowhere")
        check("client at a wrong path", (lost.returncode, lost.stdout, lost.stderr),
              (1, "closed with 1006\n", "failed: the server answered 404 Not Found instead of 101\n"))
        bad = run_client(client_program, "ws://a b/")
        check("client with a bad URL", (bad.returncode, bad.stdout), (2, ""))
        second = subprocess.run([server_program, address], capture_output=True, text=True, timeout=20)
        check("server at a taken address", (second.returncode, second.stdout), (1, ""))
        server.send_signal(signal.SIGTERM)
        check("server's end", server.wait(20), 0)
    finally:
        server.kill()
        server.wait()


main(*sys.argv[1:])
