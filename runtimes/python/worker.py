"""The shim of the Python runtime: speaks the frame (docs/formats/frame.md) on fd 3 and 4, loads user code, calls it.

One call at a time, in a synchronous read loop: that is the fastest shape. Coroutines run on one event loop that lives as long as the
worker, so what they leave in it goes on with the next call.
"""
import importlib.util
import json
import os
import struct
import sys
import time
import traceback

LOAD, CALL, CHUNK, CANCEL, PING, DRAIN, CREDIT = 1, 2, 3, 4, 5, 8, 9
HELLO, READY, REPLY, ERROR, LOG, PONG = 65, 66, 67, 68, 69, 70
FD_IN, FD_OUT, MORE, CHUNK_SIZE = 3, 4, 1, 65536
HEADER = struct.Struct(">IBBHII")
HERE = os.path.dirname(os.path.abspath(__file__))
encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class Frames:
    """Reads whole frames from fd 3 and writes them to fd 4."""

    def __init__(self):
        self.buffer = b""

    def read(self):
        """(type, flags, call, meta, body), or None at the end of the input."""
        while len(self.buffer) < 16:
            piece = os.read(FD_IN, 65536)
            if not piece:
                return None
            self.buffer = self.buffer + piece if self.buffer else piece
        length, kind, flags, _, call, meta_length = HEADER.unpack_from(self.buffer)
        end = length + 4
        if len(self.buffer) < end:
            self._fill(end)
        data, meta_end = self.buffer, 16 + meta_length
        self.buffer = data[end:]
        return kind, flags, call, data[16:meta_end], data[meta_end:end]

    def _fill(self, size):
        whole = bytearray(self.buffer)
        while len(whole) < size:
            piece = os.read(FD_IN, min(max(size - len(whole), 65536), 1 << 20))
            if not piece:
                sys.exit(0)
            whole += piece
        self.buffer = bytes(whole)

    @staticmethod
    def write(kind, call, meta=b"", body=b"", flags=0):
        data = HEADER.pack(12 + len(meta) + len(body), kind, flags, 0, call, len(meta)) + meta + body
        sent = os.write(FD_OUT, data)
        while sent < len(data):
            sent += os.write(FD_OUT, memoryview(data)[sent:])


class Log:
    """ctx.log: lines that carry a level and fields."""

    def __init__(self, call):
        self._call = call

    def _write(self, level, message, fields):
        meta = {"level": level}
        if fields:
            meta["fields"] = fields
        Frames.write(LOG, self._call, json.dumps(meta, default=str).encode(), str(message).encode("utf-8", "replace"))

    def debug(self, message, fields=None):
        self._write("debug", message, fields)

    def info(self, message, fields=None):
        self._write("info", message, fields)

    def warn(self, message, fields=None):
        self._write("warn", message, fields)

    def error(self, message, fields=None):
        self._write("error", message, fields)


class Context:
    """What a json handler is told besides its input. The facts are parsed when they are asked for."""

    __slots__ = ("_meta", "_facts", "_call", "function", "env", "sdk")

    def __init__(self, call, meta, function, env):
        self._call, self._meta, self._facts = call, meta, None
        self.function, self.env, self.sdk = function, env, None

    def _fact(self, key):
        if self._facts is None:
            self._facts = json.loads(self._meta) if self._meta else {}
        return self._facts.get(key)

    call_id = property(lambda self: self._fact("id"))
    auth = property(lambda self: self._fact("auth"))
    deadline = property(lambda self: self._fact("deadline_ms"))
    log = property(lambda self: Log(self._call))


class Failure(Exception):
    """An ERROR frame: a code and a sentence."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def stack_of(error):
    """The traceback without the shim's own lines."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((HERE, "<frozen"))]
    lines = ["Traceback (most recent call last):\n"] + traceback.format_list(frames) if frames else []
    return "".join(lines + traceback.format_exception_only(type(error), error))


