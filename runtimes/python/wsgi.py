"""The `wsgi` interface: an application of PEP 3333 (runtimes/CONTRACT.md)."""
import io
import sys
from urllib.parse import unquote_to_bytes

from frames import CANCEL, CHUNK, CREDIT, MORE, Context, Failure, client_of, meta_of

PIECE = 65536  # of a file that the application hands over
NAMES = ("app", "application", "handler")


class Wsgi:
    """Answers the calls of one application, one at a time."""

    def __init__(self, worker, app):
        self.worker, self.app = worker, app

    def answer(self, call, meta, facts, body):
        """`body` is bytes, or an Arriving that has more of it."""
        answer = Answer(self.worker, call, body if isinstance(body, Arriving) else None)
        context = Context(call, meta, self.worker.function, self.worker.env)
        pieces = self.app(environ_of(facts, body, context), answer.start_response)
        try:
            answer.send_all(pieces)
        finally:
            if hasattr(pieces, "close"):
                pieces.close()


def environ_of(facts, body, context):
    host, _, port = facts["host"].rpartition(":") if facts["host"][-1:] != "]" else (facts["host"], "", "")
    if not port.isdigit():
        host, port = facts["host"] or "localhost", "443" if facts["scheme"] == "https" else "80"
    environ = {
        "REQUEST_METHOD": facts["method"], "SCRIPT_NAME": "", "PATH_INFO": unquote_to_bytes(facts["path"]).decode("latin-1"),
        "QUERY_STRING": native(facts["query"]), "REQUEST_URI": native(facts["path"] + ("?" + facts["query"] if facts["query"] else "")),
        "SERVER_NAME": host, "SERVER_PORT": port, "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0), "wsgi.url_scheme": facts["scheme"], "wsgi.input": input_of(body), "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": True, "wsgi.run_once": False, "wsgi.file_wrapper": FileWrapper,
        "trivet.context": context,
    }
    if client := client_of(facts):
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = client[0], str(client[1])
    for name, value in facts["headers"]:
        if "_" in name:  # x_a would come as x-a does
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        value = native(value)
        if key in environ:
            value = environ[key] + ("; " if key == "HTTP_COOKIE" else ",") + value
        environ[key] = value
    if "CONTENT_LENGTH" not in environ and isinstance(body, bytes):
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def native(text):
    """A string as PEP 3333 has it: each character is a byte."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def input_of(body):
    return io.BytesIO(body) if isinstance(body, bytes) else io.BufferedReader(body, PIECE)


class FileWrapper:
    def __init__(self, file, size=PIECE):
        self.file, self.size = file, size
        if hasattr(file, "close"):
            self.close = file.close

    def __iter__(self):
        return iter(lambda: self.file.read(self.size), b"")


class Arriving(io.RawIOBase):
    """A request's body that comes in CHUNKs while user code reads it."""

    def __init__(self, worker, call, first):
        self.worker, self.call = worker, call
        self.pieces, self.is_whole, self.is_held = [first] if first else [], False, False

    def readable(self):
        return True

    def arrived(self, flags, body):
        """A CHUNK of it."""
        self.pieces.append(body)
        self.is_whole = not flags & MORE
        if self.is_held:
            self.grant(len(body))

    def grant(self, size):
        if size and not self.is_whole:
            self.worker.frames.write(CREDIT, self.call, b'{"bytes":%d}' % size)

    def wait(self):
        frame = self.worker.frames.read()
        if frame is None:
            sys.exit(0)
        kind, flags, call, meta, body = frame
        if kind == CANCEL and call == self.call:
            self.is_whole = True
            raise Failure("CANCELLED", "the call was cancelled before its body was whole")
        self.worker.between(kind, call, meta, body, flags)

    def readinto(self, room):
        while not self.pieces or not self.pieces[0]:
            if self.pieces:
                self.pieces.pop(0)
            elif self.is_whole:
                return 0
            else:
                self.wait()
        piece = self.pieces[0]
        size = min(len(room), len(piece))
        room[:size] = piece[:size]
        self.pieces[0] = piece[size:]
        if not self.is_held:
            self.grant(size)
        return size

    def hold(self):
        """Takes in what is left of it, for whoever reads it later."""
        if not self.is_held:
            self.is_held = True
            self.grant(sum(map(len, self.pieces)))
        while not self.is_whole:
            self.wait()


class Answer:
    """What start_response() was told, and how far its sending has come."""

    def __init__(self, worker, call, arriving):
        self.worker, self.call, self.arriving = worker, call, arriving
        self.status, self.headers, self.is_begun = None, [], False

    def start_response(self, status, headers, exc_info=None):
        if exc_info:
            try:
                if self.is_begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.status is not None:
            raise AssertionError("start_response() was called a second time, without exc_info")
        code = status[:3]
        if not (isinstance(status, str) and code.isdigit() and status[3:4] in ("", " ")):
            raise AssertionError("the status must be text as \"200 OK\", not %r" % (status,))
        self.status, self.headers = int(code), [[str(name).lower(), text(value)] for name, value in headers]
        return self.write

    def head(self, has_body=True):
        if self.status is None:
            raise Failure("INVALID_OUTPUT", "the application did not call start_response()")
        headers = self.headers
        if has_body and not any(name == "content-type" for name, _ in headers):
            headers = [*headers, ["content-type", "application/octet-stream"]]
        return meta_of({"status": self.status, "headers": headers})

    def length(self):
        """What the application says that the body has."""
        return next((value for name, value in self.headers if name == "content-length"), None)

    def write(self, piece):
        if not isinstance(piece, bytes):
            raise TypeError("an application gives bytes, not " + type(piece).__name__)
        if not piece:
            return
        if not self.is_begun:
            head = self.head()
            if self.arriving:
                self.arriving.hold()
            self.is_begun = True
            self.worker.open_stream(self.call, head)
        self.worker.send_piece(self.call, piece)

    def send_all(self, pieces):
        if pieces is None:
            raise Failure("INVALID_OUTPUT", "the application returned None, not something to iterate over")
        is_one = isinstance(pieces, (list, tuple)) and len(pieces) <= 1
        for piece in pieces:
            if not self.is_begun and isinstance(piece, bytes) and piece and (is_one or self.length() == str(len(piece))):
                if len(piece) <= self.worker.whole_most:
                    self.worker.reply(self.call, self.head(), piece)
                    return
            self.write(piece)
        if self.is_begun:
            self.worker.close_stream(self.call)
        else:
            self.worker.reply(self.call, self.head(has_body=False), b"")


def text(value):
    """A header's value, whose characters are bytes, as UTF-8 where it is that."""
    try:
        return str(value).encode("latin-1").decode()
    except UnicodeError:
        return str(value)
