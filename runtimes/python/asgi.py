"""The `asgi` interface: an application of ASGI 3 with lifespan (runtimes/CONTRACT.md).

Unlike the other interfaces this one has an event loop that reads the frames, so any number of calls may be in flight. It is made, and the
lifespan begun, in the worker itself: never in a process that is forked afterwards.
"""
import asyncio
import collections
import contextvars
import io
import json
import sys
import threading
import time
from urllib.parse import unquote

from frames import (ANSWER, BUSY, CALL, CANCEL, CHUNK, CHUNK_SIZE, CREDIT, DRAIN, ERROR, FD_IN, HELLO, LOG, META_MAX, MORE, PING, PONG, REPLY, TEXT_MAX, Context,
                    Failure, Frames, Log, client_of, describe, meta_of)
from sdk import Asks, CallError, Sdk

NAMES = ("app", "application", "handler")
VERSIONS = {"version": "3.0", "spec_version": "2.4"}
GRACE_S = 0.1  # between the deadline of a cancelled call and the end of its task
printing = contextvars.ContextVar("printing", default=None)


class Asgi:
    def __init__(self, worker, app):
        self.worker, self.app, self.frames = worker, app, worker.frames
        self.calls = {}  # until they are answered
        self.tasks = set()  # of calls, and of what goes on behind their answers
        self.asks = LoopAsks(self)
        self.over = self.lifespan = None
        self.state = {}

    def start(self, hello):
        """The application's startup. From here on the worker takes any number of calls."""
        self.loop = self.worker.event_loop()
        self.over = self.loop.create_future()
        self.lifespan = Lifespan(self)
        self.loop.run_until_complete(self.lifespan.startup())
        Context.sdk_of = lambda call: Sdk(self.asks, call)
        Log.is_open = self.calls.__contains__
        Frames.write = staticmethod(one_at_a_time(Frames.write))  # threads log too
        if self.worker.plan["concurrency"] > 1:
            sys.stdout, sys.stderr = Prints(sys.stdout, "info"), Prints(sys.stderr, "error")
        self.frames.write(HELLO, 0, json.dumps({**hello, "concurrency": 0, "features": ["cancel", "stream"]}).encode())

    def serve(self):
        """Until DRAIN, or the end of the input, and the end of all calls."""
        self.loop.add_reader(FD_IN, self.on_input)
        self.loop.call_soon(self.take_held)
        self.loop.run_until_complete(self.over)
        self.loop.remove_reader(FD_IN)
        self.loop.run_until_complete(self.lifespan.shutdown())

    def on_input(self):
        frame = self.frames.read()
        if frame is None:
            self.loop.remove_reader(FD_IN)
            return self.end()
        self.take(*frame)
        self.take_held()

    def take_held(self):
        while self.frames.holds_one():
            self.take(*self.frames.read())

    def take(self, kind, flags, number, meta, body):
        call = self.calls.get(number)
        if kind == CALL:
            call = self.calls[number] = Exchange(self, number, meta)
            call.arrived(flags, body)
            call.task = self.loop.create_task(call.run())
            self.tasks.add(call.task)
            call.task.add_done_callback(self.on_done)
        elif kind == PING:
            self.frames.write(PONG, 0, b"", body)
        elif kind == DRAIN:
            if self.tasks or not self.lifespan.task.done():  # background tasks, and a shutdown that may take its time
                self.frames.write(BUSY, 0)
            self.end()
        elif call and kind == CHUNK:
            call.arrived(flags, body)
        elif call and kind == CREDIT:
            call.credited(json.loads(meta)["bytes"])
        elif call and kind == CANCEL:
            call.cancel()
        elif call and kind == ANSWER:
            self.asks.answered(meta, body)

    def on_done(self, task):
        self.tasks.discard(task)
        if self.worker.draining:
            self.end()

    def end(self):
        self.worker.draining = True
        if not self.tasks and not self.over.done():
            self.over.set_result(None)


