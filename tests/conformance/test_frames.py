"""What only the frames show: each shim, driven by tests/frame_host.py instead of the program."""
import json
import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from frame_host import ANSWER, ASK, CREDIT_DEFAULT, DRAIN, FrameHost  # noqa: E402
from server import binary  # noqa: E402
from test_conformance import FOLDERS, MANIFESTS, fixture_of, pool_json  # noqa: E402

MIB = 1 << 20
MEMORY = {"memory_mib": 384}  # three quarters of the default limits.memory


def filled(texts, words):
    return [re.sub(r"\$\{(\w+)\}", lambda m: str({**MEMORY, **words}[m[1]]), str(text)) for text in texts]


def command_of(runtime, row, folder, entrypoint, interface):
    """How the runtime's worker is started, once it is built."""
    words = {"binary": row["binary"], "runtime": FOLDERS[runtime], "runtimes": FOLDERS[runtime].parent, "entrypoint": entrypoint,
             "interface": interface, "handler": "", "lone": "yes", "source": folder, "output": folder.parent / (folder.name + ".output"),
             "cache": folder.parent.parent / "cache", "has_command": "no"}

    words["output"].mkdir()
    words["cache"].mkdir(exist_ok=True)
    for step in MANIFESTS[runtime].get("build", {}).get("steps", []):
        if "when" in step or "mentions" in step or not entrypoint.endswith(tuple(step.get("entrypoints", [""]))):
            continue  # for functions with packages, which the fixtures have not, or of another kind
        subprocess.run(filled(step["command"], words), cwd=folder, check=True, timeout=300)
    return filled(MANIFESTS[runtime]["pool"]["command"], words)


@pytest.fixture(scope="module")
def available():
    told = subprocess.run([binary(), "runtimes", "--output", "json", "--server", "none"], capture_output=True, check=True, timeout=60).stdout
    return {row["name"]: row for row in json.loads(told)}


@pytest.fixture
def start(available, tmp_path):
    """start(runtime, source=None): a FrameHost that runs the runtime's shim, in a folder with a file of that source."""
    hosts = []

    def start_one(runtime, interface="json", files=None, entrypoint=None, **plan):
        if not available[runtime]["available"]:
            pytest.skip("toolchain missing: " + available[runtime]["reason"])
        fixture = fixture_of(runtime, interface)
        (tmp_path / fixture.name).write_text(fixture.read_text())
        for name, text in (files or {}).items():
            (tmp_path / name).write_text(text)
        environment = MANIFESTS[runtime].get("env", {})
        environment = dict(zip(environment, filled(environment.values(), {})))
        entrypoint = entrypoint or fixture.name
        host = FrameHost(command_of(runtime, available[runtime], tmp_path, entrypoint, interface), cwd=tmp_path, env=environment)
        hosts.append(host)
        output = tmp_path.parent / (tmp_path.name + ".output")
        output = output if any(output.iterdir()) else None  # as the host: only what a step has made
        error = host.load(tmp_path, entrypoint, interface, output=output, **plan)
        assert error is None, error
        return host

    yield start_one
    for host in hosts:
        host.close()


@pytest.mark.parametrize("runtime", pool_json())
def test_a_call_that_is_cancelled_before_its_body_is_whole_ends_at_once(start, runtime):
    host = start(runtime)
    call = host.start_call(body=b'{"action": "echo", "value": "', more=True)
    host.chunk(call, b"x" * 1000)
    host.cancel(call)
    assert host.finish(call).error["code"] == "CANCELLED"
    host.chunk(call, b'"}', more=False)  # was on its way
    assert host.call({"action": "echo", "value": "lives"}).json == "lives"


@pytest.mark.parametrize("runtime", pool_json())
def test_a_reply_that_is_just_small_enough_is_sent_and_one_byte_more_is_not(start, runtime):
    host = start(runtime, max_frame=2 * MIB)
    fits = 2 * MIB - 12 - 2  # the header behind the length, the quotes
    assert len(host.call({"action": "large", "size": fits}).body) == fits + 2
    error = host.call({"action": "large", "size": fits + 1}).error
    assert error["code"] == "INVALID_OUTPUT" and "limits.payload" in error["message"]
    assert host.call({"action": "echo", "value": "lives"}).json == "lives"


def test_python_leaves_its_own_names_to_user_code(start):
    source = "import context, frames, sys\ndef handler(input, ctx):\n    return [context.MINE, frames.MINE, [p for p in sys.path if 'runtimes' in p]]\n"
    files = {"f.py": source, "context.py": "MINE = 1\n", "frames.py": "MINE = 2\n"}
    assert start("python", files=files, entrypoint="f.py").call({}).json == [1, 2, []]


