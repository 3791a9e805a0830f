"""What a change of the sources does: the next call runs what is there now, and a manifest that breaks says so to those who call."""
import http.client
import json
import os
import pathlib
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server, UnixConnection  # noqa: E402
from test_cli import RUNTIMES, trivet  # noqa: E402

PYTHON = "from helper import V\ndef handler(input, ctx):\n    return V\n"
NODE = "import { V } from './v.mjs';\nexport default () => V;\n"
GO = "package function\n\nfunc Handler() (string, error) { return V, nil }\n"

# (runtime, file of the function, the function, its helper, the helper's text with %s for the value)
SHAPES = [
    ("python", "c/main.py", PYTHON, "c/helper.py", "V = '%s'\n"),
    ("python", "c.py", PYTHON, "helper.py", "V = '%s'\n"),
    ("node", "c/index.mjs", NODE, "c/v.mjs", "export const V = '%s';\n"),
    ("node", "c.mjs", NODE, "v.mjs", "export const V = '%s';\n"),
    ("go", "c/function.go", GO, "c/v.go", 'package function\n\nconst V = "%s"\n'),
]


def write(folder, name, text):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


FIRST = 300  # seconds for a call that waits for a first build: nothing is compiled yet, the language's own library neither
BUILT = 60  # for a build after that, on a machine with other things to do


