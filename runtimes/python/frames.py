"""The frame (docs/formats/frame.md) on fd 3 and 4, and what a call is told and tells through it."""
import json
import os
import struct
import sys
import traceback

LOAD, CALL, CHUNK, CANCEL, PING, ANSWER, DRAIN, CREDIT = 1, 2, 3, 4, 5, 6, 8, 9
HELLO, READY, REPLY, ERROR, LOG, PONG, ASK, BUSY = 65, 66, 67, 68, 69, 70, 71, 74
FD_IN, FD_OUT, MORE, CHUNK_SIZE = 3, 4, 1, 65536
META_MAX, TEXT_MAX = 1 << 20, 65536  # bytes of meta; characters of a message or a stack
HEADER = struct.Struct(">IBBHII")
HERE = os.path.dirname(os.path.abspath(__file__))
encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode

encode_any = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str).encode


def meta_of(value):
    """JSON for a frame's meta: always UTF-8, whatever user code put into its texts."""
    return encode(value).encode("utf-8", "replace")


def client_of(facts):
    """Address and port of whoever called, None when that is not known."""
    address, _, port = facts.get("client", "").rpartition(":")
    return (address.strip("[]"), int(port)) if address else None


def frame_of(kind, call, meta=b"", body=b""):
    return HEADER.pack(12 + len(meta) + len(body), kind, 0, 0, call, len(meta)) + meta + body


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

    def holds_one(self):
        """Is a whole frame here already?"""
        return len(self.buffer) >= 16 and len(self.buffer) >= HEADER.unpack_from(self.buffer)[0] + 4

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

    is_open = None  # does the host still know the call of this number?

    def __init__(self, call, context=None):
        self._call, self._context = call, context

    def _write(self, level, message, fields):
        told = {"level": level, "fields": fields} if fields else {"level": level}
        if self._context and not Log.is_open(self._call):
            told["id"] = self._context.call_id
        try:
            meta = encode_any(told).encode("utf-8", "replace")
        except (TypeError, ValueError, RecursionError):  # a number that JSON has not, a circle
            meta = meta_of({"level": level, "fields": {"text": str(fields)[:TEXT_MAX]}})
        if len(meta) > META_MAX:
            meta = meta_of({"level": level, "fields": {"text": "%d bytes, too many" % len(meta)}})
        Frames.write(LOG, self._call, meta, str(message)[:TEXT_MAX].encode("utf-8", "replace"))

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

    __slots__ = ("_meta", "_facts", "_call", "function", "env")
    sdk_of = None  # makes the sdk of a call

    def __init__(self, call, meta, function, env):
        self._call, self._meta, self._facts = call, meta, None
        self.function, self.env = function, env

    def _fact(self, key):
        if self._facts is None:
            self._facts = json.loads(self._meta) if self._meta else {}
        return self._facts.get(key)

    call_id = property(lambda self: self._fact("id"))
    auth = property(lambda self: self._fact("auth"))
    deadline = property(lambda self: self._fact("deadline_ms"))
    log = property(lambda self: Log(self._call, self))
    sdk = property(lambda self: Context.sdk_of(self._call))


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


def describe(error, code="FUNCTION_ERROR"):
    """ERROR's meta of an exception."""
    if isinstance(error, Failure):
        return meta_of({"code": error.code, "message": str(error)[:TEXT_MAX]})
    kind = type(error).__name__
    if getattr(error, "code", None) == "LOOP_DETECTED":  # of a call that the function made: its caller must know
        code = "LOOP_DETECTED"
    try:
        message = str(error) or kind
    except Exception:  # its own __str__ fails
        message = kind
    return meta_of({"code": code, "message": message[:TEXT_MAX], "type": kind, "stack": stack_of(error)[:TEXT_MAX]})