UGLY = '''
class Mute(Exception):
    def __str__(self):
        raise ValueError("no")

def handler(input, ctx):
    if input == "mute":
        raise Mute()
    if input == "long":
        raise ValueError("x" * 3000000)
    ctx.log.info("\\ud800", {"nan": float("nan")})
    ctx.log.info("x", {"a": "\\ud800"})
    ctx.log.info("y" * 5000000, {"a": "z" * 2000000})
'''


def test_python_survives_what_user_code_says(start):
    host = start("python", files={"f.py": UGLY}, entrypoint="f.py")
    assert host.call("mute").error["type"] == "Mute"
    assert host.call("long").error["message"].startswith("xxx")
    assert host.call("log").json is None
    assert [json.dumps(log[1]) and log[2][:1] for log in host.logs] == ["?", "x", "y"]


# What user code asks of the host, with this test as the host.

@pytest.mark.parametrize("runtime", pool_json())
def test_an_answer_reaches_whoever_asked(start, runtime):
    host = start(runtime)
    call = host.start_call({"action": "both", "function": "other", "inputs": [1, 2, 3]})
    asks = [host.expect(ASK, call) for _ in range(3)]
    wishes = [json.loads(frame.meta) for frame in asks]
    assert len({wish["ask"] for wish in wishes}) == 3
    assert all(wish["service"] == "call" and wish["function"] == "other" and "timeout_ms" not in wish for wish in wishes)
    assert sorted(json.loads(frame.body) for frame in asks) == [1, 2, 3]
    for frame, wish in reversed(list(zip(asks, wishes))):
        host.send(ANSWER, call, {"ask": wish["ask"], "ok": True}, b"%d0" % json.loads(frame.body))
    assert host.finish(call).json == [10, 20, 30]


@pytest.mark.parametrize("runtime", pool_json())
def test_other_frames_are_heard_while_an_answer_is_awaited(start, runtime):
    host = start(runtime)
    call = host.start_call({"action": "call", "function": "other", "input": 1, "ms": 9000})
    wish = json.loads(host.expect(ASK, call).meta)
    assert 8000 < wish["timeout_ms"] <= 9000
    assert host.ping(b"there?") == b"there?"
    host.send(ANSWER, call, {"ask": wish["ask"] + 1000, "ok": True}, b'"of nobody"')
    host.send(ANSWER, call, {"ask": wish["ask"], "ok": True, "type": "text/plain; charset=utf-8"}, "Grüße".encode())
    assert host.finish(call).json == {"value": "Grüße"}


@pytest.mark.parametrize("runtime", pool_json())
@pytest.mark.parametrize("action", ["pass", "both"])
def test_a_call_that_is_cancelled_while_it_waits_for_an_answer_ends_at_once(start, runtime, action):
    host = start(runtime)
    call = host.start_call({"action": action, "function": "other", "inputs": [1]})
    wish = json.loads(host.expect(ASK, call).meta)
    host.cancel(call)
    assert host.finish(call).error["code"] == "CANCELLED"
    host.send(ANSWER, call, {"ask": wish["ask"], "ok": True}, b"1")  # was on its way
    assert host.call({"action": "echo", "value": "lives"}).json == "lives"


@pytest.mark.parametrize("runtime", pool_json())
def test_a_worker_drains_while_it_waits_for_an_answer(start, runtime):
    host = start(runtime)
    call = host.start_call({"action": "pass", "function": "other", "input": 1})
    wish = json.loads(host.expect(ASK, call).meta)
    host.send(DRAIN)
    host.send(ANSWER, call, {"ask": wish["ask"], "ok": True}, b'"last"')
    assert host.finish(call).json == "last"
    assert host.process.wait(20) == 0


@pytest.mark.parametrize("runtime", pool_json())
def test_an_input_over_the_limit_is_not_sent(start, runtime):
    host = start(runtime, max_frame=13_500)
    short = b"[%s]" % b",".join([b"1e9"] * 3000)  # every language writes it with more digits, if only "1.0e9"
    error = host.call(body=b'{"action": "call", "function": "other", "input": %s}' % short).json
    assert error["code"] == "PAYLOAD_TOO_LARGE" and error["function"] == "other"
    assert host.call({"action": "echo", "value": "lives"}).json == "lives"


def test_go_counts_every_credit_that_comes_while_it_sends(start):
    host = start("go")
    call = host.start_call({"action": "stream", "count": 100_000, "ms": 0})
    for _ in range(5000):
        host.credit(call, 50)
    granted, sent = CREDIT_DEFAULT + 5000 * 50, 0
    while sent < granted:
        sent += len(host.receive().body)
    assert sent == granted
    with pytest.raises(TimeoutError):
        host.receive(timeout=1)
