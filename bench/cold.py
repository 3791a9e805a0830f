"""Lines 6 10 11 14 19 of bench/run: workers that are not there yet when a call comes.

A cold call is one over a connection that is open already, to a `trivet serve` that has no worker of the function but its zygote or a spare ready.
Beside it: the very command of those workers, started by posix_spawn, given LOAD and a call; and a plain program that forks.
"""
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import rig
from bare import BODY, Client, Program, ms_since, pss, quantiles, rate, spawn_one

STDLIB = (rig.FUNCTIONS / "python" / "imports.py").read_text().splitlines()[0] + "\n"
PYTHON = "def handler(input, ctx):\n    return input\n"
SOURCES = {"python": ("main.py", STDLIB + PYTHON)}
STDIO = {
    "python": ("main.py", "import json, sys\nrequest = json.load(sys.stdin)\n"
               "print(json.dumps({'request_id': request['request_id'], 'success': True, 'output': request['input']}))\n"),
    "node": ("index.mjs", "let text = '';\nfor await (const piece of process.stdin) text += piece;\nconst request = JSON.parse(text);\n"
             "console.log(JSON.stringify({ request_id: request.request_id, success: true, output: request.input }));\n"),
}


def make(folder, name, source, manifest=""):
    file, text = source
    place = pathlib.Path(folder, name)
    place.mkdir(parents=True)
    (place / file).write_text(text)
    (place / "trivet.yaml").write_text(f"entrypoint: {file}\n{manifest}")
    return place


def hello(folder, name, runtime, more=""):
    """The runtime's template as a function."""
    place = pathlib.Path(folder, name)
    shutil.copytree(rig.ROOT / "runtimes" / runtime / "template", place)
    with open(place / "trivet.yaml", "a") as manifest:
        manifest.write(more)
    return place


