"""Every case of cases.yaml for every runtime, interface and mode, over HTTP, against a real server.

A runtime whose toolchain is missing is skipped and counted. The table at the end has a row for every runtime, interface and mode
(tests/conftest.py)."""
import os
import pathlib
import re
import shutil
import sys

import pytest
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
CASES = yaml.safe_load((HERE / "cases.yaml").read_text())
WEB = ["fetch", "wsgi", "asgi", "rack", "http"]  # the forms that a language's own web frameworks have
FORMS = {"timeout": "-short", "small": "-small", "loud": "-loud"}  # which of a fixture's functions has the case's limits
VARIANTS = [("json", "pool"), ("json", "oneshot"), ("context", "pool"), ("stdio", "oneshot"), *((interface, "pool") for interface in WEB)]


def runtime_folders():
    folders = [ROOT / "runtimes"] + [pathlib.Path(p) for p in os.environ.get("TRIVET_RUNTIMES", "").split(":") if p]
    return sorted(p.parent for folder in folders for p in folder.glob("[!_]*/runtime.yaml"))


MANIFESTS = {p.name: yaml.safe_load((p / "runtime.yaml").read_text()) for p in runtime_folders()}
FOLDERS = {p.name: p for p in runtime_folders()}
wanted = os.environ.get("TRIVET_ONLY_RUNTIME")
NAMES = [n for n in MANIFESTS if not wanted or n == wanted]


def fixture_of(runtime, interface):
    return next(iter((FOLDERS[runtime] / "fixture").glob(interface + ".*")))


def name_of(runtime, interface, mode):
    return f"{runtime}-{interface}-{mode}"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    functions = tmp_path_factory.mktemp("functions")
    for runtime in NAMES:
        for interface, mode in VARIANTS:
            if interface not in MANIFESTS[runtime]["interfaces"] or not MANIFESTS[runtime].get("oneshot" if interface == "stdio" else "pool"):
                continue
            folder = functions / name_of(runtime, interface, mode)
            folder.mkdir()
            fixture = fixture_of(runtime, interface)
            shutil.copy(fixture, folder)
            many = mode == "pool" and MANIFESTS[runtime].get("concurrency", 1) != 1
            manifest = {"runtime": runtime, "entrypoint": fixture.name, "interface": interface, "mode": mode, "env": {"GREETING": "moin"},
                        "limits": {"timeout": "20s"}, "scale": {"max": 1, "overflow": 0, "concurrency": 1}}
            (folder / "trivet.yaml").write_text(yaml.safe_dump(manifest))
            small = functions / (folder.name + "-small")
            shutil.copytree(folder, small)
            (small / "trivet.yaml").write_text(yaml.safe_dump({**manifest, "limits": {"timeout": "20s", "payload": "1MiB"}}))
            short = functions / (folder.name + "-short")
            shutil.copytree(folder, short)
            (short / "trivet.yaml").write_text(yaml.safe_dump({**manifest, "limits": {"timeout": "1s"}}))
            if interface == "json":
                loud = functions / (folder.name + "-loud")
                shutil.copytree(folder, loud)
                (loud / "trivet.yaml").write_text(yaml.safe_dump({**manifest, "limits": {"timeout": "20s", "logs": "none"}}))
            if (interface, mode) == ("json", "pool"):
                other = functions / (folder.name + "-other")
                shutil.copytree(folder, other)
                (other / "trivet.yaml").write_text(yaml.safe_dump({**manifest, "scale": {"max": 2}, "restart": {"backoff": "1ms..5ms"}}))
            if many:
                wide = functions / (folder.name + "-wide")
                shutil.copytree(folder, wide)
                (wide / "trivet.yaml").write_text(yaml.safe_dump({**manifest, "scale": {"max": 1, "overflow": 0, "concurrency": 50}}))
    with Server(functions) as running:
        running.folder = functions
        assert running.get("/v1/functions").json["problems"] == []
        yield running


@pytest.fixture(scope="module")
def available(server):
    return {row["name"]: row for row in server.get("/v1/runtimes").json}


def skip_unless_supported(runtime, interface, mode, case_name, available):
    unsupported = MANIFESTS[runtime].get("conformance", {}).get("unsupported", {})
    for key in (case_name, f"{interface}/{case_name}"):
        if key in unsupported:
            pytest.skip(f"unsupported: {unsupported[key]}")
    if not available[runtime]["available"]:
        pytest.skip("toolchain missing: " + available[runtime]["reason"])


