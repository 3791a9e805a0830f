"""Where the hostile suite shoots: a server with a hostile function of every runtime at every level, a neighbour that must not notice,
and things on this machine that a function must not reach."""
import contextlib
import itertools
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import leftovers  # noqa: E402
from server import ROOT, Server, binary  # noqa: E402

LEVELS = ["trusted", "process", "sandbox", "strict"]
ATTACKS = yaml.safe_load((HERE / "attacks.yaml").read_text())
LIMITS = {"memory": "256MiB", "pids": 64, "disk": "8MiB", "files": 256, "payload": "1MiB"}
# Runtimes whose hostile function is that of another one.
SAME = {"deno": "node", "bun": "node", "python-ml": "python", "luajit": "lua"}
NATIVE = "native"  # one process per call, as its only interface has it


def runtimes():
    """Those that have a hostile function; one that has none is an error of this suite."""
    folders = sorted(p.parent.name for p in (ROOT / "runtimes").glob("[!_]*/runtime.yaml"))
    only = os.environ.get("TRIVET_ONLY_RUNTIME")
    return [name for name in folders if only in (None, name)]


def function_of(runtime):
    return HERE / "functions" / SAME.get(runtime, runtime)


def doctor(env=None):
    done = subprocess.run([binary(), "doctor", "--output", "json", "--server", "none"], capture_output=True, timeout=120, env={**os.environ, **(env or {})})
    return json.loads(done.stdout)


def layers(value):
    """The layers of `trivet doctor --output json`, by name; none when it does not confine at all."""
    if isinstance(value, dict):
        for each in value.values():
            if found := layers(each):
                return found
    if isinstance(value, list) and all(isinstance(row, dict) and "name" in row for row in value):
        if any(row["name"] == "pid-namespace" for row in value):
            return {row["name"]: row for row in value}
    if isinstance(value, list) and "pid-namespace" in value:
        return {name: {"name": name, "state": "active"} for name in value}
    return {}


def is_active(row):
    return row.get("state", "active" if row.get("active", row.get("is_active")) else "unavailable") == "active"


def missing(known, level):
    """Why this machine cannot have a level: the layers that it needs and that are not there."""
    needed = [row for row in known.values() if LEVELS.index(row.get("from", "sandbox")) <= LEVELS.index(level)]
    return [f"{row['name']}: {row.get('why', '')}" for row in needed if row.get("needed", row.get("is_needed", True)) and not is_active(row)]


def build_probe(folder):
    """None where there is no compiler, or none that can link without shared libraries."""
    out = folder / "probe"
    command = ["gcc", "-std=gnu11", "-O1", "-static", "-pthread", "-o", str(out), *sorted(map(str, HERE.glob("probe/*.c")))]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    except (OSError, subprocess.CalledProcessError):
        return None
    return out


def told(text):
    """What the probe printed: what was asked -> its row."""
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return {row["attack"]: row for row in rows}


