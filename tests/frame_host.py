"""A host that speaks the frame (docs/formats/frame.md) with one worker, for tests of shims without the program around them.

    with FrameHost(["python3", "worker.py"]) as host:
        host.load(dir="/functions/hello", entrypoint="main.py")
        reply = host.call({"name": "Ada"})           # Answer: status, headers, body, error

The worker has pipes on fd 3 and 4, /dev/null as stdin, and files as stdout and stderr, so that it never waits for a reader. Every wait has a
deadline: a worker that is silent fails the test instead of hanging it. What arrives while something else is awaited is kept.
"""
import collections
import dataclasses
import fcntl
import json
import os
import select
import struct
import subprocess
import tempfile
import time

LOAD, CALL, CHUNK, CANCEL, PING, ANSWER, FORK, DRAIN, CREDIT = range(1, 10)
HELLO, READY, REPLY, ERROR, LOG, PONG, ASK, FORKED = range(65, 73)
BUSY = 74
MORE = 1
HEADER = struct.Struct(">IBBHII")
META_MAX = 1 << 20
CHUNK_MAX = 64 * 1024
CREDIT_DEFAULT = 256 * 1024
PAYLOAD_DEFAULT = 32 << 20

Frame = collections.namedtuple("Frame", "type more call meta body")


class ProtocolError(Exception):
    """The bytes are not what docs/formats/frame.md says."""


def encode(kind, call=0, meta=b"", body=b"", more=False):
    """`meta` is bytes, or a value that becomes JSON."""
    if not isinstance(meta, bytes):
        meta = json.dumps(meta).encode()
    return HEADER.pack(12 + len(meta) + len(body), kind, MORE if more else 0, 0, call, len(meta)) + meta + body


def decode(data, max_frame=PAYLOAD_DEFAULT + META_MAX):
    """(Frame, bytes used), or None while the frame is not whole. ProtocolError as soon as its header is wrong."""
    if len(data) < HEADER.size:
        return None
    length, kind, flags, reserved, call, meta_length = HEADER.unpack_from(data)
    if length < 12 or length > max_frame or meta_length > min(length - 12, META_MAX) or reserved or flags & ~MORE:
        raise ProtocolError("refused header: length %d, type %d, flags %d, meta %d" % (length, kind, flags, meta_length))
    end, body_at = length + 4, HEADER.size + meta_length
    if len(data) < end:
        return None
    return Frame(kind, bool(flags & MORE), call, bytes(data[HEADER.size:body_at]), bytes(data[body_at:end])), end


@dataclasses.dataclass
class Answer:
    """How a call ended. `error` is ERROR's meta, or None; `pieces` are the bodies of REPLY and CHUNKs as they came."""
    status: int = 200
    headers: list = dataclasses.field(default_factory=list)
    pieces: list = dataclasses.field(default_factory=list)
    error: dict = None

    @property
    def body(self):
        return b"".join(self.pieces)

    @property
    def json(self):
        return json.loads(self.body)


