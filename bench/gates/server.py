"""Run a server, `naru echo` or the one for Socket.IO, under a tool, load it with so many messages, and end it."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

GATES = json.loads(Path(__file__).with_name("gates.json").read_text())
BUILD = Path(os.environ.get("NARU_BUILD_DIR", Path(__file__).resolve().parents[2] / "build" / "release"))
NARU = os.environ.get("NARU_BIN", str(BUILD / "apps" / "naru" / "naru"))
SERVERS = {"echo": [NARU, "echo"], "socketio": [str(BUILD / "tests" / "fixtures" / "sio-bench")]}
PATIENCE_SECONDS = 60


def child_of(pid):
    """The traced program, where the tool has started it as a process of its own; else the tool itself."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else pid


def serve(tool, loads, server="echo"):
    """Start the server under `tool`, run the load generator once for each of `loads`, stop the server by SIGTERM."""
    server = subprocess.Popen([*tool, *SERVERS[server], "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    try:
        line = server.stdout.readline()
        if not line.startswith("listening on "):
            sys.exit(f"the server did not start: {line!r}")
        for load in loads:
            subprocess.run([str(BUILD / "bench" / "load"), "--port", line.rsplit(":", 1)[1].strip(), *shlex.split(load)],
                           check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE_SECONDS)
        os.kill(child_of(server.pid), signal.SIGTERM)
        if server.wait(PATIENCE_SECONDS) != 0:
            sys.exit(f"the server ended with {server.returncode}")
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