def own_address():
    """An address of this machine that is not its loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # sends nothing
            address = probe.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


class Listeners:
    """What a function may want to connect to: the same TCP port on every address, UDP, Unix sockets with a path and without."""

    def __init__(self, folder, token):
        self.address = own_address()
        self.unix, self.abstract = str(folder / "anyones.sock"), "trivet-hostile-" + token
        self.port, self.udp_port, self.datagrams = 0, 0, 0
        self.sockets = [self.bound(socket.AF_INET, "127.0.0.1")]
        self.port = self.sockets[0].getsockname()[1]
        if self.address:
            self.sockets.append(self.bound(socket.AF_INET, self.address))
        try:
            self.sockets.append(self.bound(socket.AF_INET6, "::1"))
        except OSError:
            pass  # then the test's own process cannot connect either, and the attack counts as not there
        for name in (self.unix, "\0" + self.abstract):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(name)
            self.sockets.append(listener)
        os.chmod(self.unix, 0o777)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("", 0))
        self.udp_port = self.udp.getsockname()[1]
        for listener in self.sockets:
            listener.listen(64)
        self.is_open = True
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def bound(self, family, address):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, self.port))
        return listener

    def serve(self):
        while self.is_open:
            for ready in select.select([*self.sockets, self.udp], [], [], 0.1)[0]:
                if ready is self.udp:
                    self.udp.recv(64)
                    self.datagrams += 1
                else:
                    ready.accept()[0].close()

    def close(self):
        self.is_open = False
        self.thread.join()
        for each in [*self.sockets, self.udp]:
            each.close()


class Neighbour:
    """Calls a function of the same server all the while, and keeps what was not right and how long each call took."""

    def __init__(self, server, pause=0.02):
        self.server, self.pause, self.wrong, self.seconds, self.is_open, self.n = server, pause, [], [], True, 0
        wait_until(self.call, 180)  # it is started beside the spares of every runtime
        self.seconds.clear()
        self.wrong.clear()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def call(self):
        self.n += 1
        started = time.monotonic()
        try:
            reply = self.server.post("/function/neighbour", {"n": self.n})
            answer = reply.json if reply.status == 200 else reply.text
        except OSError as error:
            answer = repr(error)
        self.seconds.append(time.monotonic() - started)
        if answer != {"n": self.n, "mark": True}:
            self.wrong.append(answer)
        return answer == {"n": self.n, "mark": True}

    def run(self):
        while self.is_open:
            self.call()
            time.sleep(self.pause)

    def close(self):
        self.is_open = False
        self.thread.join()
        ordered = sorted(self.seconds)
        if ordered:
            print(f"neighbour: {len(ordered)} calls, median {statistics.median(ordered) * 1000:.1f} ms, p99 {ordered[len(ordered) * 99 // 100] * 1000:.1f} ms, "
                  f"{len(self.wrong)} wrong")


def workers(server, function=None, kind="worker"):
    return [row for row in server.get("/v1/workers").json if row["kind"] == kind and function in (None, row["function"])]


def descendants(pid):
    parents = {}
    for each in os.listdir("/proc"):
        if each.isdigit():
            try:
                parents[int(each)] = int(open(f"/proc/{each}/stat").read().rsplit(")", 1)[1].split()[1])
            except OSError:
                pass
    found, wave = [], [pid]
    while wave:
        wave = [child for child, of in parents.items() if of in wave]
        found += wave
    return found


def wait_until(what, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return found


def until_none(what, seconds=60):
    """As long as it answers with something that is left."""
    deadline = time.monotonic() + seconds
    while found := what():
        assert time.monotonic() < deadline, f"left after {seconds} s: {found}"
        time.sleep(0.02)


class Held:
    """A call that stays open while the body of `with at.held(name, [attack...])` looks; `heard` is by_probe()'s answer afterwards."""

    def __init__(self, at, function, asked):
        self.comm, self.heard = f"hw{at.token}{next(at.numbers):03}", None
        self.thread = threading.Thread(target=self.run, args=(at, function, [*asked, f"wait:{self.comm}"]))

    def run(self, at, function, asked):
        try:
            self.heard = at.by_probe(function, asked)
        except OSError as error:
            self.heard = repr(error)

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: leftovers.called(self.comm) or not self.thread.is_alive(), 90)
        assert self.thread.is_alive(), f"it was not held: {getattr(self.heard, 'text', self.heard)}"
        return self

    def __exit__(self, *_):
        for pid in leftovers.called(self.comm):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self.thread.join()


NEIGHBOUR = """import os
def handler(input, ctx):
    return {"n": input["n"], "mark": "MARK" in os.environ}
"""


