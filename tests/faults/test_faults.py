"""What breaks, broken on purpose: kills, hangs with children, garbage on the wire. Nothing may be left over."""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server, binary  # noqa: E402

FUNCTION = """import os, subprocess, sys, time
def handler(input, ctx):
    action = input.get("do")
    if action == "nap":
        print("napping", file=sys.stderr)
        time.sleep(input["s"])
        return "rested"
    if action == "wire":
        os.write(4, bytes.fromhex(input["hex"]))
        if input.get("die"):
            os._exit(0)
        time.sleep(10)
    if action == "daemon":
        code = "import os, time; os.setsid(); os.fork() and os._exit(0); time.sleep(1000)"
        subprocess.Popen([sys.executable, "-c", code, input["mark"]], env={}).wait()
        return "left"
    if action == "hang":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)", input["mark"]], start_new_session=True)
        print("it has a child", file=sys.stderr, flush=True)
        while True:
            time.sleep(1)
    return input
"""


def alive(pid):
    try:
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        return fields[0] != "Z" and fields[20] != "0"  # without memory it has ended, and waits for those inside to be reaped
    except OSError:
        return False


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def children(pid):
    return [int(p) for p in os.listdir("/proc") if p.isdigit() and parent(p) == pid]


def parent(pid):
    try:
        return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return -1


def marked(mark):
    """The processes that were given `mark` as their last argument, by their pids here."""
    def arguments(pid):
        try:
            return open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")[:-1]
        except OSError:
            return []

    return [int(p) for p in os.listdir("/proc") if p.isdigit() and arguments(p)[-1:] == [mark.encode()]]


def workers(server, function):
    return [row["pid"] for row in server.get("/v1/workers").json if row["kind"] == "worker" and row["function"] == function]


def only_worker(server, function):
    """The pid here of the one worker that has answered a call."""
    assert server.post("/function/" + function, {}).status == 200
    (pid,) = workers(server, function)
    return pid


def launchers(server):
    """The children of the host: a launcher for each shard."""
    found = children(server.process.pid)
    assert len(found) == getattr(server, "shards", 1), found
    return found


def family(server):
    """Everything that comes of the launchers: workers, zygotes and spares, and what they started."""
    parents = {int(p): parent(int(p)) for p in os.listdir("/proc") if p.isdigit()}
    found, wave = [], launchers(server)
    while wave:
        wave = [pid for pid, of in parents.items() if of in wave]
        found += wave
    return found


