"""What breaks, broken on purpose: kills, hangs with children, garbage on the wire. Nothing may be left over."""
import json
import os
import pathlib
import random
import signal
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server  # noqa: E402

FUNCTION = """import os, subprocess, sys, time
def handler(input, ctx):
    action = input.get("do")
    if action == "pid":
        return os.getpid()
    if action == "nap":
        print("napping", file=sys.stderr)
        time.sleep(input["s"])
        return "rested"
    if action == "wire":
        os.write(4, bytes.fromhex(input["hex"]))
        if input.get("die"):
            os._exit(0)
        time.sleep(10)
    if action == "hang":
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        open(input["file"], "w").write(str(child.pid))
        while True:
            time.sleep(1)
    return input
"""


def alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
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
    pid = server.post("/function/f", {"do": "pid"}).json
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


@pytest.fixture
def mixed(tmp_path):
    """A server with an echo of every runtime whose toolchain is here; what is temporary goes to its own folder."""
    for runtime, (file, text) in ECHO.items():
        folder = tmp_path / "functions" / ("echo-" + runtime)
        folder.mkdir(parents=True)
        (folder / file).write_text(text)
        (folder / "trivet.yaml").write_text(f"runtime: {runtime}\nentrypoint: {file}\nscale: {{max: 1, overflow: 0}}\nrestart: {{backoff: 1ms..5ms, breaker: {{failures: 0}}}}\n")
    (tmp_path / "tmp").mkdir()
    with Server(tmp_path / "functions", env={"TMPDIR": str(tmp_path / "tmp")}) as running:
        listed = running.get("/v1/functions").json["functions"]
        running.names = [row["name"] for row in listed if row["available"]]
        running.temporary = tmp_path / "tmp"
        yield running


def test_a_thousand_kills_leave_nothing_behind(mixed):
    for name in mixed.names:
        assert mixed.post(f"/function/{name}", {}).status == 200
    before = descriptors(mixed.process.pid)
    stop, outcomes, wrong = threading.Event(), {200: 0, 502: 0}, []

    def call(n):
        i = 0
        while not stop.is_set():
            i += 1
            body = {"caller": n, "i": i, "long": "x" * 400_000 if i % 50 == 0 else ""}
            reply = mixed.post(f"/function/{mixed.names[i % len(mixed.names)]}", body)
            if reply.status == 200 and reply.json != body:
                wrong.append(reply.text)
            elif reply.status != 200 and reply.json["code"] not in ("FUNCTION_CRASHED", "LOAD_FAILED"):
                wrong.append(reply.text)
            outcomes[reply.status] = outcomes.get(reply.status, 0) + 1

    callers = [threading.Thread(target=call, args=(n,)) for n in range(4)]
    [c.start() for c in callers]
    dice, kills = random.Random(7), 0
    deadline = time.monotonic() + 240
    while kills < 1000 and time.monotonic() < deadline:
        for worker in children(mixed.process.pid):
            try:
                os.kill(worker, signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                pass
        time.sleep(dice.uniform(0.0, 0.2))
    stop.set()
    [c.join() for c in callers]
    assert kills >= 1000 and wrong == [] and outcomes[200] > 0 and outcomes[502] > 0
    for name in mixed.names:
        assert mixed.post(f"/function/{name}", {"after": 1}).json == {"after": 1}
    deadline = time.monotonic() + 10
    while len(children(mixed.process.pid)) > len(mixed.names) or descriptors(mixed.process.pid) > before + 10:
        assert time.monotonic() < deadline, (children(mixed.process.pid), descriptors(mixed.process.pid), before)
        time.sleep(0.05)
    assert list(mixed.temporary.iterdir()) == []


def test_a_timeout_ends_the_whole_tree(server, tmp_path):
    reply = server.post("/function/g", {"do": "hang", "file": str(tmp_path / "child")})
    assert reply.status == 504 and reply.json["code"] == "FUNCTION_TIMEOUT"
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 5
    while alive(child):
        assert time.monotonic() < deadline, "a process of a session of its own outlived its worker"
        time.sleep(0.02)


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
    pid = server.post("/function/g", {"do": "pid"}).json
    os.kill(pid, signal.SIGSTOP)
    assert server.post("/function/g", {}).status == 504
    assert server.post("/function/g", {"x": 1}).json == {"x": 1}


def test_the_workers_die_with_the_host(server):
    pid = server.post("/function/f", {"do": "pid"}).json
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