class Exchange:
    """One call: its scope, what the application may receive, and how far its answer has come."""

    def __init__(self, asgi, number, meta):
        self.asgi, self.worker, self.number, self.facts = asgi, asgi.worker, number, json.loads(meta)
        self.context = Context(number, meta, self.worker.function, self.worker.env)
        self.pieces, self.is_whole, self.is_held = collections.deque(), False, False
        self.head, self.is_begun, self.is_answered, self.is_cancelled = None, False, False, False
        self.is_body_told, self.credit = False, self.worker.window
        self.news = asyncio.Event()  # of whatever somebody here waits for
        self.printed = {}

    async def run(self):
        printing.set(self)
        try:
            await self.asgi.app(self.scope(), self.receive, self.send)
            if not self.is_answered:
                what = "before its body was whole" if self.head else "without an answer"
                raise Failure("INVALID_OUTPUT", "the application ended " + what)
        except (SystemExit, KeyboardInterrupt):
            sys.stdout.flush()
            raise
        except BaseException as error:
            self.failed(error)
        finally:
            for level in list(self.printed):
                self.printed_line(level, self.printed.pop(level))

    def failed(self, error):
        if self.is_answered:
            if not isinstance(error, asyncio.CancelledError):
                self.context.log.error("after the answer: " + json.loads(describe(error)).get("stack", str(error)))
            return
        if self.is_cancelled:
            error = Failure("CANCELLED", "the call was cancelled")
        self.tell(ERROR, describe(error))
        self.answered()

    def scope(self):
        facts = self.facts
        host, _, port = facts["host"].rpartition(":")
        if not port.isdigit():
            host, port = facts["host"] or "localhost", 443 if facts["scheme"] == "https" else 80
        return {
            "type": "http", "asgi": dict(VERSIONS), "http_version": "1.1", "method": facts["method"], "scheme": facts["scheme"],
            "path": unquote(facts["path"]), "raw_path": facts["path"].encode(), "query_string": facts["query"].encode(), "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in facts["headers"]], "client": client_of(facts), "server": (host, int(port)),
            "state": dict(self.asgi.state), "extensions": {}, "trivet": self.context,
        }

    # -------------------------------------------------------------- the request

    def arrived(self, flags, body):
        self.is_whole = not flags & MORE
        self.pieces.append(body)
        if self.is_held:
            self.grant(len(body))
        self.news.set()

    def grant(self, size):
        if size and not self.is_whole:
            self.tell(CREDIT, b'{"bytes":%d}' % size)

    async def receive(self):
        while not self.is_cancelled and not self.is_answered:
            if self.pieces:
                piece = self.pieces.popleft()
                if not self.is_held:
                    self.grant(len(piece))
                self.is_body_told = self.is_whole and not self.pieces
                return {"type": "http.request", "body": piece, "more_body": not self.is_body_told}
            await self.wait()
        return {"type": "http.disconnect"}

    async def hold(self):
        """Takes in what is left of the body, for whoever receives it later."""
        if not self.is_held:
            self.is_held = True
            self.grant(sum(map(len, self.pieces)))
        while not self.is_whole:
            await self.wait()
            self.must_be_wanted()

    async def wait(self):
        self.news.clear()
        await self.news.wait()

    def cancel(self):
        """The client is gone, or the deadline has passed: the application hears of it, and past the deadline its task is ended."""
        self.is_cancelled = True
        self.news.set()
        self.asgi.asks.drop(self.number, "the call was cancelled")
        left = self.facts["deadline_ms"] / 1000 - time.time() if "deadline_ms" in self.facts else 0
        self.asgi.loop.call_later(max(left, 0) + GRACE_S, self.end_task)

    def end_task(self):
        if not self.is_answered:
            self.task.cancel()

    def must_be_wanted(self):
        if self.is_cancelled:
            raise OSError("nobody waits for the answer any more")

    # -------------------------------------------------------------- the answer

    def tell(self, kind, meta=b"", body=b"", flags=0):
        sys.stdout.flush()
        self.asgi.frames.write(kind, self.number, meta, body, flags)

    def answered(self):
        self.is_answered = True
        self.news.set()
        self.asgi.asks.drop(self.number, "the call has ended")
        del self.asgi.calls[self.number]

    async def send(self, message):
        kind = message["type"]
        if kind == "http.response.start" and self.head is None:
            self.head = message
            head_of(message)  # what is wrong with it is told here
        elif kind == "http.response.body" and self.head and not self.is_answered:
            self.must_be_wanted()
            await self.send_body(message.get("body", b""), message.get("more_body", False))
        elif self.is_cancelled:
            self.must_be_wanted()
        else:
            raise RuntimeError("the application sent %s out of turn" % kind)

    async def send_body(self, body, is_more):
        head = b"" if self.is_begun else head_of(self.head, is_more or body)
        if len(head) > META_MAX:
            raise Failure("INVALID_OUTPUT", "the answer's headers have %d bytes, too many" % len(head))
        if not self.is_begun and not is_more and len(body) <= self.worker.whole_most:
            self.answered()  # first: threads that log ask whether the host still knows the call
            return self.tell(REPLY, head, body)
        if not self.is_begun:
            await self.hold()
            self.is_begun = True
            self.tell(REPLY, head, b"", MORE)
        view = memoryview(body)
        while view:
            while self.credit <= 0:
                await self.wait()
                self.must_be_wanted()
            size = min(self.credit, CHUNK_SIZE, len(view))
            self.credit -= size
            self.tell(CHUNK, b"", bytes(view[:size]), MORE)
            view = view[size:]
        if not is_more:
            self.answered()
            self.tell(CHUNK)

    def credited(self, size):
        self.credit += size
        self.news.set()

    # -------------------------------------------------------------- prints

    def printed_line(self, level, line):
        meta = {"level": level} if self.number in self.asgi.calls else {"level": level, "id": self.facts.get("id")}
        self.asgi.frames.write(LOG, self.number, meta_of(meta), line[:TEXT_MAX].encode("utf-8", "replace"))