class Worker:
    def __init__(self):
        self.frames = Frames()
        self.draining = False
        self.loop = None  # the asyncio loop, made when first needed
        self.credit = 0

    def run(self):
        for fd in (FD_IN, FD_OUT):
            os.set_inheritable(fd, False)
        hello = {"protocol": 1, "runtime": "python", "version": sys.version.split()[0], "concurrency": 1, "features": ["stream"]}
        self.frames.write(HELLO, 0, json.dumps(hello).encode())
        while not self.draining:
            frame = self.frames.read()
            if frame is None:
                break
            kind, flags, call, meta, body = frame
            if kind == CALL:
                self.call(call, meta, self.rest_of(call, body) if flags & MORE else body)
            elif kind == LOAD:
                self.load(json.loads(meta))
            else:
                self.between(kind, call, meta, body)
        sys.stdout.flush()

    def between(self, kind, call, meta, body):
        """A frame that is not about a new call."""
        if kind == PING:
            self.frames.write(PONG, 0, b"", body)
        elif kind == DRAIN:
            self.draining = True
        elif kind == CREDIT:
            self.credit += json.loads(meta)["bytes"]

    def rest_of(self, call, first):
        """A body that comes in pieces, whole."""
        pieces = [first]
        while True:
            frame = self.frames.read()
            if frame is None:
                sys.exit(0)
            kind, flags, of, meta, body = frame
            if kind != CHUNK or of != call:
                self.between(kind, of, meta, body)
                continue
            pieces.append(body)
            if not flags & MORE:
                return b"".join(pieces)
            self.frames.write(CREDIT, call, b'{"bytes":%d}' % len(body))

    def load(self, plan):
        try:
            os.environ.update(plan["env"])
            self.plan, self.function, self.env = plan, plan["function"], plan["env"]
            self.window = plan.get("credit", 262144)
            self.answer = self.answer_context if plan["interface"] == "context" else self.answer_json
            self.handler = self.find(self.import_user(plan), plan)
        except SystemExit:
            raise
        except BaseException as error:  # whatever user code does while it is loaded
            sys.stdout.flush()
            self.fail(0, error, "LOAD_FAILED")
            sys.exit(1)
        sys.stdout.flush()
        self.frames.write(READY, 0)

    def import_user(self, plan):
        import site

        if HERE in sys.path:
            sys.path.remove(HERE)
        site.main()  # -S kept it from running before the interpreter was up
        venv = os.path.join(plan["dir"], ".venv", "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
        if os.path.isdir(venv):
            site.addsitedir(venv)
        sys.path.append(plan["dir"])  # last: a file json.py must not hide the standard library
        path = os.path.join(plan["dir"], plan["entrypoint"])
        sys.argv = [path]
        sys.dont_write_bytecode = True  # cached bytecode knows seconds only: a second edit within one would not be seen
        spec = importlib.util.spec_from_file_location("function", path)
        if spec is None:
            raise Failure("LOAD_FAILED", "%s is not a Python file" % plan["entrypoint"])
        module = importlib.util.module_from_spec(spec)
        sys.modules["function"] = module
        spec.loader.exec_module(module)
        return module

    @staticmethod
    def find(module, plan):
        names = [plan["handler"]] if plan["handler"] else ["handler", "main", "handle"]
        for name in names:
            handler = getattr(module, name, None)
            if callable(handler):
                import inspect

                try:
                    inspect.signature(handler).bind(None, None)
                except TypeError:
                    if plan["interface"] != "context":
                        return lambda value, ctx: handler(value)
                return handler
        raise Failure("LOAD_FAILED", "%s has no function %s" % (plan["entrypoint"], " or ".join(names)))

    def call(self, call, meta, body):
        try:
            self.answer(call, meta, body)
        except SystemExit:
            sys.stdout.flush()
            raise
        except Failure as failure:
            self.fail(call, failure, failure.code)
        except BaseException as error:
            self.fail(call, error, "FUNCTION_ERROR")

    def fail(self, call, error, code):
        sys.stdout.flush()
        facts = {"code": code, "message": str(error) or type(error).__name__, "type": type(error).__name__, "stack": stack_of(error)}
        if isinstance(error, Failure):
            facts["code"] = error.code
            del facts["type"], facts["stack"]
        self.frames.write(ERROR, call, json.dumps(facts).encode())

    def finished(self, value):
        """The value of a handler, awaited when it is a coroutine."""
        if not hasattr(value, "__await__"):
            return value
        return self.event_loop().run_until_complete(value)

    def event_loop(self):
        if self.loop is None:
            import asyncio

            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
        return self.loop

    def answer_json(self, call, meta, body):
        try:
            value = json.loads(body) if body else None
        except ValueError as error:
            raise Failure("INVALID_INPUT", "the input is not JSON: %s" % error) from None
        output = self.handler(value, Context(call, meta, self.function, self.env))
        if output.__class__ not in PLAIN:
            output = self.finished(output)
            if hasattr(output, "__next__") or hasattr(output, "__anext__"):
                return self.stream(call, b'{"headers":[["content-type","application/x-ndjson"]]}', map_json(self.items(output)))
        try:
            text = encode(output).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise Failure("INVALID_OUTPUT", "the handler's value cannot be written as JSON: %s" % error) from None
        sys.stdout.flush()
        self.frames.write(REPLY, call, b"", text)

    def answer_context(self, call, meta, body):
        from context import HttpContext, NotAReply

        context = HttpContext(json.loads(meta), body, Log(call))
        reply = self.finished(self.handler(context))
        try:
            head, payload = context.res.finished(reply)
        except NotAReply as error:
            raise Failure("INVALID_OUTPUT", str(error)) from None
        if isinstance(payload, bytes):
            sys.stdout.flush()
            self.frames.write(REPLY, call, head, payload)
        else:
            self.stream(call, head, (p.encode() if isinstance(p, str) else bytes(p) for p in self.items(payload)))

    def items(self, output):
        """The items of a generator, an asynchronous one included."""
        if not hasattr(output, "__anext__"):
            yield from output
            return
        while True:
            try:
                yield self.event_loop().run_until_complete(output.__anext__())
            except StopAsyncIteration:
                return

    def stream(self, call, head, pieces):
        sys.stdout.flush()
        self.frames.write(REPLY, call, head, b"", MORE)
        self.credit = self.window
        for piece in pieces:
            for at in range(0, len(piece), CHUNK_SIZE):
                part = piece[at:at + CHUNK_SIZE]
                while self.credit < len(part):
                    frame = self.frames.read()
                    if frame is None:
                        sys.exit(0)
                    if frame[0] == CANCEL:
                        raise Failure("CANCELLED", "the stream was cancelled")
                    self.between(frame[0], frame[2], frame[3], frame[4])
                self.credit -= len(part)
                sys.stdout.flush()
                self.frames.write(CHUNK, call, b"", part, MORE)
        self.frames.write(CHUNK, call)


PLAIN = frozenset((dict, list, str, int, float, bool, type(None), tuple))


def map_json(values):
    for value in values:
        yield value if isinstance(value, (bytes, bytearray)) else encode(value).encode() + b"\n"


if __name__ == "__main__":
    sys.path.append(HERE)
    import context  # noqa: F401  loaded before user code can shadow it

    Worker().run()
