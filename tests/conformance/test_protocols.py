"""Programs that speak a protocol of their own (docs/formats/port-protocols.md): the workers of examples/protocols, and one that breaks each protocol.

An example whose toolchain is missing is skipped and counted, in a row of its own in the table at the end."""
import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
# A command that succeeds where the example can run.
EXAMPLES = {
    "go-packet4": ["go", "version"],
    "go-ndjson": ["go", "version"],
    "node-packet4": ["node", "--version"],
    "node-ndjson": ["node", "--version"],
    "rust-packet4": ["rustc", "--version"],
    "lua-packet4": ["/usr/bin/lua5.4", "-e", "require 'cjson'"],
    "ruby-ndjson": ["/usr/bin/ruby", "-e", "require 'json'"],
    "ruby-msgpack": ["/usr/bin/ruby", "-e", "require 'msgpack'"],
    "python-protobuf": ["/usr/bin/python3", "-c", "import google.protobuf"],
    "etf-erlang": ["/usr/bin/erl", "-noshell", "-eval", "halt(0)."],
    "etf-node": ["node", "--version"],
}
PROTOCOLS = ["packet4", "ndjson", "msgpack", "protobuf", "etf", "erlport"]


def can_run(command):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60).returncode == 0
    except OSError:
        return False


def copy_with(source, target, changes):
    shutil.copytree(source, target)
    manifest = yaml.safe_load((target / "trivet.yaml").read_text())
    if manifest.get("build", {}).get("command") == "rustc" and pathlib.Path("/usr/bin/rustc").exists():
        manifest["build"]["command"] = "/usr/bin/rustc"  # one before it on PATH may be rustup's, which reads a home: no sandbox sees one
    (target / "trivet.yaml").write_text(yaml.safe_dump({**manifest, **changes}))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    functions = tmp_path_factory.mktemp("functions")
    for name in EXAMPLES:
        copy_with(ROOT / "examples/protocols" / name, functions / name, {})
        copy_with(ROOT / "examples/protocols" / name, functions / (name + "-short"), {"limits": {"timeout": "2s"}})
    for protocol in PROTOCOLS:
        for suffix, timeout in (("", "20s"), ("-short", "400ms")):
            folder = functions / f"fault-{protocol}{suffix}"
            folder.mkdir()
            shutil.copy(HERE / "port_worker.py", folder / "worker.run")
            manifest = {"runtime": "native", "entrypoint": "worker.run", "interface": protocol, "env": {"PROTOCOL": protocol},
                        "scale": {"max": 1, "overflow": 0, "concurrency": 10}, "limits": {"timeout": timeout, "payload": "2MiB", "logs": "none"},
                        "restart": {"backoff": "1ms..5ms", "breaker": {"failures": 0}}}
            (folder / "trivet.yaml").write_text(yaml.safe_dump(manifest))
    with Server(functions) as running:
        assert running.get("/v1/functions").json["problems"] == []
        yield running


@pytest.fixture
def runtime(request):
    if not can_run(EXAMPLES[request.param]):
        pytest.skip("toolchain missing: " + " ".join(EXAMPLES[request.param]))
    return request.param


every_example = pytest.mark.parametrize("runtime", EXAMPLES, indirect=True)


def call(server, name, function, *args):
    return server.post("/function/" + name, {"function": function, "args": list(args)})


def pids_of(server, name):
    return {w["pid"] for w in server.get("/v1/workers").json if w["function"] == name}


@every_example
def test_right_results(server, runtime):
    table = [("add", (5, 3), 8), ("add", (0.5, 0.25), 0.75), ("reverse", ("Grüße 👋",), "👋 eßürG"), ("fibonacci", (20,), 6765),
             ("batch_sum", ([[1, 2, 3], [4, 5]],), [6, 9]), ("echo", ({"a": [1, None, True, "x"], "b": {"c": -1.5}},), None)]
    for function, args, expected in table:
        reply = call(server, runtime, function, *args)
        assert reply.status == 200, reply.text
        assert reply.json == (args[0] if function == "echo" else expected), function
        assert reply.headers["content-type"].startswith("application/json")


@every_example
def test_ten_concurrent_calls_get_their_own_results(server, runtime):
    with concurrent.futures.ThreadPoolExecutor(10) as callers:
        for _ in range(3):
            replies = list(callers.map(lambda n: call(server, runtime, "echo", {"n": n, "text": "x" * n * 1000}), range(10)))
            assert [r.json for r in replies] == [{"n": n, "text": "x" * n * 1000} for n in range(10)]


