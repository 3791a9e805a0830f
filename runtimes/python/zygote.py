"""The Python zygote: an interpreter with the standard library warm that forks workers when the host's launcher asks (docs/formats/frame.md).

There are two kinds. The runtime's zygote has no user code. A function's zygote is a fork of it that was given a LOAD: its forks are
workers that have loaded already. The control socket is descriptor 5; a request brings the descriptors of the child.

To fork takes milliseconds, so one fork is made ahead: it is parked, and becomes the next child by being handed the request.
"""
import ctypes
import gc
import os
import select
import signal
import socket
import sys

from frames import DRAIN, FD_IN, FD_OUT, HEADER, LOAD

FORK, REAP, FORKED, REAPED = 7, 10, 72, 73
CONTROL, PR_SET_PDEATHSIG, MOST_FDS = 5, 1, 8
PARK_AFTER_MS = 0  # with no request to read: in a burst each is served first
COOKIE = "TRIVET_WORKER"
# What functions import most; it is there before they do. Nothing here starts a thread or opens a file.
WARM = """argparse ast asyncio base64 bisect calendar collections.abc concurrent.futures contextlib copy csv ctypes datetime decimal difflib email.message
email.mime.text enum fnmatch fractions functools glob gzip hashlib heapq hmac html http.client http.cookies inspect io itertools json logging
logging.handlers math mimetypes operator pathlib pickle platform pprint queue random re secrets shutil sqlite3 ssl statistics string struct subprocess
tempfile textwrap threading time traceback types typing unicodedata unittest.mock urllib.parse urllib.request uuid warnings weakref xml.etree.ElementTree
zipfile zlib zoneinfo dataclasses""".split()

libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_void_p


class Zygote:
    def __init__(self, worker, preload):
        self.worker = worker
        self.is_loaded = False
        self.parked = None  # (pid, the socket that it waits on)
        self.may_park = True
        os.set_inheritable(CONTROL, False)
        self.control = socket.socket(fileno=CONTROL)
        # Where the environment that /proc shows keeps our cookie: each fork writes its own there.
        self.cookie_at = libc.getenv(COOKIE.encode())
        for name in WARM:
            try:
                __import__(name)
            except ImportError:  # an optional part of the standard library
                pass
        import site

        site.main()
        worker.is_site_done = True
        for name in preload:  # the runtime's own choice; what a fork may not have, it must not bring
            try:
                __import__(name)
            except ImportError as error:
                print("not preloaded: %s" % error, file=sys.stderr, flush=True)
        freeze()

    def serve(self):
        """Forks until the end of the input. Returns only in a fork that is a worker."""
        self.worker.hello()
        poll = select.poll()
        poll.register(FD_IN, select.POLLIN)
        poll.register(CONTROL, select.POLLIN)
        while True:
            ready = poll.poll(PARK_AFTER_MS if self.may_park and not self.parked else None)
            if not ready and self.park():
                return
            for fd, _ in ready:
                if fd == FD_IN:
                    self.on_frame()
                elif self.on_control():
                    return

    def on_frame(self):
        frame = self.worker.frames.read()
        if frame is None or frame[0] == DRAIN:
            os._exit(0)
        if frame[0] == LOAD:
            self.load(frame[3])

    def load(self, meta):
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a BLAS of several threads cannot be forked
        before = open_files()
        self.worker.load(meta, lambda: unsafe(before))
        self.is_loaded = self.may_park = True
        freeze()

    def on_control(self):
        """One request. True in the child that is a worker."""
        packet, fds, _, _ = socket.recv_fds(self.control, 4096, MOST_FDS)
        if not packet:
            os._exit(0)  # the launcher is gone
        _, kind, _, _, ticket, _ = HEADER.unpack_from(packet)
        body = packet[HEADER.size:].decode()
        if kind == REAP:
            self.answer(REAPED, ticket, reap(int(body)))
        elif kind == FORK:
            return self.fork(ticket, body, fds)
        return False

    def fork(self, ticket, body, fds):
        """True in the child that is a worker."""
        sys.stdout.flush()
        pid = self.hand_over(body, fds)
        if not pid:
            parent = os.getpid()
            try:
                pid = os.fork()
            except OSError as error:
                pid = error
            if pid == 0:
                die_with(parent)
                return self.begin(body, fds)
        self.answer(FORKED, ticket, str(pid))
        for fd in fds:
            os.close(fd)
        return False

    def hand_over(self, body, fds):
        """Lets the parked fork be what is asked for: its pid; 0 without one."""
        if not self.parked:
            return 0
        (pid, other), self.parked = self.parked, None
        try:
            socket.send_fds(other, [body.encode()], fds)
        except OSError:  # something has ended it
            reap(pid)
            pid = 0
        other.close()
        return pid

    def park(self):
        """Makes a fork ahead. True in it, once it is a worker."""
        sys.stdout.flush()
        parent = os.getpid()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            pid = os.fork()
        except OSError:  # asked to fork, we say why not
            self.may_park = False
            return False
        if pid:
            theirs.close()
            self.parked = pid, ours
            return False
        die_with(parent)
        ours.close()
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(CONTROL + 1):  # the zygote's own: whoever reads them must see its end
            os.dup2(null, fd)
        os.close(null)
        self.worker.rehearse()
        body, fds, _, _ = socket.recv_fds(theirs, 4096, MOST_FDS)
        if not body:
            os._exit(0)
        theirs.close()
        return self.begin(body.decode(), fds)

    def answer(self, kind, ticket, text):
        try:
            self.control.send(HEADER.pack(12 + len(text), kind, 0, 0, ticket, 0) + text.encode())
        except OSError:
            os._exit(0)  # the launcher is gone

    def begin(self, body, fds):
        """In the child: becomes a worker, or a zygote of its own."""
        role, _, cookie = body.partition(" ")
        os.setsid()
        self.control.detach()
        for number, fd in enumerate(fds):
            os.dup2(fd, number, number < FD_IN)
            os.close(fd)
        if role != "zygote":
            os.close(CONTROL)
        name, _, value = cookie.partition("=")
        ctypes.memmove(self.cookie_at, value.encode(), len(value))
        os.environ[name] = value
        reseed()
        self.worker.frames.buffer = b""
        self.worker.hello(self.is_loaded and role != "zygote")
        if role != "zygote":
            return True
        self.control = socket.socket(fileno=CONTROL)
        self.may_park = self.is_loaded
        return False


def die_with(parent):
    libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)


def freeze():
    """What is here now stays: the collector does not touch it in the forks, so its pages stay shared."""
    gc.collect()
    gc.freeze()


def reap(pid):
    try:
        _, status, used = os.wait4(pid, 0)
    except ChildProcessError:
        return "-1 9 0 0 0"
    code = os.waitstatus_to_exitcode(status)
    end = (code, 0) if code >= 0 else (-1, -code)
    return "%d %d %d %d %d" % (*end, used.ru_utime * 1e6, used.ru_stime * 1e6, used.ru_maxrss)


def reseed():
    """The interpreter gives each fork fresh randomness of its own; a library that keeps a generator is told here."""
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()


def open_files():
    """Number and target of each; without the descriptor that lists them."""
    files = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            files[int(fd)] = os.readlink("/proc/self/fd/" + fd)
        except OSError:
            pass
    return files


def unsafe(before):
    """Why what was loaded must not be forked, or nothing."""
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        return "it runs %d threads once it is loaded" % threads
    for fd, place in sorted(open_files().items()):
        if before.get(fd) != place and place not in ("/dev/null", "/dev/urandom"):
            return "it holds %s open once it is loaded" % place
    return ""
