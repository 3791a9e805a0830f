"""The HTTP API: errors, manifests, Alyx, hot reload under load."""
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server, binary  # noqa: E402

PYTHON = "def handler(input, ctx):\n    return {'hello': input['name']}\n"
STDIO = """import json, sys
request = json.load(sys.stdin)
print(json.dumps({"request_id": request["request_id"], "success": True, "output": {"hello": request["input"].get("name"),
                  "env": request["context"]["env"], "token": len(request["context"]["internal_token"])}, "duration_ms": 1}))
"""
STDIO_JS = """let text = '';
process.stdin.on('data', (d) => text += d).on('end', () => {
  const request = JSON.parse(text);
  process.stdout.write(JSON.stringify({ request_id: request.request_id, success: true, output: { hello: request.input.name } }));
});
"""
STDIO_DENO = """const text = await new Response(Deno.stdin.readable).text();
const request = JSON.parse(text);
console.log(JSON.stringify({ request_id: request.request_id, success: true, output: { hello: request.input.name } }));
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def alyx_functions(root):
    write(root / "functions/py/main.py", STDIO)
    write(root / "functions/js/index.js", STDIO_JS)
    write(root / "functions/ts/index.ts", STDIO_DENO)


def check_alyx(server):
    assert server.get("/v1/functions").json["problems"] == []
    listed = server.get("/api/functions").json
    assert listed["count"] == 3 and {"name": "py", "runtime": "python"} in listed["functions"]
    for name in ("py", "js", "ts"):
        reply = server.post(f"/api/functions/{name}", {"name": "Ada"})
        assert reply.status == 200 and reply.json["success"] is True, reply.text
        assert reply.json["output"]["hello"] == "Ada" and reply.json["duration_ms"] >= 0
    assert server.post("/api/functions/py", {}).json["output"]["env"] == {"LEVEL": "info"}
    assert server.post("/api/functions/py", {}).json["output"]["token"] == 64
    assert server.get("/api/functions/py").json["runtime"] == "python"
    assert server.post("/api/functions/nope", {}).status == 404
    assert server.request("POST", "/api/functions/py", b"{nope").json["code"] == "INVALID_JSON"
    assert server.post("/api/functions/reload", {}).json["success"] is True


def test_alyx_manifests_serve_unchanged(tmp_path):
    alyx_functions(tmp_path)
    write(tmp_path / "functions/py/manifest.yaml", "name: py\nruntime: python\nentrypoint: main.py\ntimeout: 10s\nmemory: 128mb\nenv: {LEVEL: info}\n")
    write(tmp_path / "functions/js/manifest.yaml", "name: js\nruntime: node\nentrypoint: index.js\nroutes:\n  - {path: /js, methods: [GET]}\n")
    write(tmp_path / "functions/ts/manifest.yaml", "name: ts\nruntime: {engine: deno, version: '>=1.0.0'}\nentrypoint: index.ts\n")
    with Server(tmp_path) as server:
        check_alyx(server)
        assert server.get("/v1/functions/py").json["notes"] == []


def test_alyx_schema_serves_unchanged(tmp_path):
    alyx_functions(tmp_path)
    write(tmp_path / "schema.yaml", """
functions:
  py: {runtime: python, entrypoint: main.py, timeout: 10, env: {LEVEL: info}}
  js: {runtime: node, entrypoint: index.js, hooks: [{type: webhook, verification: {type: hmac-sha256, header: X-S, secret: k}}]}
  ts: {runtime: deno, entrypoint: index.ts, path: functions/ts}
