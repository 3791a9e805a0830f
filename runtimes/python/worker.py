"""The shim of the Python runtime: speaks the frame (docs/formats/frame.md) on fd 3 and 4, loads user code, calls it.

One call at a time, in a synchronous read loop: that is the fastest shape. Coroutines run on one event loop that lives as long as the
worker, so what they leave in it goes on with the next call. Only the interface asgi has a loop that reads (asgi.py).
"""
import importlib.util
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from context import HttpContext, NotAReply
from frames import (ANSWER, BUSY, CALL, CANCEL, CHUNK, CHUNK_SIZE, CREDIT, DRAIN, ERROR, FD_IN, FD_OUT, HELLO, HERE, LOAD, META_MAX, MORE, PING, PONG, READY,
                    REPLY, Context, Failure, Frames, Log, describe, encode, frame_of, meta_of)
from sdk import Asks, Sdk

PRELOAD = os.environ.pop("TRIVET_PRELOAD", "").split()  # what a zygote imports besides the standard library
if os.environ.pop("TRIVET_ZYGOTE", None):
    from zygote import Zygote
else:
    Zygote = None

sys.path[:] = [place for place in sys.path if os.path.realpath(place) != os.path.realpath(HERE)]
OURS = {name: sys.modules.pop(name, None) for name in ("context", "frames", "sdk", "zygote")}  # these names belong to user code
WHOLE_MOST = 1 << 20  # a body of an application that is longer is streamed


