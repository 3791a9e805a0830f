"""What an ErlPort user has: functions that use its API."""
import sys
import threading

from erlport import Atom
from erlport.erlang import call, cast, make_ref, self, set_decoder, set_encoder, set_message_handler
from erlport.erlterms import ImproperList, List, Map, OpaqueObject


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x


class Tools:
    @staticmethod
    def double(n):
        return 2 * n


kept = []


def identity(value):
    return value


def kind(value):
    return type(value).__name__.encode()


def text(value):
    return value.to_string()


def fail(why):
    raise KeyError(why)


def improper():
    return ImproperList([1, 2], Atom(b"x"))


def mapping():
    return Map({Atom(b"a"): {b"b": None}})


def opaque():
    kept.append(Point(7))
    return kept[-1]


def is_kept(point):
    return isinstance(point, Point) and point == kept[-1]


def unwritable():
    return lambda: 0


def back(module, function, args):
    return call(module, function, args)


def down(n):
    return n if n == 0 else call(Atom(b"erlport_tests"), Atom(b"down"), [n - 1]) + 1


def own_pid():
    return self()


def reference():
    return make_ref()


def forward(pid):
    set_message_handler(lambda message: cast(pid, (Atom(b"got"), message)))
    return Atom(b"ok")


def fail_on_message():
    set_message_handler(lambda message: 1 // 0)
    return Atom(b"ok")


def say(what):
    print(what)


def threads(n):
    results = [None] * n

    def run(i):
        results[i] = call(Atom(b"erlang"), Atom(b"+"), [i, 1])

    running = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return results


def points():
    set_encoder(lambda value: (Atom(b"point"), value.x) if isinstance(value, Point) else value)
    set_decoder(lambda value: Point(value[1]) if isinstance(value, tuple) and value[:1] == (b"point",) else value)
    return Atom(b"ok")


def moved(point):
    return [Point(point.x + 1)]


def read_stdin():
    return sys.stdin.read().encode()