""")
    with Server(tmp_path) as server:
        check_alyx(server)


MANIFESTS = [
    ("runtime: pyton\nentrypoint: f.py\n", 'did you mean "python"?', "there is no runtime"),
    ("runtim: python\n", 'did you mean "runtime"?', "trivet.yaml:1:1: unknown field"),
    ("runtime: python\nentrypoint: nope.py\n", "create it", "does not exist"),
    ("runtime: python\nentrypoint: f.py\nlimits: {timout: 3s}\n", 'did you mean "timeout"?', "trivet.yaml:3:10"),
    ("runtime: python\nentrypoint: f.py\nlimits: {timeout: soon}\n", "write it like 30s", "is not a duration"),
    ("runtime: python\nentrypoint: f.py\nscale: {min: 5, max: 2}\n", "", "above scale.max"),
    ("runtime: python\nentrypoint: f.py\ninterface: jsn\n", 'did you mean "json"?', "has no interface"),
    ("runtime: python\nentrypoint: f.py\nsandbox: {level: sandbx}\n", 'did you mean "sandbox"?', "trivet.yaml:3:18: sandbox.level must be one of"),
    ("runtime: python\nentrypoint: f.py\nsandbox: {level: process}\n", "start trivet with --sandbox process", "allows none below sandbox"),
    ("runtime: python\nentrypoint: f.py\nsandbox: {read: [/]}\n", "and no more", "is all of this machine"),
    ("runtime: python\nentrypoint: f.py\nsandbox: {net: ['*:443']}\n", "level: process", "is a pattern"),
    ("runtime: python\nentrypoint: f.py\nlimits: {memory: 1}\n", "", "limits.memory must be from 16MiB"),
    ("runtime: python\nentrypoint: f.py\nsecrets: [KEY]\n", "run: trivet secret set KEY", "needs the secret KEY, which is not set"),
    ("runtime: python\nentrypoint: ../f.py\n", "", "must lie in the function's folder"),
    ("runtime: python\nentrypoint: f.py\nname: ../etc\n", "names are a-z", "is not a name for a function"),
    ("runtime: python\nentrypoint: f.py\nenv: {A: '${NO_SUCH_VARIABLE}'}\n", "set it before", "NO_SUCH_VARIABLE is not set"),
    ("a: [1, 2\n", "", "trivet.yaml:"),
    ("a: 1\na: 2\n", "", "stands twice"),
    ("runtime: python\nentrypoint: f.py\nenv: " + "[" * 3000 + "\n", "", "nested deeper"),
    ("a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d]\n",
     "", "once aliases are expanded"),
    ("# " + "x" * (10 << 20) + "\n", "", "larger than 1MiB"),
]


@pytest.mark.parametrize("manifest,hint,says", MANIFESTS, ids=[row[2] for row in MANIFESTS])
def test_a_wrong_manifest_is_a_problem_and_the_others_serve(tmp_path, manifest, hint, says):
    write(tmp_path / "bad/trivet.yaml", manifest)
    write(tmp_path / "bad/f.py", PYTHON)
    write(tmp_path / "good/main.py", PYTHON)
    with Server(tmp_path) as server:
        problems = server.get("/v1/functions").json["problems"]
        assert len(problems) == 1 and says in problems[0]["message"] and hint in problems[0]["hint"], problems
        reply = server.post("/function/bad", {})
        assert reply.status in (501, 503, 404) and reply.json["code"] in ("INVALID_MANIFEST", "NOT_SUPPORTED", "FUNCTION_NOT_FOUND")
        assert server.post("/function/good", {"name": "Ada"}).json == {"hello": "Ada"}


def test_names_and_routes_are_unique(tmp_path):
    write(tmp_path / "a/trivet.yaml", "name: same\nruntime: python\nentrypoint: f.py\n")
    write(tmp_path / "b/trivet.yaml", "name: same\nruntime: python\nentrypoint: f.py\n")
    for name in ("c", "d"):
        write(tmp_path / name / "trivet.yaml", "runtime: python\nentrypoint: f.py\ntriggers:\n  - http: {route: 'POST /x'}\n")
    for name in "abcd":
        write(tmp_path / name / "f.py", PYTHON)
    with Server(tmp_path) as server:
        messages = [p["message"] for p in server.get("/v1/functions").json["problems"]]
        assert sum('the name "same" is used by' in m for m in messages) == 2
        assert sum('the route "POST /x" is used by' in m for m in messages) == 2


def test_a_thousand_functions_of_which_ten_are_broken(tmp_path):
    for n in range(1000):
        write(tmp_path / f"f{n}" / "trivet.yaml", "runtime: python\nentrypoint: " + ("nope.py\n" if n % 100 == 7 else "main.py\n"))
        write(tmp_path / f"f{n}" / "main.py", PYTHON)
    with Server(tmp_path) as server:
        listed = server.get("/v1/functions").json
        assert len(listed["functions"]) == 990 and len(listed["problems"]) == 10
        assert server.post("/function/f999", {"name": "Ada"}).json == {"hello": "Ada"}


def test_routes_methods_and_limits(tmp_path):
    write(tmp_path / "f/trivet.yaml", "runtime: python\nentrypoint: f.py\nlimits: {payload: 1KiB}\ntriggers:\n  - http: {route: 'POST /resize/{id}'}\n")
    write(tmp_path / "f/f.py", PYTHON)
    with Server(tmp_path) as server:
        assert server.post("/resize/7", {"name": "Ada"}).json == {"hello": "Ada"}
        assert server.get("/resize/7").status == 405
        assert server.get("/nowhere").json["code"] == "NOT_FOUND"
        assert server.post("/function/f", {"name": "x" * 2000}).json["code"] == "PAYLOAD_TOO_LARGE"
        assert server.get("/healthz").text == "ok\n" and server.get("/readyz").status == 200
        assert "trivet_calls_total" in server.get("/metrics").text
        assert server.get("/openapi.json").json["openapi"] == "3.1.0"
        timing = server.post("/function/f", {"name": "Ada"}).headers["server-timing"]
        assert timing.startswith("queue;dur=") and "run;dur=" in timing


def test_a_queue_that_is_full_refuses_with_retry_after(tmp_path):
    write(tmp_path / "f/trivet.yaml", "runtime: python\nentrypoint: f.py\nscale: {max: 1, overflow: 0, queue: 1}\n")
    write(tmp_path / "f/f.py", "import time\ndef handler(i, c):\n    time.sleep(0.5)\n")
    with Server(tmp_path) as server:
        server.post("/function/f", {})
        replies = []
        threads = [threading.Thread(target=lambda: replies.append(server.post("/function/f", {}))) for _ in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        refused = [r for r in replies if r.status == 429]
        assert len(refused) >= 1 and all(r.headers["retry-after"] for r in refused) and any(r.status == 200 for r in replies)


def test_editing_under_load_loses_no_call(tmp_path):
    source = tmp_path / "f.py"
    write(source, "def handler(i, c):\n    return 0\n")
    with Server(tmp_path, verb="dev") as server:
        server.post("/function/f", {})
        stop, replies = threading.Event(), []

        def call():
            while not stop.is_set():
                reply = server.post("/function/f", {})
                replies.append((time.monotonic(), reply.status, reply.text))

        threads = [threading.Thread(target=call) for _ in range(16)]
        [t.start() for t in threads]
        for version in range(1, 4):
            source.write_text(f"def handler(i, c):\n    return {version}\n")
            deadline = time.monotonic() + 10
            while not any(text == str(version) for _, _, text in replies[-50:]):
                assert time.monotonic() < deadline, "the new code does not answer"
                time.sleep(0.01)
        stop.set()
        [t.join() for t in threads]
        assert [r for r in replies if r[1] != 200] == []
        assert {text for _, _, text in replies} == {"0", "1", "2", "3"}


def test_a_vanished_folder_keeps_serving(tmp_path):
    folder = tmp_path / "functions"
    write(folder / "f.py", PYTHON)
    with Server(folder, verb="dev") as server:
        assert server.post("/function/f", {"name": "a"}).status == 200
        folder.rename(tmp_path / "away")
        deadline = time.monotonic() + 10
        while not server.get("/v1/functions").json["problems"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert server.post("/function/f", {"name": "a"}).json == {"hello": "a"}


def test_a_build_command_runs_and_its_failure_is_told(tmp_path):
    write(tmp_path / "ok/trivet.yaml", "runtime: python\nentrypoint: main.py\nbuild: {command: sh, args: [-c, 'mkdir -p out && cp src.txt out/main.py'], output: out/main.py, watch: [src.txt]}\n")
    write(tmp_path / "ok/src.txt", PYTHON)
    write(tmp_path / "bad/trivet.yaml", "runtime: python\nentrypoint: main.py\nbuild: {command: sh, args: [-c, 'echo cannot compile line 3 >&2; exit 2']}\n")
    write(tmp_path / "bad/main.py", PYTHON)
    with Server(tmp_path) as server:
        assert server.post("/function/ok", {"name": "Ada"}).json == {"hello": "Ada"}
        problem = server.post("/function/bad", {}).json
        assert problem["code"] == "BUILD_FAILED" and problem["exit_code"] == 2 and "cannot compile line 3" in problem["output"]


def test_a_missing_toolchain_says_what_installs_it(tmp_path):
    write(tmp_path / "runtimes/cobol/runtime.yaml", "name: cobol\nextensions: [.cob]\ntoolchain: {binary: [no-such-cobol], version: {args: [-v], pattern: '(.*)'}, install: apt-get install cobol}\ninterfaces: [stdio]\noneshot: {command: ['${binary}', '${entrypoint}']}\n")
    write(tmp_path / "functions/f.cob", "")
    with Server(tmp_path / "functions", "--runtimes", str(tmp_path / "runtimes")) as server:
        problem = server.post("/function/f", {}).json
        assert problem["code"] == "RUNTIME_NOT_AVAILABLE" and problem["install"] == "apt-get install cobol"
        row = next(r for r in server.get("/v1/runtimes").json if r["name"] == "cobol")
        assert row["available"] is False and "no-such-cobol" in row["reason"]


def test_a_token_is_demanded_when_set(tmp_path):
    write(tmp_path / "f.py", PYTHON)
    with Server(tmp_path, "--token", "s3cret", tcp="127.0.0.1") as server:
        assert server.get("/v1/functions").status == 401 and server.get("/healthz").status == 200
        assert server.get("/v1/functions", headers={"authorization": "Bearer s3cret"}).status == 200


PRINTS = {
    "py": ("main.py", "import sys\ndef handler(input, ctx):\n    print('out', ctx.call_id, flush=True)\n    print('err', ctx.call_id, file=sys.stderr, flush=True)\n    return 1\n"),
    "js": ("index.mjs", "export default (input, ctx) => { console.log('out', ctx.callId); console.error('err', ctx.callId); return 1; }\n"),
}


@pytest.mark.parametrize("name", sorted(PRINTS))
def test_every_printed_line_belongs_to_its_call(tmp_path, name):
    file, text = PRINTS[name]
    write(tmp_path / name / file, text)
    with Server(tmp_path) as server:
        for _ in range(1000):
            assert server.post(f"/function/{name}", {}).status == 200
        events = server.get(f"/v1/logs?follow=0&function={name}").text.split("\n\n")
    lines = [json.loads(event.split("data: ", 1)[1]) for event in events if event.startswith("event: log")]
    printed = [line for line in lines if line["stream"] in ("stdout", "stderr")]
    assert len(printed) == 2000
    assert [line for line in printed if line["message"].split()[1] != line.get("call_id")] == []


def test_slow_uploads_hold_no_worker(tmp_path):
    write(tmp_path / "hello.py", PYTHON)
    with Server(tmp_path) as server:
        idle = [socket.socket(socket.AF_UNIX) for _ in range(12)]
        for connection in idle:
            connection.connect(server.socket)
            connection.sendall(b"POST /function/hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{")
        # Well below the deadline that would free a worker of its own accord.
        assert server.request("POST", "/function/hello", b'{"name":"Ada"}', timeout=20).json == {"hello": "Ada"}
        for connection in idle:
            connection.close()
        assert server.post("/function/hello", {"name": "Ada"}).json == {"hello": "Ada"}
        big = {"name": "x" * 3_000_000}
        assert server.post("/function/hello", big).json == {"hello": big["name"]}


def test_a_worker_past_a_deadline_gets_no_new_calls(tmp_path):
    write(tmp_path / "conc/index.mjs", "export default async (i) => { if (i.loop) for (;;); return i; };\n")
    write(tmp_path / "conc/trivet.yaml", "runtime: node\nscale: {max: 1, overflow: 0, concurrency: 10}\nlimits: {timeout: 1s}\n")
    with Server(tmp_path) as server:
        assert server.post("/function/conc", {"a": 1}).status == 200
        assert server.post("/function/conc", {"loop": 1}).status == 504
        assert server.post("/function/conc", {"a": 2}).json == {"a": 2}


def test_without_a_queue_a_free_place_still_serves(tmp_path):
    write(tmp_path / "q/main.py", PYTHON)
    write(tmp_path / "q/trivet.yaml", "runtime: python\nscale: {queue: 0, max: 1, overflow: 0}\n")
    with Server(tmp_path) as server:
        for _ in range(3):
            assert server.post("/function/q", {"name": "Ada"}).status == 200


def test_why_a_call_failed_is_in_the_logs_and_in_no_other_callers_answer(tmp_path):
    write(tmp_path / "die.py", "import os, sys\ndef handler(i, c):\n    if i == 1: print('secret of one', file=sys.stderr); return 1\n    if i == 2: os._exit(9)\n    return 1 / 0\n")
    with Server(tmp_path) as server:
        assert server.post("/function/die", 1).status == 200
        crash = server.post("/function/die", 2)
        assert crash.json["code"] == "FUNCTION_CRASHED" and "secret" not in crash.text
        assert server.post("/function/die", 3).status == 500
        logs = server.get("/v1/logs?follow=0&function=die").text
        assert "ZeroDivisionError" in logs and "exit code 9" in logs and '"stream":"host"' in logs


def test_sockets_of_the_service_manager_are_served(tmp_path):
    write(tmp_path / "hello.py", PYTHON)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    start = "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid()); os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True); os.execv(sys.argv[2], sys.argv[2:])"
    command = [sys.executable, "-c", start, str(listening.fileno()), binary(), "serve", str(tmp_path), "--listen", f"unix:{tmp_path}/socket", "--data", str(tmp_path / "data"), "-q"]
    process = subprocess.Popen(command, env={**os.environ, "LISTEN_FDS": "1"}, pass_fds=[listening.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with socket.create_connection(listening.getsockname(), timeout=20) as connection:
            connection.sendall(b"POST /function/hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 14\r\n\r\n" + b'{"name":"Ada"}')
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_the_end_of_the_host_is_told_as_such(tmp_path):
    write(tmp_path / "slow.py", "import time\ndef handler(i, c):\n    time.sleep(20)\n")
    with Server(tmp_path, "--drain-ms", "300") as server:
        answers = []
        caller = threading.Thread(target=lambda: answers.append(server.post("/function/slow", {})))
        caller.start()
        wait_until(lambda: any(row["busy"] for row in server.get("/v1/workers").json))
        begin = time.monotonic()
        server.stop()
        caller.join(20)
        assert answers[0].json["code"] == "UNAVAILABLE"
        assert time.monotonic() - begin < 10


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