def program(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""  # it has just ended


def sandboxes(server):
    """The first processes of sandboxes: forks of the launchers that are no programs of their own."""
    own = {program(pid) for pid in launchers(server)}
    return [pid for pid in family(server) if program(pid) in own]


def wait_until(what, seconds=10):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


@pytest.fixture
def server(tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f/f.py").write_text(FUNCTION)
    (tmp_path / "f/trivet.yaml").write_text("runtime: python\nentrypoint: f.py\nscale: {max: 2, overflow: 0}\nlimits: {timeout: 5s}\nrestart: {backoff: 1ms..5ms}\n")
    (tmp_path / "g").mkdir()
    (tmp_path / "g/f.py").write_text(FUNCTION)
    (tmp_path / "g/trivet.yaml").write_text("runtime: python\nentrypoint: f.py\nlimits: {timeout: 300ms}\n")
    with Server(tmp_path) as running:
        yield running


def test_a_killed_worker_is_told_and_the_next_call_works(server):
    pid = only_worker(server, "f")
    replies = []
    caller = threading.Thread(target=lambda: replies.append(server.post("/function/f", {"do": "nap", "s": 30})))
    caller.start()
    deadline = time.monotonic() + 10
    while not any(w["state"] == "busy" for w in server.get("/v1/workers").json):
        assert time.monotonic() < deadline
    time.sleep(0.1)  # until the function has printed
    os.kill(pid, signal.SIGKILL)
    caller.join()
    problem = replies[0].json
    assert replies[0].status == 502 and problem["code"] == "FUNCTION_CRASHED" and problem["signal"] == "SIGKILL"
    assert problem["stderr"] == "napping\n" and problem["call_id"]
    assert server.post("/function/f", {"x": 1}).json == {"x": 1}


ECHO = {
    "python": ("f.py", "def handler(input, ctx):\n    return input\n"),
    "node": ("f.mjs", "export default (input) => input;\n"),
    "deno": ("f.ts", "export default (input: unknown) => input;\n"),
    "bun": ("f.ts", "export default (input: unknown) => input;\n"),
    "go": ("f.go", "package function\n\nfunc Handler(input any) (any, error) { return input, nil }\n"),
}


@pytest.fixture(params=[1, 2], ids=["1-shard", "2-shards"])
def mixed(tmp_path, request):
    """A server with an echo of every runtime whose toolchain is here; what is temporary goes to its own folder."""
    for runtime, (file, text) in ECHO.items():
        folder = tmp_path / "functions" / ("echo-" + runtime)
        folder.mkdir(parents=True)
        (folder / file).write_text(text)
        (folder / "trivet.yaml").write_text(f"runtime: {runtime}\nentrypoint: {file}\nscale: {{max: 1, overflow: 0}}\nrestart: {{backoff: 1ms..5ms, breaker: {{failures: 0}}}}\n")
    (tmp_path / "tmp").mkdir()
    with Server(tmp_path / "functions", "--shards", str(request.param), env={"TMPDIR": str(tmp_path / "tmp")}) as running:
        running.shards = request.param
        listed = running.get("/v1/functions").json["functions"]
        running.names = [row["name"] for row in listed if row["available"]]
        running.temporary = tmp_path / "tmp"
        for name in running.names:  # the first call builds, which takes a minute where compilers share processors with others
            assert running.post(f"/function/{name}", {}, timeout=240).status == 200
        yield running


KILLS = int(os.environ.get("TRIVET_KILLS", "600"))


@pytest.mark.parametrize("signals", [[signal.SIGKILL], [signal.SIGSTOP, signal.SIGKILL]], ids=["killed", "stopped"])
def test_a_storm_of_kills_leaves_nothing_behind(mixed, signals):
    """Workers, zygotes and spares of every runtime are killed, or stopped and killed later, while four callers call."""
    for name in mixed.names:
        assert mixed.post(f"/function/{name}", {}).status == 200
    before = descriptors(mixed.process.pid)
    stop, outcomes, wrong, took = threading.Event(), {200: 0, 502: 0}, [], []

    def call(n):
        i = 0
        while not stop.is_set():
            i += 1
            body = {"caller": n, "i": i, "long": "x" * 400_000 if i % 50 == 0 else ""}
            begun = time.monotonic()
            reply = mixed.post(f"/function/{mixed.names[i % len(mixed.names)]}", body)
            took.append(time.monotonic() - begun)
            if reply.status == 200 and reply.json != body:
                wrong.append(reply.text)
            elif reply.status != 200 and reply.json["code"] not in ("FUNCTION_CRASHED", "LOAD_FAILED", "CIRCUIT_OPEN"):
                wrong.append(reply.text)
            outcomes[reply.status] = outcomes.get(reply.status, 0) + 1

    callers = [threading.Thread(target=call, args=(n,)) for n in range(4)]
    [c.start() for c in callers]
    dice, kills, stopped = random.Random(7), 0, []
    wanted = KILLS if len(signals) == 1 else KILLS // 4
    deadline = time.monotonic() + max(240, wanted)
    while kills < wanted and time.monotonic() < deadline:
        for pid in stopped:
            hit(pid, signal.SIGKILL)
        stopped = []
        for pid in family(mixed):
            if dice.random() < 0.5 and hit(pid, signals[0]):
                kills += 1
                stopped += [pid] if len(signals) > 1 else []
        time.sleep(dice.uniform(0.0, 0.2))
    for pid in stopped:
        hit(pid, signal.SIGKILL)
    stop.set()
    [c.join() for c in callers]
    print(f"{kills} kills, {outcomes}")
    assert kills >= wanted and wrong == [] and outcomes[200] > 0 and outcomes[502] > 0
    assert max(took) < 20  # after 30 s a start is given up whose end nobody was told
    for name in mixed.names:
        wait_until(lambda: mixed.post(f"/function/{name}", {"after": 1}).json == {"after": 1})
    wait_until(lambda: is_calm(mixed) and descriptors(mixed.process.pid) <= before + 40)
    assert list(mixed.temporary.iterdir()) == []
    everything = family(mixed)
    mixed.process.terminate()
    mixed.process.wait(20)
    assert [pid for pid in everything if alive(pid)] == []


def is_calm(server):
    """There are no more programs than workers, zygotes and spares, and no more sandboxes than theirs and those that are made ahead."""
    made = sandboxes(server)
    programs = [pid for pid in family(server) if pid not in made]
    zygotes_and_spares, ahead = 12 * server.shards, 4 * server.shards  # ready: two, and two for the next forks of a zygote
    return len(programs) <= len(server.names) + zygotes_and_spares and len(made) <= len(programs) + ahead


def hit(pid, number):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def test_without_its_launcher_the_host_says_so_and_ends(mixed):
    everything = family(mixed)
    os.kill(launchers(mixed)[-1], signal.SIGKILL)
    assert mixed.process.wait(5) == 69
    assert "the launcher was killed" in mixed.stderr()
    wait_until(lambda: not any(alive(pid) for pid in everything), 1)


def test_nothing_outlives_a_killed_host(mixed, tmp_path):
    for name in mixed.names:
        assert mixed.post(f"/function/{name}", {}).status == 200
    everything = family(mixed) + launchers(mixed)
    mixed.process.kill()
    mixed.process.wait()
    wait_until(lambda: not any(alive(pid) for pid in everything), 1)


def test_nothing_outlives_host_and_launcher_killed_at_once(server, tmp_path):
    """A call hangs, with a child in a session of its own."""
    caller = threading.Thread(target=lambda: swallow(server, {"do": "hang", "mark": str(tmp_path)}))
    caller.start()
    wait_until(lambda: marked(str(tmp_path)))
    everything = family(server)
    assert set(marked(str(tmp_path))) <= set(everything)
    for pid in (*launchers(server), server.process.pid):
        os.kill(pid, signal.SIGKILL)
    server.process.wait()
    caller.join()
    wait_until(lambda: not any(alive(pid) for pid in everything), 1)


def swallow(server, body):
    try:
        server.post("/function/f", body)
    except OSError:
        pass


def test_a_daemon_ends_with_its_worker(server, tmp_path):
    """It left its worker's session and cleared its environment; when the host ends it is found all the same."""
    reply = server.post("/function/f", {"do": "daemon", "mark": str(tmp_path)})
    assert reply.status == 200, reply.text
    (daemon,) = marked(str(tmp_path))
    assert alive(daemon)
    server.process.terminate()
    server.process.wait(10)
    wait_until(lambda: not alive(daemon), 2)


def end(server, worker):
    hit(worker, signal.SIGKILL)
    wait_until(lambda: not any(row["pid"] == worker for row in server.get("/v1/workers").json))


def zygotes(server, function=None):
    return [row for row in server.get("/v1/workers").json if row["kind"] == "zygote" and row["state"] == "ready" and function in (None, row["function"])]


def test_a_killed_zygote_is_named_and_replaced(server):
    first = only_worker(server, "f")
    wait_until(lambda: zygotes(server, "f"))
    end(server, first)  # it may be older than the zygote
    replies = []
    caller = threading.Thread(target=lambda: replies.append(server.post("/function/f", {"do": "nap", "s": 30})))
    caller.start()
    wait_until(lambda: any(row["busy"] and row["pid"] != first for row in server.get("/v1/workers").json))
    before = zygotes(server)
    for row in before:
        hit(row["pid"], signal.SIGKILL)
    caller.join()
    assert replies[0].status == 502 and "its zygote ended" in replies[0].json["detail"], replies[0].text
    assert server.get("/v1/stats").json["worker_ends"]["zygote_ended"] == 1
    assert server.post("/function/f", {"x": 1}).json == {"x": 1}
    wait_until(lambda: zygotes(server, "f") and not {row["pid"] for row in zygotes(server)} & {row["pid"] for row in before})


def test_a_stopped_zygote_is_replaced(server):
    server.post("/function/f", {})
    wait_until(lambda: zygotes(server, "f"))
    stopped = [row["pid"] for row in zygotes(server)]
    for pid in stopped:
        hit(pid, signal.SIGSTOP)
    assert server.post("/function/g", {"x": 1}).json == {"x": 1}  # its worker would have been the zygote's fork
    wait_until(lambda: not any(alive(pid) for pid in stopped))
    wait_until(lambda: zygotes(server, "f"))


UNSAFE = {
    "threads": ("import threading, time\nthreading.Thread(target=lambda: time.sleep(1000), daemon=True).start()\n", "2 threads"),
    "socket": ("import socket\nkept = socket.socket()\n", "socket:"),
    "file": ("kept = open('/etc/hostname')\n", "/etc/hostname"),
}


@pytest.mark.parametrize("what", sorted(UNSAFE))
def test_what_cannot_be_forked_is_not(tmp_path, what):
    code, reason = UNSAFE[what]
    (tmp_path / "u.py").write_text(code + "def handler(input, ctx):\n    return input\n")
    with Server(tmp_path) as server:
        assert server.post("/function/u", {}).status == 200
        wait_until(lambda: server.get("/v1/functions/u").json["not_forked"])
        assert reason in server.get("/v1/functions/u").json["not_forked"]
        assert zygotes(server, "u") == []
        end(server, only_worker(server, "u"))
        assert server.post("/function/u", {}).status == 200


def test_forks_differ_in_randomness_and_have_an_environment_of_their_own(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r/r.py").write_text("""import os, random, uuid, tempfile, time
START = time.time()
def handler(input, ctx):
    time.sleep(0.3)
    return [random.random(), str(uuid.uuid4()), os.urandom(8).hex(), next(tempfile._get_candidate_names()), str(os.getpid()), os.environ["TRIVET_WORKER"],
            open("/proc/self/environ").read().split("TRIVET_WORKER=")[1].split("\\0")[0] + "!"]
""")
    (tmp_path / "r/trivet.yaml").write_text("runtime: python\nentrypoint: r.py\nscale: {max: 6}\n")
    with Server(tmp_path) as server:
        server.post("/function/r", {})
        wait_until(lambda: zygotes(server, "r"))
        replies = []
        callers = [threading.Thread(target=lambda: replies.append(server.post("/function/r", {}).json)) for _ in range(6)]
        [c.start() for c in callers]
        [c.join() for c in callers]
        seen = [value for reply in replies for value in reply]
        assert len(set(map(str, seen))) == len(seen), replies
        assert all(reply[5] + "!" == reply[6] for reply in replies)


def test_a_timeout_ends_the_whole_tree(server, tmp_path):
    reply = server.post("/function/g", {"do": "hang", "mark": str(tmp_path)})
    assert reply.status == 504 and reply.json["code"] == "FUNCTION_TIMEOUT" and reply.json["stderr"] == "it has a child\n"
    wait_until(lambda: not any(alive(pid) for pid in marked(str(tmp_path))), 5)  # it has a session of its own


WIRE = [
    ("text", "47415242414745204741524241474520474152", "over the limit"),
    ("short length", "00000003" + "43" * 12, "is below 12"),
    ("unknown type", "0000000c" + "2a000000" + "00000001" + "00000000", "unexpected type"),
    ("unknown call", "0000000c" + "43000000" + "0000ffff" + "00000000", "unknown call"),
    ("reserved bits", "0000000c" + "43800000" + "00000001" + "00000000", "reserved bits"),
    ("meta too long", "0000000c" + "43000000" + "00000001" + "00000009", "meta length"),
    ("chunk before reply", "0000000c" + "03000000" + "00000001" + "00000000", "CHUNK"),
]


@pytest.mark.parametrize("what,wire,says", WIRE, ids=[row[0] for row in WIRE])
def test_garbage_on_the_wire_is_told(server, what, wire, says):
    reply = server.post("/function/f", {"do": "wire", "hex": wire})
    assert reply.status == 502 and reply.json["code"] == "INVALID_OUTPUT" and says in reply.json["detail"], reply.text
    assert server.post("/function/f", {"x": 1}).json == {"x": 1}


def test_half_a_frame_then_death_is_a_crash(server):
    reply = server.post("/function/f", {"do": "wire", "hex": "000000144300", "die": True})
    assert reply.json["code"] == "FUNCTION_CRASHED" and reply.json["exit_code"] == 0 and "incomplete" in reply.json["detail"]
    assert server.post("/function/f", {"x": 1}).json == {"x": 1}


def test_a_stopped_worker_meets_its_deadline(server):
    pid = only_worker(server, "g")
    os.kill(pid, signal.SIGSTOP)
    assert server.post("/function/g", {}).status == 504
    assert server.post("/function/g", {"x": 1}).json == {"x": 1}


def test_the_workers_die_with_the_host(server):
    pid = only_worker(server, "f")
    server.process.kill()
    server.process.wait()
    deadline = time.monotonic() + 2
    while alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_drain_lets_calls_finish(server):
    server.post("/function/f", {})
    replies = []
    caller = threading.Thread(target=lambda: replies.append(server.post("/function/f", {"do": "nap", "s": 0.5})))
    caller.start()
    deadline = time.monotonic() + 10
    while not any(w["state"] == "busy" for w in server.get("/v1/workers").json):
        assert time.monotonic() < deadline
    server.process.terminate()
    caller.join()
    assert replies[0].status == 200 and json.loads(replies[0].text) == "rested"
    assert server.process.wait(10) == 0


def test_a_start_that_nobody_waits_for_does_not_hold_up_the_end(tmp_path):
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow/slow.py").write_text("import sys, time\nprint('loading', file=sys.stderr, flush=True)\ntime.sleep(1000)\n")
    (tmp_path / "slow/trivet.yaml").write_text("runtime: python\nentrypoint: slow.py\nscale: {start: eager}\n")
    with Server(tmp_path) as server:
        wait_until(lambda: server.log_lines(function="slow"))
        server.process.terminate()
        assert server.process.wait(10) == 0


@pytest.mark.parametrize("mend", ["closed", "deaf"])
def test_whoever_starts_it_may_have_closed_its_files_and_ignored_its_children(tmp_path, mend):
    function = tmp_path / "one.py"
    function.write_text("def handler(input, ctx):\n    return 1\n")

    def prepare():
        if mend == "deaf":
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        else:
            for fd in (0, 1, 2):
                os.close(fd)

    begun = time.monotonic()
    done = subprocess.run([binary(), "run", str(function), "-d", "{}"], stdin=subprocess.DEVNULL, stdout=None if mend == "closed" else subprocess.PIPE,
                          preexec_fn=prepare, timeout=30)
    if mend == "deaf":
        assert (done.returncode, done.stdout) == (0, b"1")
    else:
        assert done.returncode == 1  # nobody could read the reply
        assert time.monotonic() - begun < 2.9  # 3 s is what a launcher is waited for that does not hear the end of its host