def all_variants():
    for runtime in NAMES:
        for interface, mode in VARIANTS:
            if interface in MANIFESTS[runtime]["interfaces"] and MANIFESTS[runtime].get("oneshot" if interface == "stdio" else "pool"):
                yield runtime, interface, mode


def all_cases():
    for runtime, interface, mode in all_variants():
        for case in CASES:
            only = case.get("only")
            groups = {interface, "framed" if interface != "stdio" else "", "web" if interface in WEB else ""}
            if only in groups or (not only and interface != "context" and interface not in WEB):
                yield pytest.param(runtime, interface, mode, case, id=f"{runtime}-{interface}-{mode}-{case['name']}")


@pytest.mark.parametrize("runtime,interface,mode,case", all_cases())
def test_case(server, available, runtime, interface, mode, case):
    case = with_names(case, {"{json}": name_of(runtime, "json", "pool") + "-other"})
    skip_unless_supported(runtime, interface, mode, case["name"], available)
    if "append" in case:
        return check_does_not_load(server, runtime, name_of(runtime, interface, mode), fixture_of(runtime, interface), case)
    name = name_of(runtime, interface, mode) + next((end for key, end in FORMS.items() if case.get(key)), "")
    if interface == "context" or interface in WEB:
        body = case["body"] * case.get("times", 1) if "body" in case else ""
        reply = server.request(case.get("method", "POST"), f"/function/{name}{case.get('path', '/some/path')}", body.encode(), case["send"])
    elif "raw" in case:
        reply = server.request("POST", f"/function/{name}", case["raw"].encode())
    else:
        reply = server.post(f"/function/{name}", case["send"])
    check(server, reply, case["expect"])