@every_example
def test_a_message_of_a_mebibyte(server, runtime):
    text = "0123456789abcde\n" * 65536
    assert len(text) == 1 << 20
    assert call(server, runtime, "echo", text).json == text


@every_example
def test_an_error_is_the_functions(server, runtime):
    reply = call(server, runtime, "add", "one", 2)
    assert (reply.status, reply.json["code"]) == (500, "FUNCTION_ERROR"), reply.text
    assert reply.json["detail"] not in ("", "no message")
    assert call(server, runtime, "add", 1, 2).json == 3


@every_example
def test_an_unknown_function_is_an_error(server, runtime):
    reply = call(server, runtime, "no_such_thing")
    assert (reply.status, reply.json["code"], reply.json["function_code"]) == (500, "FUNCTION_ERROR", "NO_SUCH_FUNCTION"), reply.text
    assert "no_such_thing" in reply.json["detail"]


@every_example
def test_a_kill_during_a_call_is_a_crash(server, runtime):
    assert call(server, runtime, "add", 1, 2).json == 3  # built, and its interpreter in memory
    replies = []
    caller = threading.Thread(target=lambda: replies.append(call(server, runtime, "fibonacci", 80)))
    caller.start()
    deadline = time.monotonic() + 20
    while not (busy := [w for w in server.get("/v1/workers").json if w["function"] == runtime and w["state"] == "busy"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(busy[0]["pid"], signal.SIGKILL)
    caller.join(30)
    reply = replies[0]
    assert (reply.status, reply.json["code"], reply.json["signal"]) == (502, "FUNCTION_CRASHED", "SIGKILL"), reply.text
    assert call(server, runtime, "add", 1, 2).json == 3


@every_example
def test_a_call_past_its_deadline_is_ended(server, runtime):
    name = runtime + "-short"
    assert call(server, name, "add", 1, 2).json == 3
    pids = pids_of(server, name)
    reply = call(server, name, "fibonacci", 80)
    assert (reply.status, reply.json["code"]) == (504, "FUNCTION_TIMEOUT"), reply.text
    assert call(server, name, "add", 1, 2).json == 3
    deadline = time.monotonic() + 5
    while pids & pids_of(server, name):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("runtime", ["ruby-msgpack", "python-protobuf", "etf-erlang"], indirect=True)
def test_values_that_json_numbers_and_texts_cannot_hold_elsewhere_come_back(server, runtime):
    for value in [2**64 - 1, 2**63, 2**63 - 1, -2**63, 0, -1, 1.5, "", "é\0", None, True, [], {}, {"a": {"b": []}}, {"$base64": "AAH/"}]:
        assert call(server, runtime, "echo", [value]).json == [value]
    empty = {"$base64": ""}  # a term that is an empty binary is an empty text
    assert call(server, runtime, "echo", [empty]).json == ["" if runtime == "etf-erlang" else empty]


@pytest.mark.parametrize("runtime", ["etf-erlang"], indirect=True)
def test_numbers_of_any_size_come_back_as_terms(server, runtime):
    for value in [2**200, -2**200, 10**4000, 1e300, 5e-324]:
        assert call(server, runtime, "echo", [value]).json == [value]
    assert call(server, runtime, "add", 2**64, 2**64).json == 2**65


@pytest.fixture(scope="module")
def erlport(tmp_path_factory):
    """A function whose program is what ErlPort would start: an instance that finds its modules in the function's folder."""
    folder = tmp_path_factory.mktemp("erlport") / "old"
    folder.mkdir()
    (folder / "old.py").write_text(OLD)
    (folder / "worker.run").write_text(f"#!/bin/sh\nexec /usr/bin/python3 -B {ROOT}/runtimes/python/erlport.py --packet=4 --use_stdio --compressed=0\n")
    (folder / "worker.run").chmod(0o755)
    manifest = {"runtime": "native", "entrypoint": "worker.run", "interface": "erlport", "scale": {"max": 1, "overflow": 0}}
    (folder / "trivet.yaml").write_text(yaml.safe_dump(manifest))
    with Server(folder.parent) as running:
        yield running


OLD = """
from erlport import erlang
from erlport.erlterms import Atom
import os, threading

def add(*numbers): return sum(numbers)
def echo(value): return value
def kinds(value): return [type(item).__name__.encode() for item in value]
def talk():
    print("half a", end=" ")
    print("line")
    print("two\\nthree")
    return b"said"
def fail(): raise ValueError("B\u00e9 \u20ac")
def cast():
    erlang.cast(Atom(b"somebody"), b"hello")
    return None
def ask():
    try:
        return erlang.call(Atom(b"math"), Atom(b"sqrt"), [4])
    except erlang.CallError as error:
        return [b"refused", bytes(error.value)]
def text(): return "h\u00e9"
def pid(): return os.getpid()
class Box:
    @staticmethod
    def open(): return {b"a": (1, 2), Atom(b"b"): None}
def out():
    os.write(1, b"to nobody")
    return True
"""


def old(server, function, *args):
    reply = server.post("/function/old", {"module": "old", "function": function, "args": list(args)})
    return reply.json if reply.status == 200 else (reply.status, reply.json["code"], reply.json)


def test_an_erlport_instance_answers_calls(erlport):
    assert old(erlport, "add", 5, 3) == 8
    for value in [{"a": [1, None, True, "x"], "b": {"c": -1.5}}, 2**70, -1, 0.5, [], {}, "é", None, {"$base64": "AAH/"}, [1, 2, 3]]:
        assert old(erlport, "echo", value) == value
    assert old(erlport, "kinds", [None, True, 1, "x", [], {}]) == ["NoneType", "bool", "int", "bytes", "List", "Map"]
    assert old(erlport, "text") == [104, 233]  # a str is a list of code points
    assert old(erlport, "Box.open") == {"a": [1, 2], "b": None}
    assert erlport.post("/function/old", {"module": "math", "function": "sqrt", "args": [16]}).json == 4.0


def test_what_an_erlport_instance_prints_is_its_log(erlport):
    reply = erlport.post("/function/old", {"module": "old", "function": "talk", "args": []})
    assert reply.json == "said"
    rows = erlport.log_lines(call=reply.headers["x-call-id"])
    assert [(row["message"], row["stream"]) for row in rows] == [("half a line", "stdout"), ("two", "stdout"), ("three", "stdout")]


def test_an_erlport_instance_that_casts_or_calls_is_not_lost(erlport):
    before = old(erlport, "pid")
    assert old(erlport, "cast") is None
    assert old(erlport, "ask") == ["refused", "a program behind this interface is called, and cannot call"]
    assert old(erlport, "out") is True
    assert old(erlport, "pid") == before


def test_an_erlport_instances_error_is_the_functions(erlport):
    status, code, problem = old(erlport, "fail")
    assert (status, code, problem["detail"], problem["error_type"]) == (500, "FUNCTION_ERROR", "Bé €", "builtins.ValueError"), problem
    assert "old.py:" in problem["stack"] and " in fail" in problem["stack"], problem
    status, code, problem = old(erlport, "nothing")
    assert (status, code, problem["error_type"]) == (500, "FUNCTION_ERROR", "builtins.AttributeError"), problem


def test_the_generated_messages_are_those_of_the_schema(tmp_path):
    if not can_run(["protoc", "--version"]):
        pytest.skip("toolchain missing: protoc")
    if not can_run(EXAMPLES["python-protobuf"]):
        pytest.skip("toolchain missing: python3-protobuf")
    subprocess.run(["protoc", "-I", ROOT / "docs/formats", f"--python_out={tmp_path}", "trivet_worker.proto"], check=True, timeout=60)
    show = "import sys, trivet_worker_pb2 as m; sys.stdout.buffer.write(m.DESCRIPTOR.serialized_pb)"
    made, kept = (subprocess.run(["/usr/bin/python3", "-B", "-c", show], cwd=folder, capture_output=True, check=True, timeout=60).stdout
                  for folder in (tmp_path, ROOT / "examples/protocols/python-protobuf"))
    assert made == kept and b"trivet.worker.v1" in kept


every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)
# What the worker does: status and code, what the reply must hold.
FAULTS = [
    ("crash", 502, "FUNCTION_CRASHED", {"signal": "SIGKILL", "stderr": "oh no\n"}, ""),
    ("exit", 502, "FUNCTION_CRASHED", {"exit_code": 7, "stderr": "oh no\n"}, "exit code 7"),
    ("garbage", 502, "INVALID_OUTPUT", {}, "of its stdout"),
    ("half", 502, "FUNCTION_CRASHED", {"exit_code": 0}, "its last message was incomplete"),
    ("too_large", 502, "INVALID_OUTPUT", {}, "is over the limit of 2101248 bytes"),
    ("wrong_id", 502, "INVALID_OUTPUT", {}, "which was not made"),
]


@every_protocol
@pytest.mark.parametrize("fault,status,code,members,says", FAULTS, ids=[row[0] for row in FAULTS])
def test_a_fault_is_named_and_the_next_call_works(server, protocol, fault, status, code, members, says):
    name = "fault-" + protocol
    reply = call(server, name, fault)
    assert (reply.status, reply.json["code"]) == (status, code), reply.text
    assert {key: reply.json.get(key) for key in members} == members, reply.text
    assert says in reply.json["detail"], reply.text
    assert call(server, name, "fine").json == "fine"


@every_protocol
def test_a_hang_is_ended_at_the_deadline_and_other_calls_on_it_are_told(server, protocol):
    name = f"fault-{protocol}-short"
    assert call(server, name, "fine").json == "fine"
    begin = time.monotonic()
    reply = call(server, name, "hang")
    assert (reply.status, reply.json["code"]) == (504, "FUNCTION_TIMEOUT"), reply.text
    assert 0.35 < time.monotonic() - begin < 5
    assert call(server, name, "fine").json == "fine"


@every_protocol
def test_a_flood_on_stderr_does_not_disturb_the_reply(server, protocol):
    name = "fault-" + protocol
    reply = call(server, name, "flood")
    assert reply.json == "flooded"
    lines = [row["message"] for row in server.log_lines(call=reply.headers["x-call-id"])]
    assert lines[-1].startswith("line 19999 "), lines[-1:]
    assert call(server, name, "fine").json == "fine"


@every_protocol
def test_a_second_reply_is_dropped(server, protocol):
    name = "fault-" + protocol
    assert call(server, name, "fine").json == "fine"
    pids = pids_of(server, name)
    for n in range(20):
        assert call(server, name, "twice").json == "first"
        assert call(server, name, f"call_{n}").json == f"call_{n}"
    assert pids_of(server, name) == pids


@pytest.mark.parametrize("protocol", [p for p in PROTOCOLS if p != "erlport"])  # ErlPort's messages always have one
def test_a_reply_without_id_belongs_to_the_only_call(server, protocol):
    name = "fault-" + protocol
    with concurrent.futures.ThreadPoolExecutor(10) as callers:
        assert call(server, name, "no_id").json == "anonymous"  # from now on one at a time
        replies = list(callers.map(lambda _: call(server, name, "no_id"), range(10)))
    assert [r.json for r in replies] == ["anonymous"] * 10


def test_a_body_is_the_only_argument_and_is_not_rewritten(tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f/worker.run").write_text("""#!/usr/bin/python3
import sys
for line in sys.stdin:
    print('{"result":' + line.rstrip("\\n") + '}', flush=True)
""")
    (tmp_path / "f/worker.run").chmod(0o755)
    (tmp_path / "f/trivet.yaml").write_text("runtime: native\nentrypoint: worker.run:greet\ninterface: ndjson\n")
    with Server(tmp_path) as server:
        def sent(body):
            reply = server.request("POST", "/function/f", body)
            return reply.text if reply.status == 200 else reply.json["code"]
        assert sent(b'{"a" : 1.50e0,\n "b":123456789012345678901234567890}') == \
            '{"id":1,"module":"worker","function":"greet","args":[{"a" : 1.50e0,  "b":123456789012345678901234567890}]}'
        assert sent(b'{"function":"f","module":"m","args":[ 1.0 ]}') == '{"id":2,"module":"m","function":"f","args":[ 1.0 ]}'
        assert sent(b"") == '{"id":3,"module":"worker","function":"greet","args":[null]}'
        assert sent(b"{oops") == "INVALID_INPUT"


def test_an_entrypoint_that_is_not_executable_is_a_problem_with_its_remedy(tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f/worker.run").write_text("#!/bin/sh\n")
    (tmp_path / "f/trivet.yaml").write_text("runtime: native\nentrypoint: worker.run\ninterface: packet4\n")
    with Server(tmp_path) as server:
        reply = server.post("/function/f", {})
        assert reply.json["code"] == "INVALID_MANIFEST" and "is not executable" in reply.json["detail"] and "chmod +x" in reply.json["hint"], reply.text
