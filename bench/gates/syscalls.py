"""Gate: system calls per message and per accepted connection, by strace. Two runs that differ only in the number of
messages, or of connections: their difference has no start-up in it."""

import re
import sys
import tempfile
from pathlib import Path

from server import GATES, serve

KINDS = {
    "receive": {"recvfrom", "recvmsg", "read", "readv"},
    "send": {"sendto", "sendmsg", "write", "writev"},
    "wait": {"epoll_wait", "epoll_pwait", "epoll_pwait2"},
    "open": {"accept", "accept4", "setsockopt", "getsockopt", "fcntl", "ioctl", "getsockname", "getpeername"},
    "close": {"close", "shutdown"},
}
CALL = re.compile(r"^\d+ +(\w+)\((.*)")


def kind_of(name, arguments):
    if name == "epoll_ctl":
        return "open" if "EPOLL_CTL_ADD" in arguments else "close" if "EPOLL_CTL_DEL" in arguments else "watch"
    return next((kind for kind, names in KINDS.items() if name in names), "else")


def calls(load):
    """kind -> how many; what belongs to no kind is `else`."""
    counts = dict.fromkeys([*KINDS, "watch", "else"], 0)
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory, "strace")
        serve(["strace", "-f", "-s", "0", "-o", str(out)], [load])
        for line in out.read_text().splitlines():
            found = CALL.match(line)
            if found:
                counts[kind_of(*found.groups())] += 1
    return counts


def judge(name, few, many, difference, limits):
    """True where every kind keeps its limit. A kind without a limit of its own counts as `else`."""
    each = {kind: (many[kind] - few[kind]) / difference for kind in many}
    each["else"] = sum(value for kind, value in each.items() if kind == "else" or kind not in limits)
    print(name + ": " + ", ".join(f"{kind} {each[kind]:.3f} (at most {limit})" for kind, limit in limits.items()))
    over = [kind for kind, limit in limits.items() if each[kind] > limit]
    if over:
        print(f"{name}: TOO MANY: {', '.join(over)}")
    return not over


def main():
    good = True
    for name, gate in GATES["syscalls"].items():
        few, many = gate["messages"]
        counts = [calls(f"{gate['load']} --messages {messages}") for messages in (few, many)]
        if counts[1]["receive"] < many * 0.01:
            sys.exit("strace saw no messages")
        good &= judge(name, *counts, many - few, gate["max"])
    gate = GATES["connections"]
    few, many = gate["connections"]
    # One message on each: the request, the message and the end are received; the answer and the echo are sent.
    counts = [calls(f"--connections {count} --messages {count}") for count in (few, many)]
    if counts[1]["open"] < many:
        sys.exit("strace saw no connections")
    good &= judge("a connection", *counts, many - few, gate["max"])
    sys.exit(not good)


main()