def within(seconds, look):
    """What `look` gives once it is true, or at the end."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen or time.monotonic() > deadline:
            return seen
        time.sleep(0.02)


@pytest.mark.parametrize("runtime,main,text,helper,value", SHAPES, ids=[row[0] + "-" + row[1] for row in SHAPES])
def test_a_changed_helper_is_seen_without_a_manifest(tmp_path, runtime, main, text, helper, value):
    if not RUNTIMES[runtime]["available"]:
        pytest.skip("toolchain missing: " + RUNTIMES[runtime]["reason"])
    write(tmp_path / "dv", main, text)
    write(tmp_path / "dv", helper, value % "first")
    with Server(tmp_path / "dv", verb="dev") as server:
        assert server.post("/function/c", timeout=FIRST).json == "first"
        write(tmp_path / "dv", helper, value % "second")
        assert within(BUILT if runtime == "go" else 20, lambda: server.post("/function/c").json == "second")


def test_a_lone_file_beside_it_that_does_not_change_keeps_its_worker_when_another_language_does(tmp_path):
    write(tmp_path, "c.py", "def handler(input, ctx):\n    return 1\n")
    with Server(tmp_path, verb="dev") as server:
        assert server.post("/function/c").json == 1
        before = workers(server, "c")
        write(tmp_path, "other.mjs", "export default () => 1;\n")
        assert within(20, lambda: server.post("/function/other").status == 200)
        assert server.post("/function/c").json == 1
        assert [row["pid"] for row in workers(server, "c")] == [row["pid"] for row in before] and len(before) == 1


@pytest.mark.parametrize("runtime,entry,text,other,more", [
    ("go", "function.go", GO, "v.go", 'package function\n\nconst V = "one"\n'),
    ("python", "main.py", "from v import V\ndef handler(input, ctx):\n    return V\n", "v.py", "V = 'one'\n"),
])
def test_a_folder_with_an_entrypoint_is_one_function(tmp_path, runtime, entry, text, other, more):
    if not RUNTIMES[runtime]["available"]:
        pytest.skip("toolchain missing: " + RUNTIMES[runtime]["reason"])
    folder = tmp_path / "one"
    write(folder, entry, text)
    write(folder, other, more)
    done = trivet("run", str(folder), "-d", "null")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == "one"
    with Server(folder) as server:
        assert [row["name"] for row in server.get("/v1/functions").json["functions"]] == ["one"]


BROKEN = [
    ("a field", "name: resize\nbogus: 1\n", ["resize"]),
    ("a field and the name", "name: shrink\nbogus: 1\n", ["shrink", "resize"]),
    ("the name", "name: [resize]\n", ["resize", "x"]),
    ("the YAML", "name: resize\nenv: {A: 1\n", ["resize"]),
]


@pytest.mark.parametrize("what,text,names", BROKEN, ids=[row[0] for row in BROKEN])
def test_a_manifest_that_breaks_says_so_to_callers(tmp_path, what, text, names):
    write(tmp_path, "x/main.py", "def handler(input, ctx):\n    return 1\n")
    write(tmp_path, "x/trivet.yaml", "name: resize\n")
    with Server(tmp_path) as server:
        assert server.post("/function/resize").json == 1
        write(tmp_path, "x/trivet.yaml", text)
        for _ in range(2):  # a second look knows the function only as a problem
            assert server.post("/api/functions/reload", {}).status == 200
            for name in names:
                reply = server.post("/function/" + name)
                assert reply.json["code"] == "INVALID_MANIFEST" and "x/trivet.yaml:" in reply.json["detail"], (name, reply.text)
        assert server.post("/function/nobody").json["code"] == "FUNCTION_NOT_FOUND"
        write(tmp_path, "x/trivet.yaml", "name: resize\n")
        server.post("/api/functions/reload", {})
        assert server.post("/function/resize").json == 1
        assert server.get("/v1/functions").json["problems"] == []


def test_a_broken_entry_of_a_project_is_not_blamed_on_one_that_was_taken_out(tmp_path):
    for name in "abc":
        write(tmp_path, name + "/main.py", "def handler(input, ctx):\n    return 1\n")
    write(tmp_path, "trivet.yaml", "functions:\n  a: {path: a}\n  b: {path: b}\n  c: {path: c}\n")
    with Server(tmp_path) as server:
        write(tmp_path, "trivet.yaml", "functions:\n  a: {path: a, bogus: 1}\n  c: {path: c}\n")
        server.post("/api/functions/reload", {})
        assert [server.post("/function/" + name).json["code"] for name in "ab"] == ["INVALID_MANIFEST", "FUNCTION_NOT_FOUND"]
        assert server.post("/function/c").json == 1


# What is replaced while calls come in.

def python_saying(value, before=""):
    return f"{before}def handler(input, ctx):\n    return '{value}'\n"


def node_saying(value):
    return f"export default () => '{value}';\n"


class Load:
    """Calls of one function over many connections that stay: every answer, and what failed."""

    def __init__(self, server, function, connections=16):
        self.answers, self.failures, self.stopped = [], [], False
        self.threads = [threading.Thread(target=self.run, args=(server, "/function/" + function)) for _ in range(connections)]

    def run(self, server, path):
        connection = UnixConnection(server.socket, 60)
        try:
            while not self.stopped:
                connection.request("POST", path, b"null")
                reply = connection.getresponse()
                body = reply.read()
                if reply.status == 200:
                    self.answers.append(json.loads(body))
                else:
                    self.failures.append(body)
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(repr(error))
        finally:
            connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        for thread in self.threads:
            thread.join()

    def sees(self, value, seconds=20):
        """Seconds until an answer has this value."""
        begin, at = time.monotonic(), len(self.answers)
        assert within(seconds, lambda: value in self.answers[at:]), (value, self.answers[-3:], self.failures[:3])
        return time.monotonic() - begin

    def settles(self, value, seconds=20):
        """From some moment on every answer has this value."""
        self.sees(value, seconds)
        time.sleep(0.3)
        at = len(self.answers)
        assert within(20, lambda: len(self.answers) > at + 100) and set(self.answers[at:]) == {value}


def workers(server, function):
    return [row for row in server.get("/v1/workers").json if row["kind"] == "worker" and row["function"] == function]


def one_version_is_left(server, function):
    left = lambda: {(row["version"], row["runtime"]) for row in workers(server, function)}  # noqa: E731
    assert within(10, lambda: len(left()) == 1), workers(server, function)


def set_runtime(folder, runtime, file):
    """Both at once: a manifest that names a file which is not there yet would be a problem of its own."""
    write(folder, "f/next.yaml", f"runtime: {runtime}\nentrypoint: {file}\nlimits: {{timeout: 20s}}\n")
    os.rename(folder / "f/next.yaml", folder / "f/trivet.yaml")


@pytest.fixture
def switching(tmp_path):
    """A server that watches a Python function f of version one."""
    write(tmp_path, "f/f.py", python_saying("one"))
    set_runtime(tmp_path, "python", "f.py")
    with Server(tmp_path, "--watch") as server:
        server.folder = tmp_path
        assert server.post("/function/f").json == "one"
        yield server


def test_a_change_of_the_runtime_fails_no_call(switching):
    if not RUNTIMES["node"]["available"]:
        pytest.skip("toolchain missing: " + RUNTIMES["node"]["reason"])
    folder = switching.folder
    with Load(switching, "f") as load:
        load.sees("one")
        write(folder, "f/f.mjs", node_saying("node"))
        set_runtime(folder, "node", "f.mjs")
        load.settles("node")
        write(folder, "f/f.py", python_saying("two"))
        set_runtime(folder, "python", "f.py")
        load.settles("two")
    assert load.failures == []
    one_version_is_left(switching, "f")


def test_a_change_of_the_version_fails_no_call_and_the_old_one_answers_until_the_new_one_can(switching):
    with Load(switching, "f") as load:
        load.sees("one")
        write(switching.folder, "f/f.py", python_saying("two", "import time\ntime.sleep(1.5)\n"))
        assert load.sees("two") > 1
        load.settles("two")
    assert load.failures == []
    assert len([a for a in load.answers if a == "one"]) > 100
    one_version_is_left(switching, "f")


def test_a_change_that_is_taken_back_keeps_the_worker(switching):
    pid = workers(switching, "f")[0]["pid"]
    source = switching.folder / "f/f.py"
    text, as_it_was = source.read_text(), source.stat().st_mtime_ns
    write(switching.folder, "f/f.py", python_saying("two", "import time\nprint('loading', flush=True)\ntime.sleep(1)\n"))
    assert within(10, lambda: [line for line in switching.log_lines(function="f") if line["message"] == "loading"])
    write(switching.folder, "f/f.py", text)
    os.utime(source, ns=(as_it_was, as_it_was))
    assert within(10, lambda: running_under(switching) == {pid})
    assert switching.post("/function/f").json == "one" and workers(switching, "f")[0]["pid"] == pid


def test_while_a_version_loads_every_call_is_answered_by_the_old_one(switching):
    write(switching.folder, "f/f.py", python_saying("two", "import time\ntime.sleep(2)\n"))
    assert within(10, lambda: len(switching.get("/v1/functions").json["functions"]) == 1 and len(workers(switching, "f")) >= 1)
    begin, slowest, answers = time.monotonic(), 0, set()
    while time.monotonic() - begin < 1.5:
        asked = time.monotonic()
        answers.add(switching.post("/function/f").json)
        slowest = max(slowest, time.monotonic() - asked)
    assert answers == {"one"} and slowest < 1
    assert within(20, lambda: switching.post("/function/f").json == "two")


def test_while_a_version_is_built_the_old_one_answers(tmp_path):
    if not RUNTIMES["go"]["available"]:
        pytest.skip("toolchain missing: " + RUNTIMES["go"]["reason"])
    saying = 'package function\n\nfunc Handler() (string, error) { return "%s", nil }\n'
    write(tmp_path, "f/function.go", saying % "one")
    with Server(tmp_path, "--watch") as server:
        assert server.post("/function/f", timeout=FIRST).json == "one"
        with Load(server, "f", connections=4) as load:
            load.sees("one")
            write(tmp_path, "f/function.go", saying % "two")
            load.settles("two", BUILT)
            write(tmp_path, "f/function.go", "package function\n\nfunc Handler() { no go }\n")
            assert within(BUILT, lambda: load.failures)
            assert b"BUILD_FAILED" in load.failures[0]
            write(tmp_path, "f/function.go", saying % "three")
            load.settles("three", BUILT)
        assert set(load.answers) == {"one", "two", "three"}
        assert all(b"BUILD_FAILED" in each for each in load.failures)
        one_version_is_left(server, "f")


@pytest.mark.parametrize("text", ["def handler(:\n", "import nothing_of_that_name\n", "import os\nos._exit(3)\n"])
def test_a_broken_version_takes_over_and_says_why(switching, text):
    folder = switching.folder
    write(folder, "f/f.py", text)
    broken = within(20, lambda: (lambda reply: reply if reply.status != 200 else None)(switching.post("/function/f")))
    assert broken and broken.json["code"] == "LOAD_FAILED", broken and broken.text
    logged = [line for line in switching.log_lines(function="f") if line["level"] == "error" and "LOAD_FAILED" in line["message"]]
    assert logged and "call_id" in logged[0]
    write(folder, "f/f.py", python_saying("mended"))
    assert within(20, lambda: (lambda reply: reply.status == 200 and reply.json == "mended")(switching.post("/function/f")))
    one_version_is_left(switching, "f")


def test_a_function_that_is_removed_stops_at_once(switching):
    write(switching.folder, "f/f.py", python_saying("two", "import time\ntime.sleep(2)\n"))
    time.sleep(0.3)  # the switch has begun
    for file in (switching.folder / "f").iterdir():
        file.unlink()
    switching.post("/api/functions/reload", {})
    assert switching.post("/function/f").json["code"] == "FUNCTION_NOT_FOUND"
    assert within(20, lambda: workers(switching, "f") == [])


def test_of_changes_in_quick_succession_the_last_one_wins_and_nothing_is_left(switching):
    with Load(switching, "f") as load:
        load.sees("one")
        for n in range(12):
            slow = "import time\ntime.sleep(0.5)\n" if n % 3 == 0 else ""
            write(switching.folder, "f/f.py", python_saying(f"v{n}", slow))
            time.sleep(0.13)  # over the debounce: each of them is a change of its own
        load.settles("v11")
    assert load.failures == []
    one_version_is_left(switching, "f")
    pids = lambda: {row["pid"] for row in workers(switching, "f")}  # noqa: E731
    assert within(10, lambda: running_under(switching) == pids()), (running_under(switching), pids())


def parent_of(pid):
    try:
        return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return -1


def is_launcher(pid):
    """Or the first process of a sandbox, which is a copy of the launcher."""
    try:
        return open(f"/proc/{pid}/cmdline").read().startswith("trivet-launcher")
    except OSError:
        return True  # it has ended


def running_under(server):
    """Workers, by what the system knows: what came of the launcher, without zygotes, spares and the first processes of sandboxes."""
    parents = {int(p): parent_of(p) for p in os.listdir("/proc") if p.isdigit()}
    found, wave = set(), {pid for pid, parent in parents.items() if parent == server.process.pid}
    while wave:
        wave = {pid for pid, parent in parents.items() if parent in wave}
        found |= wave
    found = {pid for pid in found if not is_launcher(pid)}
    rows = server.get("/v1/workers").json
    found -= {row["pid"] for row in rows if row["kind"] != "worker"}
    listed = {row["pid"] for row in rows}
    for zygote in [row["pid"] for row in rows if row["kind"] == "zygote"]:  # each has one fork that waits for its function
        found -= set([pid for pid in sorted(found) if parents[pid] == zygote and pid not in listed][:1])
    return found


def test_a_reload_that_was_asked_for_returns_when_calls_run_the_new_version(tmp_path):
    write(tmp_path, "f/main.py", python_saying("one"))
    with Server(tmp_path) as server:
        assert server.post("/function/f").json == "one"
        write(tmp_path, "f/main.py", python_saying("two", "import time\ntime.sleep(0.5)\n"))
        assert server.post("/api/functions/reload", {}).status == 200
        assert server.post("/function/f").json == "two"


def test_the_old_version_of_a_function_without_processes_goes(tmp_path):
    """One process a call: between calls there is none whose end would be noticed."""
    write(tmp_path, "f/f.py", "import json, sys\nrequest = json.load(sys.stdin)\nprint(json.dumps({'request_id': request['request_id'], 'success': True, 'output': 1}))\n")
    manifest = "runtime: python\nentrypoint: f.py\ninterface: stdio\nmode: oneshot\nscale: {max: %d}\n"
    write(tmp_path, "f/trivet.yaml", manifest % 2)
    with Server(tmp_path) as server:
        assert server.post("/function/f").json == 1
        write(tmp_path, "f/trivet.yaml", manifest % 3)
        server.post("/api/functions/reload", {})
        assert server.post("/function/f").json == 1
        rows = lambda: [row for row in server.get("/v1/workers").json if row["function"] == "f" and row["kind"] == "worker"]  # noqa: E731
        assert within(10, lambda: len(rows()) == 1), rows()
