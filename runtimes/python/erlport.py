#!/usr/bin/env python3
"""Stands in for ErlPort's own program: `python:start([{python, ".../runtimes/python/erlport.py"}])` runs it as it would run Python.

It takes ErlPort's arguments and speaks its wire, and user code finds the modules that it imports: erlport, erlport.erlang, erlport.erlterms.
What is different: several threads may call into Erlang at once, and terms of every release of Erlang are read.

    to us    {'C', Id, Module, Function, Args}   {'M', Message}   {'r', Id, Value}   {'e', Id, Error}
    from us  {'r', Id, Value}   {'e', Id, {python, Type, Text, Stack}}   {'C', Id, Module, Function, Args, 'N' | 'L'}
             {'M', Pid, Message}   {'P', Text}   {'e', {python, Type, Text, Stack}}
"""
import argparse
import importlib
import io
import os
import sys
import threading
import traceback
import types
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[0] = HERE
import erlterms
from erlterms import ERLANG, PYTHON, Atom, List

sys.path[0] = ""  # the current folder, as with `python -m`
del sys.modules["erlterms"]

CALL, REPLY, ERROR, MESSAGE, PRINT = (Atom(letter) for letter in (b"C", b"r", b"e", b"M", b"P"))


class Error(Exception):
    """What ErlPort's API raises."""


class InvalidMessage(Error):
    pass


class UnknownMessage(Error):
    pass


class CallError(Error):
    """A call into Erlang failed there."""

    def __init__(self, value):
        if not isinstance(value, tuple) or len(value) != 4:
            value = None, None, value, []
        self.language, self.type, self.value, self.stacktrace = value
        super().__init__(value)


class Packets:
    """Terms in packets on two descriptors. Any thread may write."""

    def __init__(self, fd_in, fd_out, width, compressed):
        self.fd_in, self.fd_out, self.width, self.compressed = fd_in, fd_out, width, compressed
        self.writing = threading.Lock()

    def read(self):
        """The next term; EOFError at the end."""
        data = self.take(int.from_bytes(self.take(self.width), "big"))
        term, rest = erlterms.decode(data)
        if rest:
            raise InvalidMessage("there is more after the term")
        return term

    def take(self, size):
        pieces = []
        while size > 0:
            piece = os.read(self.fd_in, min(size, 1 << 20))
            if not piece:
                raise EOFError
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def pack(self, term):
        data = erlterms.encode(term, self.compressed)
        if len(data) >> (8 * self.width):
            raise ValueError("a term of %d bytes does not fit into a packet" % len(data))
        return len(data).to_bytes(self.width, "big") + data

    def write(self, term):
        self.send(self.pack(term))

    def send(self, data):
        with self.writing:
            while data:
                data = data[os.write(self.fd_out, data):]


class Instance:
    """One ErlPort instance: answers calls, and is the API that user code sees as erlport.erlang."""

    def __init__(self, packets):
        self.packets = packets
        self.changed = threading.Condition()
        self.reading = False  # some thread waits for the next term
        self.answers = {}  # to our calls, by id
        self.own_pid = None
        self.set_default_encoder()
        self.set_default_decoder()
        self.set_default_message_handler()

    # ---------------------------------------------------------------- what user code calls

    def cast(self, pid, message):
        self.packets.write((MESSAGE, pid, self.encoder(message)))

    def call(self, module, function, args):
        return self.ask(module, function, args, Atom(b"N"))

    def self(self):
        if self.own_pid is None:
            self.own_pid = self.ask(ERLANG, Atom(b"self"), [], Atom(b"L"))
        return self.own_pid

    def make_ref(self):
        return self.ask(ERLANG, Atom(b"make_ref"), [], Atom(b"L"))

    def set_encoder(self, function):
        self.encoder = self.through(function)

    def set_decoder(self, function):
        self.decoder = self.through(function)

    def set_message_handler(self, function):
        if not callable(function):
            raise ValueError("a message handler is a function of one argument")
        self.handler = function

    def set_default_encoder(self):
        self.encoder = lambda value: value

    def set_default_decoder(self):
        self.decoder = lambda value: value

    def set_default_message_handler(self):
        self.handler = lambda message: None

    @staticmethod
    def through(function):
        """`function` for a value and for what lies within its lists and tuples."""
        if not callable(function):
            raise ValueError("an encoder or decoder is a function of one argument")

        def walk(value):
            value = function(value)
            if value.__class__ in (list, List):
                return value.__class__(map(walk, value))
            return tuple(map(walk, value)) if value.__class__ is tuple else value
        return walk

    # ---------------------------------------------------------------- the wire

    def ask(self, module, function, args, context):
        if not isinstance(module, Atom) or not isinstance(function, Atom) or not isinstance(args, list):
            raise ValueError("module and function are atoms, args is a list")
        ident = uuid.uuid4().int
        self.packets.write((CALL, ident, module, function, [self.encoder(arg) for arg in args], context))
        kind, value = self.serve(ident)
        if kind == ERROR:
            raise CallError(value)
        return self.decoder(value)

    def serve(self, ident=None):
        """Takes what comes until the call `ident` is answered, or for ever. One thread reads at a time; calls from Erlang run on the one that read them."""
        while True:
            with self.changed:
                while ident is None or ident not in self.answers:
                    if not self.reading:
                        self.reading = True
                        break
                    self.changed.wait()
                else:
                    return self.answers.pop(ident)
            try:
                message = self.packets.read()
            finally:
                with self.changed:
                    self.reading = False
                    self.changed.notify_all()
            self.take(message)

    def take(self, message):
        if not isinstance(message, tuple) or not message:
            raise InvalidMessage(message)
        kind, size = message[0], len(message)
        if kind == CALL and size >= 5:
            self.answer(*message[1:5])
        elif kind == MESSAGE and size == 2:
            self.handle(message[1])
        elif kind in (REPLY, ERROR) and size == 3:
            with self.changed:
                self.answers[message[1]] = kind, message[2]
                self.changed.notify_all()
        else:
            raise UnknownMessage(message)

    def answer(self, ident, module, function, args):
        try:
            value = find(module.decode(), function.decode())(*map(self.decoder, args))
            packet = self.packets.pack((REPLY, ident, self.encoder(value)))  # what cannot be written is the function's failure, too
        except Exception as error:
            packet = self.packets.pack((ERROR, ident, described(error)))
        self.packets.send(packet)

    def handle(self, message):
        try:
            self.handler(self.decoder(message))
        except Exception as error:
            self.packets.write((ERROR, described(error)))
            os._exit(1)