class FrameHost:
    def __init__(self, command, cwd=None, env=None, timeout=20):
        self.timeout, self.hello, self.logs = timeout, None, []
        self.output = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        self._buffer, self._kept, self._next = bytearray(), collections.deque(), 1
        down_read, self._to = os.pipe()
        self._from, up_write = os.pipe()
        # Copies above 9, so that placing one pipe cannot overwrite the other. All but 0 to 4 close at exec.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (down_read, up_write)]

        def place_pipes():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, close_fds=False,
                                        stdout=self.output[0], stderr=self.output[1], preexec_fn=place_pipes)
        for fd in (down_read, up_write, *high):
            os.close(fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()
        for fd in (self._to, self._from):
            if fd is not None:
                os.close(fd)
        for file in self.output:
            file.close()

    # -------------------------------------------------------------- frames

    def send(self, kind, call=0, meta=b"", body=b"", more=False):
        self.send_bytes(encode(kind, call, meta, body, more))

    def send_bytes(self, data):
        """Anything, also what is no frame."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._to, view):]

    def receive(self, timeout=None):
        """The next frame; LOG frames are collected in `logs` instead. None at the end of the worker's frames."""
        if self._kept:
            return self._kept.popleft()
        return self._read(timeout)

    def expect(self, kind, call=0, timeout=None):
        """The next frame of this type and call. Others that come meanwhile are kept for later."""
        for frame in self._kept:
            if (frame.type, frame.call) == (kind, call):
                self._kept.remove(frame)
                return frame
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            frame = self._read(max(deadline - time.monotonic(), 0))
            if frame is None:
                raise ProtocolError("the worker's frames ended before type %d; stderr: %s" % (kind, self.stderr()))
            if (frame.type, frame.call) == (kind, call):
                return frame
            self._kept.append(frame)

    def _read(self, timeout=None):
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            whole = decode(self._buffer)
            if whole:
                del self._buffer[:whole[1]]
                if whole[0].type != LOG:
                    return whole[0]
                self.logs.append((whole[0].call, json.loads(whole[0].meta), whole[0].body.decode()))
                continue
            if not select.select([self._from], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise TimeoutError("the worker was silent; stderr: " + self.stderr())
            piece = os.read(self._from, 1 << 20)
            if not piece and self._buffer:
                raise ProtocolError("the worker's last frame is incomplete")
            if not piece:
                return None
            self._buffer += piece

    # -------------------------------------------------------------- a worker's life

    def load(self, dir, entrypoint, interface="json", handler="", env=None, function="function", concurrency=1,
             max_frame=PAYLOAD_DEFAULT + META_MAX, credit=CREDIT_DEFAULT, output=None):
        """Sends LOAD; None when the worker is ready, else the meta of its ERROR."""
        self.send(LOAD, 0, {"function": function, "dir": str(dir), "entrypoint": entrypoint, "handler": handler, "interface": interface,
                            "env": env or {}, "concurrency": concurrency, "max_frame": max_frame, "credit": credit,
                            **({"output": str(output)} if output else {})})
        while True:
            frame = self._read()
            if frame is None:
                raise ProtocolError("the worker ended while it loaded; stderr: " + self.stderr())
            if frame.type == HELLO:
                self.hello = json.loads(frame.meta)
            elif frame.type == READY:
                return None
            elif frame.type == ERROR:
                return json.loads(frame.meta)
            else:
                raise ProtocolError("type %d before READY" % frame.type)

    def start_call(self, value=None, body=None, meta=None, more=False, timeout_ms=20_000):
        """Sends CALL and returns its id; `finish` has its answer. `value` becomes the JSON body unless `body` gives bytes."""
        call, self._next = self._next, self._next + 1
        facts = {"id": "call-%d" % call, "deadline_ms": int(time.time() * 1000) + timeout_ms, **(meta or {})}
        self.send(CALL, call, facts, json.dumps(value).encode() if body is None else body, more)
        return call

    def finish(self, call, grants_credit=True):
        """The Answer of a call, its stream read to the end. Without credit a stream stops when its window is used up: TimeoutError."""
        answer = Answer()
        while True:
            frame = self._next_of(call)
            if frame.type == ERROR:
                answer.error = json.loads(frame.meta)
                return answer
            if frame.type == REPLY:
                meta = json.loads(frame.meta) if frame.meta else {}
                answer.status, answer.headers = meta.get("status", 200), [tuple(pair) for pair in meta.get("headers", [])]
            elif grants_credit and frame.more and frame.body:
                self.credit(call, len(frame.body))
            answer.pieces.append(frame.body)
            if not frame.more:
                return answer

    def _next_of(self, call):
        for frame in self._kept:
            if frame.call == call and frame.type in (REPLY, CHUNK, ERROR):
                self._kept.remove(frame)
                return frame
        while True:
            frame = self._read()
            if frame is None:
                raise ProtocolError("the worker ended during call %d; stderr: %s" % (call, self.stderr()))
            if frame.call == call and frame.type in (REPLY, CHUNK, ERROR):
                return frame
            self._kept.append(frame)

    def call(self, value=None, body=None, meta=None):
        return self.finish(self.start_call(value, body, meta))

    def request(self, action, body=b"", headers=(), path="/", query="", method="POST", host="localhost", scheme="http"):
        """A call of the context interface."""
        facts = {"method": method, "path": path, "query": query, "scheme": scheme, "host": host,
                 "headers": [["x-action", action], *map(list, headers)]}
        return self.call(body=body, meta=facts)

    def chunk(self, call, body, more=True):
        """A piece of a call's body that started with more=True. The first 256 KiB need no credit."""
        self.send(CHUNK, call, b"", body, more)

    def cancel(self, call):
        self.send(CANCEL, call)

    def credit(self, call, size):
        self.send(CREDIT, call, {"bytes": size})

    def ping(self, body=b""):
        self.send(PING, 0, b"", body)
        return self.expect(PONG).body

    def drain(self):
        """Sends DRAIN; the exit status."""
        self.send(DRAIN)
        return self.process.wait(self.timeout)

    def end_input(self):
        """End of file on the worker's fd 3."""
        os.close(self._to)
        self._to = None

    def stdout(self):
        return self._printed(0)

    def stderr(self):
        return self._printed(1)

    def _printed(self, which):
        return os.pread(self.output[which].fileno(), 1 << 24, 0).decode(errors="replace")
