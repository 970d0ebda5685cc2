"""Gate: user instructions per message, by valgrind's callgrind. Two runs that differ only in the number of messages:
their difference has no start-up and no handshake in it. Not for: time; that is bench/run."""

import sys
import tempfile
from pathlib import Path

from server import GATES, serve


def instructions(gate, messages):
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory, "callgrind.out")
        serve(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"],
              [f"{gate['load']} --messages {messages}"], gate.get("server", "echo"))
        for line in out.read_text().splitlines():
            if line.startswith(("totals:", "summary:")):
                return int(line.split()[1])
    sys.exit("callgrind left no total")


def main():
    failed = False
    for name, gate in GATES["instructions"].items():
        few, many = gate["messages"]
        each = (instructions(gate, many) - instructions(gate, few)) / (many - few)
        good = 0 < each <= gate["max"]
        failed |= not good
        print(f"{name}: {each:.1f} instructions a message, at most {gate['max']}: {'good' if good else 'TOO MANY'}")
    sys.exit(failed)


main()
