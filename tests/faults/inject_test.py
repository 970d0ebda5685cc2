"""System calls that fail as the manual says they may, by strace: each fault ends at most the connection it hits."""
from rig import *

# (system call, errors, which of its calls are hit, does the peer notice?)
PASSING = (
    ('recvfrom', ('EINTR', 'EAGAIN'), '5+7', False),
    ('sendto', ('EINTR', 'EAGAIN'), '5+7', False),
    ('sendmsg', ('EINTR', 'EAGAIN'), '1+3', False),
    ('epoll_wait', ('EINTR',), '5+7', False),
    ('accept4', ('EINTR', 'EAGAIN', 'ECONNABORTED', 'EPROTO'), '2+2', False),
    ('shutdown', ('ENOTCONN',), '2+2', False),
)
FAILING = (
    ('recvfrom', ('ECONNRESET', 'ENOMEM', 'ETIMEDOUT'), '30+23', True),
    ('sendto', ('ETIMEDOUT', 'ENOMEM', 'ENOBUFS'), '30+23', True),
    ('epoll_ctl', ('ENOMEM', 'ENOSPC'), '20+11', True),
    ('getpeername', ('ENOTCONN', 'ENOBUFS'), '3+3', None),
    ('accept4', ('EMFILE', 'ENFILE'), '4+4', None),
)
# Of these the kernel tells the reading side too, which may hold a last Close, so naru reads on. Here nothing comes there:
# a limit of time ends it. Real resets are in peers_test.py.
LEAVING = (('sendto', ('EPIPE', 'ECONNRESET'), '60+1000', True),)
SHORTAGE = (('accept4', ('ENOBUFS', 'ENOMEM'), '2+5', False),)
URING = (('io_uring_enter', ('EINTR', 'EAGAIN', 'EBUSY'), '9+7', False),)


class Traced(unittest.TestCase):
    """naru echo under strace, which makes some of its calls fail."""

    @classmethod
    def setUpClass(cls):
        if subprocess.run(['strace', '-qq', '-o', '/dev/null', 'true'], capture_output=True, check=False).returncode:
            raise unittest.SkipTest('nothing may be traced here')

    def serve(self, fault, *args):
        server = subprocess.Popen(['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=' + fault.split(':')[0],
                                   '-e', 'inject=' + fault, NARU, 'echo', '--listen', '127.0.0.1:0', *args],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = Lines(server.stdout.fileno()).line()
        pid = int(proc(server.pid, f'task/{server.pid}/children').split()[0])
        self.addCleanup(self.end, server, pid)
        self.assertTrue(line.startswith(b'listening on '), line)
        return server, pid, line[len(b'listening on '):].decode()

    @staticmethod
    def end(server, pid):
        if server.poll() is None:
            os.kill(pid, signal.SIGKILL)  # strace ends with what it traces
        server.communicate(timeout=DEADLINE)

    def talk(self, address, size=2000, count=20):
        """One connection's echoes; how many came before it ended."""
        data = bytes(range(256)) * (size // 256 + 1)
        done = 0
        try:
            with dial(address) as peer:
                for _ in range(count):
                    peer.send(BINARY, data[:size])
                    self.assertEqual(peer.message(), (BINARY, data[:size]), 'an echo is whole, or does not come')
                    done += 1
                peer.close()
                self.assertEqual(peer.message()[0], CLOSE)
        except (EOFError, ConnectionError):
            pass
        return done

    def survives(self, call, error, when, noticed, *args):
        """noticed: None where it depends on which call is hit."""
        server, pid, address = self.serve(f'{call}:error={error}:when={when}', *args)
        self.talk(address)
        before = descriptors(pid)
        echoes = [self.talk(address) for _ in range(12)]
        if noticed is False:
            self.assertEqual(echoes, [20] * len(echoes))
        elif noticed:
            self.assertLess(min(echoes), 20, 'nothing was hit')
        self.assertGreater(sum(echoes), 0)
        until(lambda: descriptors(pid) <= before, lambda: f'{descriptors(pid)} descriptors, not {before}')
        self.assertIsNone(server.poll())
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(server.wait(DEADLINE), 0)

    def all_survive(self, table, *args):
        for call, errors, when, noticed in table:
            for error in errors:
                with self.subTest(call=call, error=error):
                    self.survives(call, error, when, noticed, *args)

    def test_what_passes(self):
        self.all_survive(PASSING)

    def test_what_ends_a_connection(self):
        self.all_survive(FAILING)

    def test_what_tells_of_a_peer_that_left(self):
        self.all_survive(LEAVING, '--idle-timeout', '1')

    def test_a_shortage_at_the_door(self):
        self.all_survive(SHORTAGE)

    def test_io_uring(self):
        probe = subprocess.Popen([NARU, 'echo', '--listen', '127.0.0.1:0', '--backend', 'io_uring'],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = probe.stdout.readline()
        probe.kill()
        probe.communicate()
        if not line:
            self.skipTest('the kernel refuses io_uring here')
        self.all_survive(URING, '--backend', 'io_uring')


if __name__ == '__main__':
    main()