def head_of(message, has_body=False):
    """REPLY's meta."""
    headers = [[name.decode("latin-1").lower(), value_of_header(value)] for name, value in message.get("headers") or ()]
    if has_body and not any(name == "content-type" for name, _ in headers):
        headers.append(["content-type", "application/octet-stream"])
    return meta_of({"status": message["status"], "headers": headers})


def value_of_header(value):
    try:
        return value.decode()
    except UnicodeError:
        return value.decode("latin-1")


class Lifespan:
    """The application's startup and shutdown. One that knows no lifespan says so by an exception, and has none."""

    def __init__(self, asgi):
        self.asgi, self.loop = asgi, asgi.loop
        self.events, self.is_heard = asyncio.Queue(), False
        self.told = {event: self.loop.create_future() for event in ("startup", "shutdown")}
        self.task = None

    async def startup(self):
        self.task = self.loop.create_task(self.run())
        await self.phase("startup")

    async def shutdown(self):
        if not self.task.done():
            await self.phase("shutdown")

    async def phase(self, name):
        self.events.put_nowait({"type": "lifespan." + name})
        await asyncio.wait([self.task, self.told[name]], return_when=asyncio.FIRST_COMPLETED)
        if self.told[name].done():
            failure = self.told[name].result()
            if failure is not None:
                raise Failure("LOAD_FAILED", "the application's %s failed: %s" % (name, failure))
        elif self.is_heard and self.task.exception():
            raise self.task.exception()

    async def run(self):
        await self.asgi.app({"type": "lifespan", "asgi": dict(VERSIONS), "state": self.asgi.state}, self.receive, self.send)

    async def receive(self):
        self.is_heard = True
        return await self.events.get()

    async def send(self, message):
        _, name, outcome = message["type"].split(".")
        if not self.told[name].done():
            self.told[name].set_result(message.get("message", "") if outcome == "failed" else None)


class LoopAsks(Asks):
    """Calls of other functions, where the loop reads the frames."""

    def __init__(self, asgi):
        super().__init__(asgi.worker)
        self.asgi, self.open = asgi, {}  # number: (call, future)

    def send(self, call, function, value, timeout):
        exchange = self.asgi.calls.get(call)
        if exchange is None:
            raise CallError({"code": "CANCELLED", "message": "the call has ended", "function": function})
        self.current, self.cancelled = call, call if exchange.is_cancelled else 0
        return super().send(call, function, value, timeout)

    def wait(self, number):
        del self.answers[number]
        raise RuntimeError("ctx.sdk.call would stop all calls of this worker; await ctx.sdk.call_async")

    async def await_(self, number):
        call, future = self.current, self.asgi.loop.create_future()
        del self.answers[number]
        self.open[number] = call, future
        try:
            return await future
        finally:
            self.open.pop(number, None)

    def answered(self, meta, body):
        answer = json.loads(meta)
        if answer["ask"] in self.open:  # else its call has ended
            self.settle(self.open[answer["ask"]][1], answer, body)

    def drop(self, call, why):
        for of, future in list(self.open.values()):
            if of == call and not future.done():
                future.set_exception(Failure("CANCELLED", why))
                future.exception()  # whoever does not await it is not told


class Prints(io.TextIOBase):
    """stdout or stderr of several calls at once: each line goes to the host with the call that printed it."""

    def __init__(self, stream, level):
        self.stream, self.level = stream, level

    def write(self, text):
        exchange = printing.get()
        if exchange is None:
            return self.stream.write(text)
        *lines, rest = (exchange.printed.pop(self.level, "") + text).split("\n")
        for line in lines:
            exchange.printed_line(self.level, line)
        if rest:
            exchange.printed[self.level] = rest
        return len(text)

    def writable(self):
        return True

    def flush(self):
        self.stream.flush()

    def fileno(self):
        return self.stream.fileno()

    encoding = property(lambda self: self.stream.encoding)
    buffer = property(lambda self: self.stream.buffer)


def one_at_a_time(write):
    lock = threading.Lock()

    def locked(*what):
        with lock:
            write(*what)

    return locked