class Cold:
    """The lines, and what table.py shares with them."""

    def __init__(self):
        self.lines = {"6": self.line_6, "10": self.line_10, "11": self.line_11, "14": self.line_14, "19": self.line_19}

    @contextlib.contextmanager
    def server(self, options, folder, *flags):
        with rig.trivet(options, folder, *flags) as (port, pid):
            yield Client(port), port, pid

    def title(self, text):
        print(f"{text}  [load {os.getloadavg()[0]:.2f}, CPUs {','.join(map(str, sorted(os.sched_getaffinity(0))))}]", flush=True)

    def runtimes(self, client, names):
        """Those that are here; says which are not."""
        known = {row["name"]: row for row in json.loads(client.ask("GET /v1/runtimes"))}
        for name in names:
            if name in known and known[name]["available"]:
                yield name
            else:
                print(f"    {name}: SKIPPED, its toolchain is not installed")

    def cold_and_exec(self, client, function, runtime, kept, place, rounds):
        """Cold calls and the floor in turns: ms of each."""
        client.call(function)
        program = self.model(client, runtime)
        entrypoint = json.loads(client.ask("GET /v1/functions/" + function))["entrypoint"]
        ours, floor = [], []
        for i in range(rounds):
            client.until_cold(function, runtime, kept)
            ours.append(client.call(function))
            if i % 4 == 0 or not kept:
                client.until_cold(function, runtime, kept)
                floor.append(program.first_reply(place, entrypoint))
        return ours, floor

    @staticmethod
    def cold_calls(client, function, runtime, kept, rounds):
        client.call(function)
        took = []
        for _ in range(rounds):
            client.until_cold(function, runtime, kept)
            took.append(client.call(function))
        return took

    def as_programs(self, options, name, rounds):
        """The same with a server that keeps no spares: what its workers have built is known to a server only."""
        with tempfile.TemporaryDirectory() as folder:
            hello(folder, "program", name, "scale: {idle: 10ms}\n")
            with self.server(options, folder, "--spare-memory", "0") as (client, _, _):
                return self.cold_calls(client, "program", name, "", rounds)

    @staticmethod
    def model(client, runtime):
        """What the workers of a runtime are as programs, from one that stays."""
        client.call("model-" + runtime)
        return Program(next(row["pid"] for row in client.workers() if row["kind"] == "worker" and row["function"] == "model-" + runtime))

    def rows_of(self, label, ours, floor, p50_most, p99_most, factor=0):
        row = rig.row
        p50, p99 = quantiles(ours)
        row(f"{label}: p50 ms, exec's", p50, statistics.median(floor), (lambda a, b: a <= p50_most, f"<= {p50_most} ms"))
        if p99_most:
            row(f"{label}: p99 ms, exec's", p99, quantiles(floor)[1], (lambda a, b: a <= p99_most, f"<= {p99_most} ms"))
        if factor:
            row(f"{label}: times faster than exec", statistics.median(floor) / p50, 0, (lambda a, b: a >= factor, f">= {factor}x"))

    def line_6(self, options):
        rounds = options.rounds * 24
        self.title("6   cold start to the first reply, python with imports, beside exec of the same worker")
        sources = {"stdlib": STDLIB + PYTHON}
        numpy = self.numpy(options)
        if numpy:
            sources["numpy"] = "import numpy\n" + PYTHON
        for name, text in sources.items():
            with tempfile.TemporaryDirectory() as folder:
                source = ("main.py", text)
                sees = f"sandbox: {{read: [{numpy}]}}\n" if name == "numpy" else ""
                place = make(folder, "cold", source, "scale: {idle: 10ms}\n" + sees)
                make(folder, "model-python", ("main.py", PYTHON))
                firsts = [make(folder, f"first{i}", source, sees) for i in range(rounds // 2 if name == "stdlib" else 10)]
                if name == "numpy":
                    for each in [place, *firsts]:
                        self.add_packages(each, numpy)
                with self.server(options, folder) as (client, _, _):
                    client.until_zygote("")
                    self.rows_of(f"{name}, from the function's zygote", *self.cold_and_exec(client, "cold", "python", "zygote", place, rounds), 3, 8, 18)
                    ours = []
                    for first in firsts:
                        ours.append(client.call(first.name))
                        client.until_zygote(first.name)
                p50, p99 = quantiles(ours)
                for what, value in (("p50", p50), ("p99", p99)):
                    rig.row(f"{name}, first call ever of a version: {what} ms", value, 0, rig.NO_TARGET)

    def numpy(self, options):
        """A folder with numpy for the interpreter of the python runtime, or None."""
        target = pathlib.Path(options.data).parent / "bench-numpy"  # no function sees trivet's own folder
        python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"  # as runtimes/python/runtime.yaml
        works = [python, "-c", f"import sys; sys.path.insert(0, {str(target)!r}); import numpy"]
        if subprocess.run(works, capture_output=True).returncode != 0:
            subprocess.run([python, "-m", "pip", "install", "-q", "--target", target, "numpy"], capture_output=True, stdin=subprocess.DEVNULL)
        if subprocess.run(works, capture_output=True).returncode == 0:
            return target
        print("    numpy: SKIPPED, it is not installed and pip could not get it")
        return None

    @staticmethod
    def add_packages(place, packages):
        version = subprocess.run(["/usr/bin/python3", "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"], capture_output=True, text=True)
        library = place / ".venv" / "lib" / version.stdout.strip()
        library.mkdir(parents=True)
        (library / "site-packages").symlink_to(packages)

    def line_10(self, options):
        self.title("10  pristine: a fresh fork per call, python with imports, beside a plain program that forks (php: there is no such runtime yet)")
        with tempfile.TemporaryDirectory() as folder:
            place = make(folder, "fresh", SOURCES["python"], "pristine: true\n")
            floor_command = ["/usr/bin/python3", rig.ROOT / "bench" / "floors" / "fork.py", place / "main.py"]
            with self.server(options, folder) as (client, _, _), subprocess.Popen(floor_command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as floor:
                client.call("fresh")
                client.until_cold("fresh", "python", "zygote")
                ours, theirs = [], []
                for _ in range(options.rounds * 40):
                    ours.append(client.call("fresh"))
                    client.until_cold("fresh", "python", "zygote")
                    begin = time.perf_counter()
                    os.write(floor.stdin.fileno(), BODY + b"\n")
                    os.read(floor.stdout.fileno(), 65536)
                    theirs.append(ms_since(begin))
                    time.sleep(0.005)
                floor.stdin.close()
            for what, at in (("p50", 0), ("p99", 1)):
                rig.row(f"one at a time: {what} ms", quantiles(ours)[at], quantiles(theirs)[at],
                               rig.at_most(1.3) if at == 0 else rig.NO_TARGET)

    def line_14(self, options):
        """One of each way to start: from a zygote, from a spare, as a program. Both servers are there at once, and take turns."""
        self.title("14  the default sandbox, beside the same at level trusted")
        with contextlib.ExitStack() as stack:
            places = [stack.enter_context(tempfile.TemporaryDirectory()) for _ in range(2)]
            clients = [stack.enter_context(self.server(options, place, "--sandbox", level))[0] for place, level in zip(places, ("sandbox", "trusted"))]
            starts = {name: row["start"] for name, row in rig.known_runtimes().items()}
            for name in self.runtimes(clients[0], ["python", "node", "lua", "cpp"]):
                kept = "" if starts[name] == "exec" else starts[name]
                for place, client in zip(places, clients):
                    hello(place, name, name, "scale: {idle: 10ms}\n")
                    hello(place, "warm-" + name, name, "scale: {min: 1, max: 1}\n")
                    client.ask("POST /api/functions/reload")
                    client.call(name)
                cold, warm = ([], []), ([], [])
                for _ in range(options.rounds * 12):
                    for client, took in zip(clients, cold):
                        client.until_cold(name, name, kept)
                        took.append(client.call(name))
                for _ in range(options.rounds * 8):  # short turns: what else the machine does falls on both
                    for client, took in zip(clients, warm):
                        client.call("warm-" + name)
                        took += [client.call("warm-" + name) for _ in range(200)]
                ours, theirs = (statistics.median(took) for took in cold)
                rig.row(f"{name}: cold start, p50 ms", ours, theirs, (lambda a, b: a - b <= 1.2, "<= 1.2 ms more"))
                rig.row(f"{name}: cold start, p99 ms", quantiles(cold[0])[1], quantiles(cold[1])[1], rig.NO_TARGET)
                rig.row(f"{name}: warm call, p50 ms", *(statistics.median(took) for took in warm), rig.at_most(1.05))

    def line_11(self, options):
        self.title("11  PSS of 200 idle warm python workers with imports, MiB each, beside workers that were started by exec")
        with tempfile.TemporaryDirectory() as folder:
            for i in range(10):
                place = make(folder, f"f{i}", SOURCES["python"], "scale: {min: 20, max: 20}\n")
            with self.server(options, folder, "--max-workers", "400") as (client, _, _):
                for i in range(10):
                    client.call(f"f{i}")

                def workers(rows):
                    return [row for row in rows if row["kind"] == "worker"]

                client.until("200 workers", lambda rows: len(workers(rows)) == 200)
                time.sleep(0.5)
                rows = client.workers()
                each = [pss(row["pid"]) for row in workers(rows)]
                kept = [pss(row["pid"]) for row in rows if row["kind"] == "zygote"]
                program = Program(workers(rows)[0]["pid"])
                with contextlib.ExitStack() as stack:
                    floor = [stack.enter_context(program.started(place, "main.py"))[0] for _ in range(10)]
                    execd = statistics.median(pss(pid) for pid in floor)
            at_most_2 = (lambda a, b: a <= 2, "<= 2 MiB")
            rig.row("median of 200 workers of 10 functions", statistics.median(each), execd, at_most_2)
            rig.row("mean with all zygotes counted in", (sum(each) + sum(kept)) / len(each), execd, at_most_2)

    def line_19(self, options):
        self.title("19  one-shot stdio, calls/s, beside spawning the interpreter for each")
        factors = {"python": 6, "node": 20}
        remembered = {"python": 66, "node": 15}
        for name, source in STDIO.items():
            variants = {name: source}
            if name == "python":
                variants["python with imports"] = (source[0], STDLIB + source[1])
            for label, text in variants.items():
                with tempfile.TemporaryDirectory() as folder:
                    place = make(folder, "shot", text, "interface: stdio\nscale: {max: 8}\n")
                    with self.server(options, folder) as (client, port, _):
                        if name not in self.runtimes(client, [name]):
                            continue
                        known = {row["name"]: row for row in json.loads(client.ask("GET /v1/runtimes"))}
                        command = [known[name]["binary"], str(place / text[0])]
                        client.call("shot")
                        self.one_shots(options, label, port, command, factors[name], remembered[name])

    def one_shots(self, options, label, port, command, factor, remembered):
        clients = [Client(port) for _ in range(4)]
        for callers in (1, 4):
            ours, theirs = [], []
            for _ in range(options.rounds):
                ours.append(rate(callers, options.seconds, lambda i: clients[i].call("shot")))
                theirs.append(rate(callers, options.seconds, lambda i: spawn_one(command)))
                time.sleep(0.3)
            rig.row(f"{label}, {callers} callers: calls/s (a fork-per-request proxy had {remembered}/s)", statistics.median(ours),
                           statistics.median(theirs), (lambda a, b: a >= factor * b, f">= {factor}x"))
