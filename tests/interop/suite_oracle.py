"""A second opinion on the suite itself: python3-wsproto reads what each case sends and must come to the case's verdict. Where
it is known to be laxer than RFC 6455 the case is listed here with the reason, and must really differ.
"""
import fnmatch
import os
import sys

from suite_play import Report, cases
from suite_words import E, FAIL, S
from wsproto.frame_protocol import FrameProtocol, Opcode, ParseFailed

DIFFERS = (
    ("at once*surrogate*", "Python's decoder refuses a surrogate only at its third byte; RFC 3629 4 leaves no second byte for it"),
)


class Side:
    """As much of a connection as frames need to be made."""
    deflate = None

    @staticmethod
    def key():
        return os.urandom(4)


def wanted(case):
    last = case.actions[-1]
    events = [action.event() for action in case.actions if isinstance(action, E)]
    if isinstance(last, FAIL):
        return events + [("fail", last.code)]
    return events + ([("close", 1005 if last.wanted() == -1 else last.wanted())] if last.sent else [])


def heard(case):
    """What wsproto makes of the bytes."""
    events, message, kind = [], [], None
    reader = FrameProtocol(client=False, extensions=[])
    for action in case.actions:
        if not isinstance(action, S):
            continue
        reader.receive_bytes(b"".join(frame.to_bytes(Side) for frame in action.frames))
        try:
            for frame in reader.received_frames():
                if frame.opcode == Opcode.PING:
                    events.append(("pong", bytes(frame.payload)))
                elif frame.opcode == Opcode.CLOSE:
                    return events + [("close", int(frame.payload[0]))]
                elif frame.opcode != Opcode.PONG:
                    kind = frame.opcode if frame.opcode != Opcode.CONTINUATION else kind
                    message.append(frame.payload.encode() if isinstance(frame.payload, str) else bytes(frame.payload))
                    if frame.message_finished:
                        events.append(("text" if kind == Opcode.TEXT else "binary", b"".join(message)))
                        message = []
        except ParseFailed as failed:
            return events + [("fail", int(failed.code))]
    return events


def reason_of(case):
    return next((reason for title, reason in DIFFERS if fnmatch.fnmatch(case.title, title)), None)


def main():
    report = Report()
    for case in cases():
        if case.deflate:
            continue
        opinion, mine, reason = heard(case), wanted(case), reason_of(case)
        difference = None
        if opinion != mine and not reason:
            difference = f"wsproto says {str(opinion[-1:])[:200]}, the case {str(mine[-1:])[:200]}"
        elif opinion == mine and reason:
            difference = f"listed as different ({reason}) and is not"
        report.add(case, difference, 0)
    return report.end()


sys.exit(main())
