"""Runs hello.mjs on Node's built-in WebSocket against naru over ws and wss, and checks each line that it prints."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../wire"))
from peers import NODE
from program import Echo, certificates

COUNT = 1000
SECONDS = 30
WANTED = [f"hello. This is message number #{n}" for n in range(1, COUNT + 1)] + ["closed 1000 true"]


def run(scheme, host, *arguments):
    naru = Echo(*arguments)
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": certificates()[0]}
    done = subprocess.run([NODE, os.path.join(HERE, "hello.mjs"), f"{scheme}://{host}:{naru.port}", str(COUNT)], env=environment,
                          capture_output=True, text=True, timeout=SECONDS, check=False)
    status = naru.stop()
    lines = done.stdout.splitlines()
    wrong = next((i for i, pair in enumerate(zip(WANTED, lines)) if pair[0] != pair[1]), min(len(lines), len(WANTED)))
    if lines != WANTED or done.returncode or status:
        sys.exit(f"{scheme}: line {wrong + 1} is {lines[wrong:wrong + 1]}, wanted {WANTED[wrong:wrong + 1]}; node ended with "
                 f"{done.returncode} {done.stderr}; naru ended with {status}")
    print(f"{scheme}: {COUNT} echoes as sent, closed 1000")


run("ws", "127.0.0.1")
run("wss", "localhost", "--tls-cert", certificates()[1], "--tls-key", certificates()[2])