class Worker:
    def __init__(self):
        self.frames = Frames()
        self.draining = False
        self.plan = None
        self.loop = None  # the asyncio loop, made when first needed
        self.credit = 0
        self.is_site_done = False
        self.active = 0  # the call that is being answered
        self.arriving = None  # its body, where that comes while user code reads it
        self.asgi = None
        Log.is_open = lambda call: call == self.active
        self.asks = Asks(self)
        Context.sdk_of = lambda call: Sdk(self.asks, call)
        self.me = {"protocol": 1, "runtime": "python", "version": sys.version.split()[0], "concurrency": 1, "features": ["stream"]}
        self.greeting = frame_of(HELLO, 0, json.dumps(self.me).encode())
        for fd in (FD_IN, FD_OUT):
            os.set_inheritable(fd, False)

    def hello(self, is_ready=False):
        """HELLO, and READY with it where nothing has to be loaded any more."""
        os.write(FD_OUT, self.greeting + (READY_FRAME if is_ready and not self.asgi else b""))

    def rehearse(self):
        """What a call does, without one: a fork that waits has then touched the pages that it will write to."""
        Context(0, b"{}", "", {}).deadline
        frame_of(REPLY, 0, b"", encode(json.loads('{"a":[1,"b",2.5,null]}')).encode())

    def ready(self, unsafe=""):
        self.frames.write(READY, 0, meta_of({"unsafe": unsafe}) if unsafe else b"")

    def run(self):
        """Until DRAIN, or the end of the input."""
        if self.asgi and not self.asgi.over:  # loaded by a zygote
            self.or_exit(self.begin_asgi)
        while not self.draining:
            if self.asgi:
                return self.asgi.serve()
            frame = self.frames.read()
            if frame is None:
                break
            kind, flags, call, meta, body = frame
            if kind == CALL:
                self.call(call, meta, body, flags)
            elif kind == LOAD:
                self.load(meta)
            else:
                self.between(kind, call, meta, body, flags)

    def between(self, kind, call, meta, body, flags=0):
        """A frame that is not about a new call."""
        if kind == PING:
            self.frames.write(PONG, 0, b"", body)
        elif kind == DRAIN:
            self.draining = True
            if has_threads():
                self.frames.write(BUSY, 0)
        elif kind == CREDIT:
            self.credit += json.loads(meta)["bytes"]
        elif kind == ANSWER:
            self.asks.answered(meta, body)
        elif kind == CHUNK and self.arriving and self.arriving.call == call:
            self.arriving.arrived(flags, body)

    def rest_of(self, call, first):
        """A body that comes in pieces, whole."""
        pieces = [first]
        while True:
            frame = self.frames.read()
            if frame is None:
                sys.exit(0)
            kind, flags, of, meta, body = frame
            if kind == CANCEL and of == call:
                raise Failure("CANCELLED", "the call was cancelled before its body was whole")
            if kind != CHUNK or of != call:
                self.between(kind, of, meta, body)
                continue
            pieces.append(body)
            if not flags & MORE:
                return b"".join(pieces)
            self.frames.write(CREDIT, call, b'{"bytes":%d}' % len(body))

    def load(self, meta, check=None):
        """Loads the function. `check`, of a zygote, tells why it must not be forked, once it is loaded."""
        self.or_exit(lambda: self.load_user(json.loads(meta), is_worker=not check))
        sys.stdout.flush()
        if check or not self.asgi:
            self.ready(check() if check else "")

    def or_exit(self, task):
        try:
            task()
        except SystemExit:
            raise
        except BaseException as error:  # whatever user code does while it is loaded
            sys.stdout.flush()
            self.frames.write(ERROR, 0, describe(error, "LOAD_FAILED"))
            sys.exit(1)

    def load_user(self, plan, is_worker):
        os.chdir(plan["dir"])
        os.environ.update(plan["env"])
        if "TZ" in plan["env"]:
            import time

            time.tzset()
        if plan["interface"] == "stdio":
            self.run_program(plan)
        self.plan, self.function, self.env = plan, plan["function"], plan["env"]
        self.window, self.most = plan["credit"], plan["max_frame"]
        self.whole_most = min(WHOLE_MOST, plan["max_frame"] - META_MAX)
        interface = plan["interface"]
        self.answer = {"context": self.answer_context, "module": self.answer_module, "wsgi": self.answer_wsgi}.get(interface, self.answer_json)
        self.web = own(interface) if interface in ("wsgi", "asgi") else None
        module = self.import_user(plan)
        self.handler = self.find_app(module, plan) if self.web else self.find(module, plan)
        if interface == "wsgi":
            self.application = self.web.Wsgi(self, self.handler)
        elif interface == "asgi":
            self.asgi = self.web.Asgi(self, self.handler)
            if is_worker:
                self.begin_asgi()

    def begin_asgi(self):
        self.asgi.start(self.me)
        sys.stdout.flush()
        self.ready()

    @staticmethod
    def run_program(plan):
        """Becomes the program itself: a process for one request, on stdin and stdout."""
        for fd in (FD_IN, FD_OUT):
            os.close(fd)
        path = os.path.join(plan["dir"], plan["entrypoint"])
        place = os.path.dirname(path)
        if "output" in plan:  # as if it had been started with it
            os.environ["PYTHONPATH"] = os.path.join(plan["output"], "packages")
            sys.path.insert(0, os.environ["PYTHONPATH"])
        if hides_loaded(place):  # its queue.py must be what `import queue` finds
            os.execv(sys.executable, [sys.executable, plan["entrypoint"]])
        sys.argv = [plan["entrypoint"]]
        sys.path.insert(0, place)
        main = sys.modules["__main__"] = type(sys)("__main__")
        main.__dict__.update(__file__=path, __cached__=None, __builtins__=__builtins__, __annotations__={})
        main.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
        killed = 0
        try:
            with open(path, "rb") as file:
                code = compile(file.read(), path, "exec")
            exec(code, main.__dict__)
            status = 0
        except SystemExit as error:
            status = error.code
        except BaseException as error:
            sys.excepthook(type(error), error.with_traceback(error.__traceback__.tb_next), error.__traceback__)
            status = 1
            if isinstance(error, KeyboardInterrupt):
                import signal

                killed = int(signal.SIGINT)
                signal.signal(killed, signal.SIG_DFL)
        del main
        end(status, killed, place)

    def import_user(self, plan):
        import site

        if not self.is_site_done:
            site.main()  # -S kept it from running before the interpreter was up
        venv = os.path.join(plan["dir"], ".venv", "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
        if os.path.isdir(venv):
            site.addsitedir(venv)
        if "output" in plan:
            sys.path.append(os.path.join(plan["output"], "packages"))
        sys.path.append(plan["dir"])  # last: a file json.py must not hide the standard library
        path = os.path.join(plan["dir"], plan["entrypoint"])
        sys.argv = [path]
        sys.dont_write_bytecode = True  # cached bytecode knows seconds only: a second edit within one would not be seen
        if plan["interface"] == "module":
            return own("modules").Modules(plan["dir"], Failure)
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

    def find_app(self, module, plan):
        names = [plan["handler"]] if plan["handler"] else self.web.NAMES
        for name in names:
            app = module
            for part in name.split("."):
                app = getattr(app, part, None)
            if callable(app):
                return app
        raise Failure("LOAD_FAILED", "%s has no application %s" % (plan["entrypoint"], " or ".join(names)))

    def call(self, call, meta, body, flags):
        self.asks.current = self.active = call
        try:
            if flags & MORE:
                body = self.rest_of(call, body) if not self.web else self.web.Arriving(self, call, body)
            self.answer(call, meta, body)
        except SystemExit:
            sys.stdout.flush()
            raise
        except BaseException as error:
            sys.stdout.flush()
            self.frames.write(ERROR, call, describe(error))
        self.active = 0
        if self.asks.futures:
            self.asks.drop("the call has ended")

    def reply(self, call, head, body):
        if 12 + len(head) + len(body) > self.most or len(head) > META_MAX:
            raise Failure("INVALID_OUTPUT", "the reply has %d bytes, more than limits.payload allows: return less, or stream it" % (len(head) + len(body)))
        sys.stdout.flush()
        self.active = 0  # before the host hears that the call is over
        self.frames.write(REPLY, call, head, body)

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
        self.reply_json(call, output)

    def answer_module(self, call, meta, body):
        output = self.handler(meta, body)
        if output.__class__ not in PLAIN:
            output = self.finished(output)
            if hasattr(output, "__next__") or hasattr(output, "__anext__"):
                output = list(self.items(output))
        self.reply_json(call, output)

    def reply_json(self, call, output):
        try:
            text = encode(output).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise Failure("INVALID_OUTPUT", "the handler's value cannot be written as JSON: %s" % error) from None
        self.reply(call, b"", text)

    def answer_context(self, call, meta, body):
        context = HttpContext(json.loads(meta), body, Log(call), Context.sdk_of(call))
        reply = self.finished(self.handler(context))
        try:
            head, payload = context.res.finished(reply)
        except NotAReply as error:
            raise Failure("INVALID_OUTPUT", str(error)) from None
        if isinstance(payload, bytes):
            self.reply(call, head, payload)
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

    def answer_wsgi(self, call, meta, body):
        self.arriving = body if body.__class__ is not bytes else None
        try:
            self.application.answer(call, meta, json.loads(meta), body)
        finally:
            self.arriving = None

    def stream(self, call, head, pieces):
        self.open_stream(call, head)
        for piece in pieces:
            self.send_piece(call, piece)
        self.close_stream(call)

    def open_stream(self, call, head):
        if len(head) > META_MAX:
            raise Failure("INVALID_OUTPUT", "the answer's headers have %d bytes, too many" % len(head))
        sys.stdout.flush()
        self.frames.write(REPLY, call, head, b"", MORE)
        self.credit = self.window

    def send_piece(self, call, piece):
        for at in range(0, len(piece), CHUNK_SIZE):
            part = piece[at:at + CHUNK_SIZE]
            while self.credit < len(part):
                frame = self.frames.read()
                if frame is None:
                    sys.exit(0)
                if frame[0] == CANCEL and frame[2] == call:
                    raise Failure("CANCELLED", "the stream was cancelled")
                self.between(frame[0], frame[2], frame[3], frame[4], frame[1])
            self.credit -= len(part)
            sys.stdout.flush()
            self.frames.write(CHUNK, call, b"", part, MORE)

    def close_stream(self, call):
        sys.stdout.flush()
        self.active = 0
        self.frames.write(CHUNK, call)


def own(name):
    """A module of the shim that few workers need."""
    spec = importlib.util.spec_from_file_location("trivet." + name, os.path.join(HERE, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    theirs = {name: sys.modules.get(name) for name in OURS}
    sys.modules.update((name, ours) for name, ours in OURS.items() if ours)
    try:
        spec.loader.exec_module(module)
    finally:
        for name, there in theirs.items():
            sys.modules.pop(name, None)
            if there:
                sys.modules[name] = there
    return module


READY_FRAME = frame_of(READY, 0)
PLAIN = frozenset((dict, list, str, int, float, bool, type(None), tuple))


def map_json(values):
    for value in values:
        yield value if isinstance(value, (bytes, bytearray)) else encode(value).encode() + b"\n"


def hides_loaded(folder):
    """Is something in the folder called as a module that is loaded already?"""
    names = (name.split(".")[0] for name in os.listdir(folder) if "." not in name or name.endswith((".py", ".so", ".pyc")))
    return any(name in sys.modules for name in names)


def let_go(folder):
    """What user code left in its modules ends as it does with the interpreter: files are written out, finalizers run."""
    import gc
    import weakref

    names = [name for name, module in sys.modules.items() if (getattr(module, "__file__", None) or "").startswith(folder + os.sep)]
    modules = [weakref.ref(sys.modules.pop(name)) for name in names]
    gc.collect()
    threading = sys.modules.get("threading")
    if threading is None or threading.active_count() == 1:  # a thread that is left still needs its names
        for values in (vars(module()) for module in reversed(modules) if module()):
            for name in [name for name in values if name != "__builtins__"]:
                values[name] = None
    gc.collect()


def has_threads():
    """Threads of user code that the process waits for before it ends."""
    threading = sys.modules.get("threading")
    return threading is not None and any(not each.daemon for each in threading.enumerate() if each is not threading.main_thread())


def end(status=0, signal=0, folder=None):
    """Leaves the process as the interpreter would, but does not take apart what goes with it anyway: that takes milliseconds."""
    if status is not None and not isinstance(status, int):
        print(status, file=sys.stderr)
        status = 1
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    import atexit

    atexit._run_exitfuncs()
    if folder:
        let_go(folder)
    for stream in (sys.stdout, sys.stderr, sys.__stdout__):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # nobody reads it any more, or it is closed, or none
            pass
    if signal:
        os.kill(os.getpid(), signal)
    os._exit((status or 0) & 0xFF)


if __name__ == "__main__":
    the_worker = Worker()
    if Zygote:
        Zygote(the_worker, PRELOAD).serve()
    else:
        the_worker.hello()
    the_worker.run()
    end(folder=the_worker.plan and the_worker.plan["dir"])
