"""For bench/cold.py: a client over one connection, and workers and programs that are started by hand."""
import concurrent.futures
import contextlib
import fcntl
import json
import os
import pathlib
import signal
import socket
import statistics
import struct
import sys
import time

HEADER = struct.Struct(">IBBHII")
LOAD, CALL, READY, REPLY, ERROR = 1, 2, 66, 67, 68
BODY = b'{"name":"Ada","items":[1,2,3,4,5,6,7,8]}'


def ms_since(begin):
    return (time.perf_counter() - begin) * 1000


def quantiles(values):
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]


class Client:
    """One HTTP connection that stays."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, line, body=b""):
        head = f"{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.socket.recv(1 << 20) or sys.exit("bench: the server closed the connection")
        head, _, rest = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(rest) < length:
            rest += self.socket.recv(1 << 20)
        if not head.startswith(b"HTTP/1.1 200"):
            sys.exit(f"bench: {line}: {data[-600:].decode()}")
        return rest

    def call(self, function):
        """ms of one call."""
        begin = time.perf_counter()
        self.ask(f"POST /function/{function}", BODY)
        return ms_since(begin)

    def workers(self):
        return json.loads(self.ask("GET /v1/workers"))

    def until(self, what, ready):
        """Waits until ready(rows of /v1/workers); looks seldom, so that the server rests."""
        deadline = time.monotonic() + 30
        while True:
            rows = self.workers()
            if ready(rows):
                return rows
            if time.monotonic() > deadline:
                sys.exit(f"bench: waited 30 s for {what}")
            time.sleep(0.005)

    def until_zygote(self, function):
        self.until("a zygote", lambda rows: any(row["kind"] == "zygote" and row["function"] == function and row["state"] == "ready" for row in rows))
        time.sleep(0.02)

    def until_cold(self, function, runtime, kept):
        """No worker of the function is left, and what its next one comes from is ready."""

        def ready(rows):
            if any(row["kind"] == "worker" and row["function"] == function for row in rows):
                return False
            of = function if kept == "zygote" else ""
            return not kept or any(row["kind"] == kept and row["runtime"] == runtime and row["function"] == of and row["state"] == "ready" for row in rows)

        self.until(f"{function} to be cold with a {kept or 'program'} ready", ready)
        time.sleep(0.02)  # what ended has been buried, too


class Program:
    """How a worker of the running server is started, to do the same by hand."""

    def __init__(self, pid):
        def strings(name):
            return pathlib.Path(f"/proc/{pid}/{name}").read_bytes().split(b"\0")[:-1]

        self.argv = strings("cmdline")
        self.env = dict(pair.split(b"=", 1) for pair in strings("environ") if not pair.startswith((b"TRIVET_", b"LD_PRELOAD=/proc/self/fd/")))
        self.path = os.readlink(f"/proc/{pid}/exe")

    def start(self, place, files):
        """posix_spawn has no folder to start in: the shim goes there with LOAD; we stand in it meanwhile for those that need it at once."""
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in files.items()]
        before = os.getcwd()
        os.chdir(place)
        try:
            return os.posix_spawn(self.path, self.argv, self.env, file_actions=actions, setsid=True)
        finally:
            os.chdir(before)

    @contextlib.contextmanager
    def started(self, place, entrypoint):
        """Its pid and its pipes, once it has loaded. LOAD lies in its pipe when it looks. Ended with the block."""
        in_read, in_write = high_pipe()
        out_read, out_write = high_pipe()
        with open(os.devnull, "r+b") as null:
            pid = self.start(place, {0: null.fileno(), 1: null.fileno(), 2: null.fileno(), 3: in_read, 4: out_write})
        os.close(in_read)
        os.close(out_write)
        load = {"function": "f", "dir": str(place), "entrypoint": entrypoint, "handler": "", "env": {}, "interface": "json", "concurrency": 1,
                "max_frame": 33 << 20, "credit": 256 << 10}
        os.write(in_write, frame(LOAD, 0, json.dumps(load).encode()))
        try:
            wait_for(out_read, READY)
            yield pid, in_write, out_read
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(in_write)
            os.close(out_read)

    def first_reply(self, place, entrypoint):
        """ms from posix_spawn to the first REPLY."""
        meta = json.dumps({"id": "01J0000000000000000000000", "deadline_ms": int(time.time() * 1000) + 30000}).encode()
        begin = time.perf_counter()
        with self.started(place, entrypoint) as (_, to, out):
            os.write(to, frame(CALL, 1, meta, BODY))
            wait_for(out, REPLY)
            return ms_since(begin)


def wait_for(fd, kind):
    for got, text in frames(fd):
        if got == kind:
            return
        if got == ERROR:
            sys.exit(f"bench: the worker that was started by hand failed: {text.decode()}")
    sys.exit("bench: the worker that was started by hand ended")


def high_pipe():
    """Above the numbers that are put in place in a child, and closed by exec."""
    ends = os.pipe()
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in ends]
    for fd in ends:
        os.close(fd)
    return high


def frame(kind, call, meta=b"", body=b""):
    return HEADER.pack(12 + len(meta) + len(body), kind, 0, 0, call, len(meta)) + meta + body


def frames(fd):
    data = b""
    while True:
        piece = os.read(fd, 65536)
        if not piece:
            return
        data += piece
        while len(data) >= 16 and len(data) >= HEADER.unpack_from(data)[0] + 4:
            end = HEADER.unpack_from(data)[0] + 4
            yield data[4], data[HEADER.size:end]
            data = data[end:]


def pss(pid):
    """MiB of its own, and its part of what it shares."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0


def spawn_one(command):
    """What one request costs that starts an interpreter for itself."""
    request = b'{"request_id":"1","function":"shot","input":%b,"context":{"env":{}}}\n' % BODY
    in_read, in_write = high_pipe()
    out_read, out_write = high_pipe()
    actions = [(os.POSIX_SPAWN_DUP2, in_read, 0), (os.POSIX_SPAWN_DUP2, out_write, 1)]
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    os.close(in_read)
    os.close(out_write)
    os.write(in_write, request)
    os.close(in_write)
    answer = b"".join(iter(lambda: os.read(out_read, 65536), b""))
    os.close(out_read)
    _, status = os.waitpid(pid, 0)
    if status != 0 or not json.loads(answer)["success"]:
        sys.exit("bench: the program that was started by hand failed")


def rate(callers, seconds, call):
    """Calls per second of so many callers, each with one at a time."""
    begin = time.perf_counter()

    def run(i):
        count = 0
        while time.perf_counter() - begin < seconds:
            call(i)
            count += 1
        return count

    with concurrent.futures.ThreadPoolExecutor(callers) as pool:
        count = sum(pool.map(run, range(callers)))
    return count / (time.perf_counter() - begin)