def find(module, path):
    """The object `path`, such as "Class.method", of a module."""
    found = sys.modules.get(module) or importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return found


def described(error):
    """{python, Type, Text, Stack}, the innermost place first."""
    kind = type(error)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((HERE, "<frozen"))]
    stack = [(f.filename, f.lineno or 0, f.name, f.line or "") for f in reversed(frames)]
    return PYTHON, Atom(("%s.%s" % (kind.__module__, kind.__name__))[:255]), str(error), stack


class Prints(io.TextIOBase):
    """sys.stdout: what is printed goes to Erlang, which prints it."""

    def __init__(self, packets):
        self.packets = packets

    def writable(self):
        return True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("must be str, not %s" % type(text).__name__)
        if text:
            self.packets.write((PRINT, text))
        return len(text)


def publish(instance):
    """The modules that user code imports."""
    names = {name: getattr(erlterms, name) for name in ("Atom", "List", "ImproperList", "OpaqueObject", "Map")}
    api = ("cast", "call", "self", "make_ref", "set_encoder", "set_decoder", "set_message_handler", "set_default_encoder", "set_default_decoder",
           "set_default_message_handler")
    package, erlang = types.ModuleType("erlport"), types.ModuleType("erlport.erlang")
    package.__path__ = []
    package.__dict__.update(names, erlang=erlang, erlterms=erlterms)
    erlang.__dict__.update({name: getattr(instance, name) for name in api}, Error=Error, InvalidMessage=InvalidMessage, UnknownMessage=UnknownMessage,
                           CallError=CallError, Atom=Atom)
    sys.modules.update({"erlport": package, "erlport.erlang": erlang, "erlport.erlterms": erlterms})


def main(argv):
    if argv[:1] in (["-V"], ["--version"]):  # ErlPort asks which Python it is
        print("Python %s" % sys.version.split()[0])
        return 0
    if argv[:3] == ["-u", "-m", "erlport.cli"]:
        argv = argv[3:]
    parser = argparse.ArgumentParser(prog="erlport", description="answers ErlPort's messages")
    parser.add_argument("--packet", type=int, choices=(1, 2, 4), default=4)
    parser.add_argument("--use_stdio", action="store_true", dest="stdio", default=True)
    parser.add_argument("--nouse_stdio", action="store_false", dest="stdio")
    parser.add_argument("--compressed", type=int, choices=range(10), default=0)
    parser.add_argument("--buffer_size", type=int, default=65536)  # reads are as large as what there is
    options = parser.parse_args(argv)
    fd_in, fd_out = (os.dup(0), os.dup(1)) if options.stdio else (3, 4)
    for fd in (fd_in, fd_out):
        os.set_inheritable(fd, False)
    if options.stdio:  # what user code starts must not read our terms, nor write among them
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
    packets = Packets(fd_in, fd_out, options.packet, options.compressed)
    sys.stdout = Prints(packets)
    sys.stdin = open(os.devnull)
    instance = Instance(packets)
    publish(instance)
    try:
        instance.serve()
    except EOFError:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