class Range:
    """`with Range(names, levels) as at: at.attack("python-sandbox", "read:/etc/shadow")`"""

    def __init__(self, names, levels, known, env=None, more=None):
        """`known`: the doctor's layers. `more`: functions besides the hostile ones, name -> (files, manifest)."""
        self.token, self.numbers, self.is_closed = uuid.uuid4().hex[:8], itertools.count(), False
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="trivet-range-"))
        self.root.chmod(0o755)  # a function's own user must be able to come to its folder
        self.confines, self.levels = bool(known), levels
        self.usual = "trusted" if missing(known, "sandbox") else "sandbox"
        self.server_mark, self.neighbour_mark = "server-" + uuid.uuid4().hex, "neighbour-" + uuid.uuid4().hex
        self.probe = build_probe(self.root)
        self.place_targets()
        self.functions = self.root / "functions"
        self.functions.mkdir(mode=0o755)
        self.listeners = Listeners(self.root, self.token)
        for name in names:
            for level in levels:
                self.place(name, level)
        for name, (files, manifest) in {**(more or {}), "neighbour": self.as_neighbour()}.items():
            self.put(name, files, manifest)
        self.server = None
        try:
            self.server = Server(self.functions, env={"HOSTILE_MARK": self.server_mark, "TRIVET_SANDBOX": "trusted", **(env or {})})
            self.neighbour = Neighbour(self.server)
            self.launcher = descendants(self.server.process.pid)[0]
        except BaseException:
            self.listeners.close()
            if self.server:
                self.server.stop()
            raise

    def place_targets(self):
        for name, mode in (("outside", 0o666), ("private", 0o600)):
            (self.root / name).write_text("a secret of this machine's\n")
            (self.root / name).chmod(mode)
        (self.root / "writable").mkdir()
        (self.root / "writable").chmod(0o777)

    def place(self, runtime, level):
        for end, timeout in (("", "60s"), ("-short", "1s"), *([("-stream", "10s")] if runtime == "python" else [])):
            folder, more = self.functions / f"{runtime}-{level}{end}", {"timeout": timeout}
            shutil.copytree(function_of(runtime), folder)
            entrypoint = next(p.name for p in folder.iterdir() if p.suffix != ".sh")
            manifest = {"runtime": runtime, "entrypoint": entrypoint, "limits": more, "scale": {"max": 2, "overflow": 0},
                        "restart": {"backoff": "1ms..5ms", "breaker": {"failures": 0}}}
            if self.confines:
                manifest |= {"sandbox": {"level": level}, "limits": {**LIMITS, **more}}
            else:
                manifest["limits"]["payload"] = LIMITS["payload"]
            (folder / "trivet.yaml").write_text(yaml.safe_dump(manifest))
            if self.probe:
                shutil.copy(self.probe, folder / "probe")
                shutil.copy(self.probe, folder / "gain")
                os.chmod(folder / "gain", 0o4755)
            (folder / "anyones").write_text("")
            (folder / "anyones").chmod(0o666)
            (folder / "leads-out").symlink_to(self.root / "outside")
            (folder / "leads-to-shadow").symlink_to("/etc/shadow")

    def as_neighbour(self):
        manifest = {"runtime": "python", "entrypoint": "main.py", "env": {"MARK": self.neighbour_mark}, "scale": {"max": 2, "overflow": 0}}
        if self.confines:
            manifest["sandbox"] = {"level": self.usual}
        return {"main.py": NEIGHBOUR}, manifest

    def put(self, name, files, manifest):
        folder = self.functions / name
        folder.mkdir()
        for file, text in files.items():
            shutil.copy(text, folder / file) if isinstance(text, pathlib.Path) else (folder / file).write_text(text)
        (folder / "trivet.yaml").write_text(yaml.safe_dump(manifest))

    def words(self, function):
        """What the {words} of attacks.yaml are in this run."""
        folder = self.functions / function
        store = pathlib.Path(self.server.temp.name) / "data"
        private = [p for p in store.rglob("*") if p.is_file() and not p.stat().st_mode & 0o077]
        return {
            "outside": self.root / "outside", "private": self.root / "private", "writable": self.root / "writable", "functions": self.functions,
            "folder": folder, "source": folder / yaml.safe_load((folder / "trivet.yaml").read_text())["entrypoint"],
            "neighbour_source": self.functions / "neighbour/main.py", "artifacts": store, "store": private[0] if private else self.root / "private",
            "server_binary": os.path.realpath(binary()), "server": self.server.process.pid, "launcher": self.launcher,
            "neighbour": workers(self.server, "neighbour")[0]["pid"], "server_mark": self.server_mark, "neighbour_mark": self.neighbour_mark,
            "port": self.listeners.port, "udp_port": self.listeners.udp_port, "address": self.listeners.address or "203.0.113.1",
            "unix": self.listeners.unix, "abstract": self.listeners.abstract, "server_socket": self.server.socket,
        }

    def call(self, function, attack, argument="", timeout=120):
        body = {"attack": attack, "arguments" if isinstance(argument, list) else "argument": argument}
        return self.server.post(f"/function/{function}", body, timeout=timeout)

    def by_probe(self, function, asked):
        """Several attacks by one start of the probe: what was asked -> its row, or the reply that was none."""
        reply = self.call(function, "spawn", [str(self.functions / function / "probe"), *asked])
        if reply.status != 200:
            return reply
        if reply.json["outcome"] != "allowed":
            return {each: {"outcome": reply.json["outcome"], "detail": "the probe was not started"} for each in asked}
        return told(reply.json["detail"])

    def held(self, function, asked=()):
        return Held(self, function, asked)

    def from_here(self, asked):
        """The same, by this process: what they do where nothing confines."""
        done = subprocess.run([str(self.probe), *asked], capture_output=True, text=True, timeout=120)
        return told(done.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.is_closed:
            return
        self.is_closed = True
        self.neighbour.close()
        try:
            self.server.stop()
        finally:
            self.listeners.close()
            shutil.rmtree(self.root, ignore_errors=True)