def with_names(value, names):
    """The case, with the names of functions in it."""
    if isinstance(value, dict):
        return {key: with_names(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [with_names(each, names) for each in value]
    for word, name in names.items() if isinstance(value, str) else ():
        value = value.replace(word, name)
    return value


def check_does_not_load(server, runtime, name, fixture, case):
    """A function with an error in its source: for every extension that the runtime takes."""
    for at, extension in enumerate(MANIFESTS[runtime]["extensions"]):
        broken = server.folder / f"{name}-{case['name']}-{at}"
        shutil.copytree(server.folder / name, broken)
        file = fixture.stem + extension
        (broken / fixture.name).rename(broken / file)
        (broken / file).write_text(fixture.read_text() + case["append"])
        manifest = yaml.safe_load((broken / "trivet.yaml").read_text())
        (broken / "trivet.yaml").write_text(yaml.safe_dump({**manifest, "entrypoint": file}))
        server.post("/api/functions/reload", {})
        reply = server.post("/function/" + broken.name, {})
        shutil.rmtree(broken)
        assert reply.status >= 500 and reply.json["code"] in ("LOAD_FAILED", "BUILD_FAILED"), reply.text[:2000]
        for pattern in case["expect"]["says"]:
            assert re.search(pattern.replace("{file}", re.escape(file)), reply.text), reply.text[:2000]


def check(server, reply, expect):
    assert reply.status == expect.get("status", 200), reply.text[:2000]
    if "body" in expect:
        assert reply.json == expect["body"]
    if "text" in expect:
        assert reply.text == expect["text"]
    if "length" in expect:
        assert len(reply.body) == expect["length"]
    if "type" in expect:
        assert reply.headers["content-type"] == expect["type"]
    for key, value in expect.get("headers", {}).items():
        assert (reply.headers.get_all(key) if isinstance(value, list) else reply.headers.get(key)) == value
    for key in ("code", "exit_code", "signal", "stderr"):
        if key in expect:
            assert reply.json.get(key) == expect[key], reply.text[:2000]
    for pattern in expect.get("says", []):
        assert re.search(pattern, reply.text), reply.text[:2000]
    if "detail" in expect:
        assert expect["detail"] in reply.json["detail"]
    call = reply.headers["x-call-id"]
    assert call
    if "lines" in expect or "last_line" in expect:
        lines = server.log_lines(call=call)
        if "last_line" in expect:
            assert lines[-1]["message"] == expect["last_line"]
        else:
            assert sorted(line["message"] for line in lines) == sorted(expect["lines"])
        if "levels" in expect:
            assert [line["level"] for line in lines] == expect["levels"]


def pool_json():
    return [pytest.param(r, id=r, marks=pytest.mark.form("json", "pool")) for r in NAMES if "json" in MANIFESTS[r]["interfaces"] and MANIFESTS[r].get("pool")]


def pool_context():
    return [pytest.param(r, id=r, marks=pytest.mark.form("context", "pool")) for r in NAMES if "context" in MANIFESTS[r]["interfaces"] and MANIFESTS[r].get("pool")]


@pytest.mark.parametrize("runtime", pool_json())
def test_body_of_20_mib(server, available, runtime):
    skip_unless_supported(runtime, "json", "pool", "body-20-mib", available)
    value = "x" * (20 << 20)
    reply = server.post(f"/function/{name_of(runtime, 'json', 'pool')}", {"action": "echo", "value": value})
    assert reply.status == 200 and reply.json == value


@pytest.mark.parametrize("runtime", pool_context())
def test_binary_body(server, available, runtime):
    skip_unless_supported(runtime, "context", "pool", "binary-body", available)
    body = bytes(range(256)) * 1000
    reply = server.request("POST", f"/function/{name_of(runtime, 'context', 'pool')}", body, {"x-action": "echo", "content-type": "image/png"})
    assert reply.body == body


@pytest.mark.parametrize("runtime", pool_context())
def test_request_facts(server, available, runtime):
    skip_unless_supported(runtime, "context", "pool", "request-facts", available)
    headers = {"x-action": "request", "content-type": "application/json", "host": "example.com:8080", "X-Mixed": "Case", "x-open-runtimes-a": "b"}
    facts = server.request("PUT", f"/function/{name_of(runtime, 'context', 'pool')}/a/b?x=1&y=c==d&h&=z", b'{"k":1}', headers).json
    assert facts["method"] == "PUT" and facts["path"] == "/a/b" and facts["queryString"] == "x=1&y=c==d&h&=z"
    assert facts["query"] == {"x": "1", "y": "c==d", "h": ""}
    assert facts["host"] == "example.com" and facts["port"] == 8080 and facts["scheme"] == "http"
    assert facts["url"] == "http://example.com:8080/a/b?x=1&y=c==d&h&=z"
    assert facts["body"] == {"k": 1} and facts["bodyText"] == '{"k":1}'
    assert facts["headers"]["x-mixed"] == "Case" and "x-open-runtimes-a" not in facts["headers"]


@pytest.mark.parametrize("runtime", pool_context())
def test_cookies_are_sent_one_by_one(server, available, runtime):
    skip_unless_supported(runtime, "context", "pool", "cookies", available)
    reply = server.request("POST", f"/function/{name_of(runtime, 'context', 'pool')}", b"", {"x-action": "cookies"})
    assert reply.headers.get_all("set-cookie") == ["a=1", "b=2"]


@pytest.mark.form("json", "pool")
@pytest.mark.parametrize("runtime", [n for n in NAMES if MANIFESTS[n].get("concurrency", 1) != 1 and "json" in MANIFESTS[n]["interfaces"]])
def test_concurrent_calls_share_one_worker(server, available, runtime):
    skip_unless_supported(runtime, "json", "pool", "concurrent-calls", available)
    import concurrent.futures

    path = f"/function/{name_of(runtime, 'json', 'pool')}-wide"
    pid = server.post(path, {"action": "pid"}).json
    with concurrent.futures.ThreadPoolExecutor(20) as threads:
        replies = list(threads.map(lambda ms: server.post(path, {"action": "sleep", "ms": ms}).json, range(200, 220)))
    assert replies == [{"slept": ms} for ms in range(200, 220)]
    assert server.post(path, {"action": "pid"}).json == pid
    workers = [w for w in server.get("/v1/workers").json if w["kind"] == "worker" and w["function"] == path.split("/")[-1]]
    assert len(workers) == 1


@pytest.mark.form("json", "pool")  # the mode is a parameter
@pytest.mark.parametrize("runtime,mode,expected", [(r, m, e) for r in NAMES if "json" in MANIFESTS[r]["interfaces"] and MANIFESTS[r].get("pool")
                                                   for m, e in (("pool", [0, 1, 2]), ("oneshot", [0, 0, 0]))])
def test_state_between_calls(server, available, runtime, mode, expected):
    skip_unless_supported(runtime, "json", mode, "counter", available)
    path = f"/function/{name_of(runtime, 'json', mode)}"
    seen = [server.post(path, {"action": "counter"}).json for _ in range(3)]
    assert [n - seen[0] for n in seen] == expected


@pytest.mark.parametrize("runtime", pool_json())
def test_a_reply_over_the_limit_does_not_end_the_worker(server, available, runtime):
    skip_unless_supported(runtime, "json", "pool", "reply-over-the-limit", available)
    path = f"/function/{name_of(runtime, 'json', 'pool')}-small"
    pid = server.post(path, {"action": "pid"}).json
    assert server.post(path, {"action": "large", "size": 3_000_000}).json["code"] == "INVALID_OUTPUT"
    assert server.post(path, {"action": "pid"}).json == pid


@pytest.mark.parametrize("runtime", pool_json())
def test_background_work_goes_on_after_the_reply(server, available, runtime):
    skip_unless_supported(runtime, "json", "pool", "background", available)
    import time

    name = name_of(runtime, "json", "pool")
    before = len([x for x in server.log_lines(function=name) if x["message"] == "background done"])
    assert server.post(f"/function/{name}", {"action": "background", "ms": 50}).json == "started"
    deadline = time.monotonic() + 10
    while len([x for x in server.log_lines(function=name, tail=20) if x["message"] == "background done"]) <= before:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("runtime", pool_json())
def test_facts_of_the_call(server, available, runtime):
    skip_unless_supported(runtime, "json", "pool", "context-facts", available)
    name = name_of(runtime, "json", "pool")
    reply = server.post(f"/function/{name}", {"action": "context"}, headers={"x-call-id": "my-own-id"})
    assert reply.headers["x-call-id"] == "my-own-id"
    assert reply.json["call_id"] == "my-own-id" and reply.json["function"] == name and reply.json["auth"] is None
    remaining = server.post(f"/function/{name}", {"action": "remaining"}).json
    assert 15_000 < remaining <= 20_000


@pytest.mark.parametrize("runtime", pool_context())
def test_a_long_log_line_is_cut(server, available, runtime):
    skip_unless_supported(runtime, "context", "pool", "log-is-cut", available)
    reply = server.request("POST", f"/function/{name_of(runtime, 'context', 'pool')}", b"", {"x-action": "longlog"})
    lines = server.log_lines(call=reply.headers["x-call-id"])
    assert len(lines) == 1 and lines[0]["message"].startswith("x" * 8000) and len(lines[0]["message"]) < 8100


@pytest.mark.parametrize("runtime", pool_json())
def test_a_deadline_cancels_the_call(server, available, runtime):
    skip_unless_supported(runtime, "json", "pool", "cancelled", available)
    name = name_of(runtime, "json", "pool") + "-short"
    reply = server.post(f"/function/{name}", {"action": "cancelled"})
    assert reply.status == 504 and reply.json["code"] == "FUNCTION_TIMEOUT"
    import time

    deadline = time.monotonic() + 5
    while "cancelled seen" not in [x["message"] for x in server.log_lines(function=name)]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("runtime", pool_json())
def test_a_call_of_a_call_inherits_who_calls_and_names_its_parent(server, available, runtime):
    skip_unless_supported(runtime, "json", "pool", "call", available)
    name, other = name_of(runtime, "json", "pool"), name_of(runtime, "json", "pool") + "-other"
    outer = server.post(f"/function/{name}", {"action": "pass", "function": other, "input": {"action": "context"}})
    assert outer.json["function"] == other and outer.json["call_id"] != outer.headers["x-call-id"]
    line, = [x for x in server.log_lines(call=outer.json["call_id"]) if x["stream"] == "host"]
    assert line["message"] == f"called by {name}" and line["fields"] == {"parent": outer.headers["x-call-id"], "depth": 1}
    left = server.post(f"/function/{name}-short", {"action": "pass", "function": other, "input": {"action": "remaining"}}).json
    assert 0 < left <= 1000


@pytest.mark.parametrize("runtime", pool_json())
def test_calls_in_a_circle_end(server, available, runtime):
    skip_unless_supported(runtime, "json", "pool", "call", available)
    other = name_of(runtime, "json", "pool") + "-wide-circle"
    asked = {"action": "echo", "value": "deep"}
    for _ in range(9):
        asked = {"action": "pass", "function": other, "input": asked}
    folder = server.folder / other
    shutil.copytree(server.folder / name_of(runtime, "json", "pool"), folder)
    manifest = yaml.safe_load((folder / "trivet.yaml").read_text())
    (folder / "trivet.yaml").write_text(yaml.safe_dump({**manifest, "scale": {"max": 10}}))
    server.post("/api/functions/reload", {})
    assert server.post(f"/function/{other}", asked["input"]).json == "deep"  # 8 deep
    reply = server.post(f"/function/{other}", asked)
    shutil.rmtree(folder)
    assert reply.status == 508 and reply.json["code"] == "LOOP_DETECTED" and "8 nested calls" in reply.json["detail"]
