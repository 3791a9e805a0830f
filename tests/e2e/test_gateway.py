"""What the HTTP gateway promises of every reply, whatever it is about: ids, timing, problems, who may call, and that /openapi.json is true."""
import http.client
import json
import pathlib
import socket
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Reply, Server  # noqa: E402

CONTEXT = """import json
def main(context):
    asked = context.req.body_json if context.req.body_text else {}
    return context.res.text(json.dumps(dict(context.req.headers)), asked.get("status", 200), asked.get("headers", {}))
"""
RAISES = "def handler(input, ctx):\n    raise TypeError('not so')\n"
ECHO = "def handler(input, ctx):\n    return input\n"
STDIO = """import json, os, sys
request = json.load(sys.stdin)
how = request["input"].get("how")
if how == "exit":
    print("half an answer")
    print("boom on stderr", file=sys.stderr)
    sys.exit(9)
if how == "garbage":
    print("this is no JSON")
    print("boom on stderr", file=sys.stderr)
    sys.exit(0)
if how == "own":
    print(json.dumps({"success": False, "error": {"code": "MINE", "message": "no", "details": {"field": "x"}}}))
    sys.exit(0)
print(json.dumps({"request_id": request["request_id"], "success": True, "output": request["input"]}))
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def context_function(root, name="seen"):
    write(root / name / "trivet.yaml", "runtime: python\nentrypoint: main.py\ninterface: context\n")
    write(root / name / "main.py", CONTEXT)


def alyx_function(root):
    write(root / "old/manifest.yaml", "name: old\nruntime: python\nentrypoint: main.py\nenv: {SECRET_KEY: hunter2}\n")
    write(root / "old/main.py", STDIO)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def over_tcp(port, method, path, headers, body=None):
    """A request with exactly these headers, besides Content-Length."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        reply = connection.getresponse()
        return Reply(reply.status, reply.headers, reply.read())
    finally:
        connection.close()


def members(reply):
    """The JSON's members; one that stands twice is an error."""
    def once(pairs):
        assert len({key for key, _ in pairs}) == len(pairs), pairs
        return dict(pairs)
    return json.loads(reply.body, object_pairs_hook=once)


def test_an_exception_has_its_class_as_error_type(tmp_path):
    write(tmp_path / "f.py", RAISES)
    with Server(tmp_path) as server:
        problem = members(server.post("/function/f", {}))
    assert problem["type"] == "about:blank" and problem["error_type"] == "TypeError" and "not so" in problem["detail"]


def test_the_servers_token_stays_with_the_server(tmp_path):
    context_function(tmp_path)
    headers = {"authorization": "bearer s3cret", "x-other": "kept"}
    with Server(tmp_path, "--token", "s3cret", tcp="127.0.0.1") as server:
        reply = server.get("/function/seen", headers=headers)
        assert reply.status == 200 and "s3cret" not in reply.text and reply.json["x-other"] == "kept"
        for wrong in ("s3cret", "bearer s3cre", "Bearer  s3cret", "basic s3cret", "Bearer", ""):
            assert server.get("/function/seen", headers={"authorization": wrong}).status == 401
    with Server(tmp_path) as server:
        assert server.get("/function/seen", headers=headers).json["authorization"] == "bearer s3cret"


def test_every_reply_has_a_call_id(tmp_path):
    write(tmp_path / "f/trivet.yaml", "runtime: python\nentrypoint: f.py\ntriggers:\n  - http: {route: 'POST /only-post'}\n")
    write(tmp_path / "f/f.py", ECHO)
    alyx_function(tmp_path)
    asked = [("GET", path) for path in ("/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/functions", "/v1/functions/f", "/v1/functions/nope",
                                        "/v1/stats", "/v1/workers", "/v1/nope", "/v1/logs?follow=0", "/v1/logs?tail=x", "/v1/echo", "/nowhere", "/only-post",
                                        "/api/functions", "/api/functions/old", "/api/functions/nope", "/api/functions/stats")]
    asked += [("POST", path) for path in ("/v1/echo", "/v1/functions", "/function/f", "/function/nope", "/api/functions/old", "/api/functions/nope", "/api/functions/reload")]
    asked += [("DELETE", "/api/functions"), ("HEAD", "/healthz")]
    with Server(tmp_path) as server:
        for method, path in asked:
            reply = server.request(method, path, b"{}" if method == "POST" else None, {"x-call-id": "my.id-1"})
            assert reply.headers.get_all("x-call-id") == ["my.id-1"], (method, path)
            if reply.headers["content-type"] == "application/problem+json" and method != "HEAD":
                assert members(reply)["call_id"] == "my.id-1", (method, path)
            chosen = [server.request(method, path, b"{}" if method == "POST" else None, {"x-call-id": "no good"}).headers["x-call-id"] for _ in range(2)]
            assert len(set(chosen)) == 2 and all(len(one) == 36 for one in chosen), (method, path)
    with Server(tmp_path, "--token", "t", tcp="127.0.0.1") as server:
        reply = server.get("/v1/stats", headers={"x-call-id": "mine"})
        assert reply.status == 401 and reply.headers["x-call-id"] == "mine" and reply.headers["www-authenticate"] == "Bearer"


def timings(reply):
    return {part.split(";")[0].strip(): float(part.split("=")[1]) for part in reply.headers["server-timing"].split(",")}


def test_errors_and_alyx_replies_tell_their_timing(tmp_path):
    write(tmp_path / "f/trivet.yaml", "runtime: python\nentrypoint: f.py\nlimits: {payload: 1KiB}\n")
    write(tmp_path / "f/f.py", "import time\ndef handler(input, ctx):\n    time.sleep(0.05)\n    raise TypeError('not so')\n")
    write(tmp_path / "unloadable.py", "import time\ntime.sleep(0.05)\nraise OSError('no')\n")
    alyx_function(tmp_path)
    with Server(tmp_path) as server:
        failed, unloadable = server.post("/function/f", {}), server.post("/function/unloadable", {})
        assert failed.status == 500 and timings(failed)["run"] >= 50
        assert unloadable.json["code"] == "LOAD_FAILED" and timings(unloadable)["start"] >= 50 and timings(unloadable)["run"] == 0
        assert set(timings(server.post("/function/nope", {}))) == {"queue", "start", "run"}
        assert server.request("POST", "/function/f", b"x" * 2000).headers["server-timing"]
        for how in ("", "exit"):
            assert timings(server.post("/api/functions/old", {"how": how}))["run"] > 0


def test_a_function_cannot_forge_our_headers(tmp_path):
    context_function(tmp_path)
    with Server(tmp_path) as server:
        forged = {"x-call-id": "evil", "Server-Timing": "evil", "X-CALL-ID": "evil", "x-fine": "yes"}
        reply = server.post("/function/seen", {"headers": forged}, headers={"x-call-id": "mine"})
    assert reply.headers.get_all("x-call-id") == ["mine"] and reply.headers["x-fine"] == "yes"
    assert len(reply.headers.get_all("server-timing")) == 1 and "evil" not in reply.headers["server-timing"]


def test_statuses_of_functions(tmp_path):
    context_function(tmp_path)
    reasons = {200: "OK", 410: "Gone", 418: "", 451: "Unavailable For Legal Reasons", 511: "Network Authentication Required", 599: ""}
    with Server(tmp_path) as server:
        for status in (999, 0, -1, 100, 101, 600):
            reply = server.post("/function/seen", {"status": status})
            assert reply.status == 502 and reply.json["code"] == "INVALID_OUTPUT" and str(status) in reply.json["detail"], reply.text
        for status, reason in reasons.items():
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(server.socket)
                body = json.dumps({"status": status})
                raw.sendall(f"POST /function/seen HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
                assert raw.makefile("rb").readline() == f"HTTP/1.1 {status} {reason}\r\n".encode()


def test_alyx_errors_say_what_the_function_printed(tmp_path):
    alyx_function(tmp_path)
    with Server(tmp_path) as server:
        ended = server.post("/api/functions/old", {"how": "exit"})
        assert ended.status == 200 and ended.json["success"] is False and ended.json["error"]["code"] == "FUNCTION_CRASHED"
        assert ended.json["error"]["details"] == {"exit_code": 9, "stderr": "boom on stderr\n"}
        garbage = server.post("/api/functions/old", {"how": "garbage"}).json["error"]
        assert garbage["code"] == "INVALID_OUTPUT" and garbage["details"] == {"stdout": "this is no JSON\n", "stderr": "boom on stderr\n"}
        assert server.post("/api/functions/old", {"how": "own"}).json["error"] == {"code": "MINE", "message": "no", "details": {"field": "x"}}


def test_alyx_takes_multipart(tmp_path):
    alyx_function(tmp_path)
    body = ("--sep\r\nContent-Disposition: form-data; name=\"one\"\r\n\r\n1\r\n"
            "--sep\r\nContent-Disposition: form-data; name=\"two\"\r\n\r\na\r\n--sep\r\nContent-Disposition: form-data; name=\"two\"\r\n\r\nb\r\n"
            "--sep\r\nContent-Disposition: form-data; name=\"pic\"; filename=\"p.png\"\r\nContent-Type: image/png\r\n\r\n\x01\x02\r\n--sep--\r\n").encode()
    headers = {"content-type": "multipart/form-data; boundary=sep"}
    with Server(tmp_path) as server:
        reply = server.request("POST", "/api/functions/old", body, headers)
        assert reply.json["output"] == {"one": "1", "two": ["a", "b"], "_files": [
            {"name": "pic", "filename": "p.png", "content_type": "image/png", "size": 2, "data": "AQI="}]}
        for wrong, type in ((body[:-8], headers["content-type"]), (b"", headers["content-type"]), (body, "multipart/form-data")):
            refused = server.request("POST", "/api/functions/old", wrong, {"content-type": type})
            assert refused.status == 400 and refused.json["code"] == "INVALID_MULTIPART", refused.text
        assert server.request("POST", "/api/functions/old", body).json["code"] == "INVALID_JSON"


def test_alyx_shows_no_values_of_env(tmp_path):
    alyx_function(tmp_path)
    with Server(tmp_path) as server:
        for path in ("/api/functions/old", "/v1/functions/old"):
            text = server.get(path).text
            assert "SECRET_KEY" in text and "hunter2" not in text


def test_wrong_methods_are_told_the_right_ones(tmp_path):
    write(tmp_path / "f/trivet.yaml", "runtime: python\nentrypoint: f.py\ntriggers:\n  - http: {route: 'POST,PUT /x'}\n")
    write(tmp_path / "f/f.py", ECHO)
    with Server(tmp_path) as server:
        for method, path, allow in (("DELETE", "/api/functions", "GET, HEAD"), ("POST", "/api/functions", "GET, HEAD"), ("PUT", "/api/functions/f", "GET, HEAD, POST"),
                                    ("DELETE", "/v1/functions", "GET, HEAD"), ("GET", "/v1/echo", "POST"), ("GET", "/x", "POST, PUT")):
            reply = server.request(method, path)
            assert reply.status == 405 and reply.headers["allow"] == allow and reply.json["code"] == "METHOD_NOT_ALLOWED", (method, path, reply.text)
        assert server.request("HEAD", "/api/functions").status == 200


OUTSIDE = [
    ("schema.yaml", "functions:\n  f: {runtime: python, entrypoint: main.py, path: ../../outside}\n", "schema.yaml:2:51", "path must lie below the project"),
    ("schema.yaml", "functions:\n  f: {runtime: python, entrypoint: main.py, path: /tmp}\n", "schema.yaml:2:51", "path must lie below the project"),
    ("schema.yaml", "functions:\n  f: {runtime: python, path: f, entrypoint: ../../../outside/index.py}\n", "schema.yaml:2:45", "must lie in the function's folder"),
    ("schema.yaml", "functions:\n  f: {runtime: python, path: f, entrypoint: /etc/passwd}\n", "schema.yaml:2:45", "must lie in the function's folder"),
    ("f/manifest.yaml", "name: f\nruntime: python\nentrypoint: ../main.py\n", "manifest.yaml:3:13", "must lie in the function's folder"),
]


@pytest.mark.parametrize("file,manifest,where,says", OUTSIDE)
def test_alyx_manifests_stay_in_their_folder(tmp_path, file, manifest, where, says):
    root = tmp_path / "a/b"
    for folder in (tmp_path / "outside", root, root / "f", root / "functions/f"):
        write(folder / "main.py", STDIO)
        write(folder / "index.py", STDIO)
    write(root / file, manifest)
    with Server(root) as server:
        listed = server.get("/v1/functions").json
        problems = [p for p in listed["problems"] if says in p["message"]]
        assert len(problems) == 1 and where in problems[0]["message"], listed


def test_a_folder_may_have_dots_in_its_name(tmp_path):
    write(tmp_path / "schema.yaml", "functions:\n  f: {runtime: python, entrypoint: a..b.py, path: v1..2}\n")
    write(tmp_path / "v1..2/a..b.py", STDIO)
    with Server(tmp_path) as server:
        assert server.get("/v1/functions").json["problems"] == []


def test_routes_that_match_the_same_request_are_refused(tmp_path):
    routes = {"a": "/same/{a}", "b": "GET /same/{b}", "c": "POST /other/{a}", "d": "GET /other/{b}", "e": "/p/{x}/z", "f": "/{y}/q/z", "g": "/p/q/z"}
    for name, route in routes.items():
        write(tmp_path / name / "trivet.yaml", "runtime: python\nentrypoint: f.py\ntriggers:\n  - http: {route: '%s'}\n" % route)
        write(tmp_path / name / "f.py", ECHO)
    with Server(tmp_path) as server:
        listed = server.get("/v1/functions").json
    assert [f["name"] for f in listed["functions"]] == ["c", "d", "g"]
    said = {p["function"]: p["message"] for p in listed["problems"]}
    assert set(said) == {"a", "b", "e", "f"}
    assert 'the route "GET /same/{a}" is used by a and b' in said["a"] and said["b"]
    assert 'the routes "ANY /p/{x}/z" and "ANY /{y}/q/z" of e and f can match the same request' in said["e"]


def test_a_function_may_have_the_first_page(tmp_path):
    write(tmp_path / "f.py", ECHO)
    with Server(tmp_path) as server:
        assert "trivet serves functions" in server.get("/").text
    write(tmp_path / "f/trivet.yaml", "runtime: python\nentrypoint: main.py\ninterface: context\ntriggers:\n  - http: {route: 'GET /'}\n")
    write(tmp_path / "f/main.py", "def main(context):\n    return context.res.text('mine')\n")
    (tmp_path / "f.py").unlink()
    with Server(tmp_path) as server:
        assert server.get("/").text == "mine" and server.post("/", {}).status == 405


def test_web_pages_of_others_cannot_call(tmp_path):
    write(tmp_path / "f.py", ECHO)
    port = free_port()
    here = f"127.0.0.1:{port}"
    with Server(tmp_path, "--listen", here) as server:
        for host in (here, "127.0.0.1", f"[::1]:{port}", f"localhost:{port}", "app.localhost"):
            assert over_tcp(port, "GET", "/v1/functions", {"Host": host}).status == 200, host
        for host in (f"evil.example:{port}", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example"):
            for path in ("/v1/functions", "/v1/logs?follow=0", "/function/f", "/api/functions", "/healthz", "/"):
                reply = over_tcp(port, "GET", path, {"Host": host})
                assert reply.status == 403 and reply.json["code"] == "FORBIDDEN" and host in reply.json["detail"] and reply.headers["x-call-id"], (host, path)
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "https://" + here):
            for path in ("/function/f", "/api/functions/reload", "/v1/echo"):
                reply = over_tcp(port, "POST", path, {"Host": here, "Origin": origin}, b"{}")
                assert reply.status == 403 and origin in reply.json["detail"], (origin, path)
        assert over_tcp(port, "POST", "/function/f", {"Host": here, "Origin": "http://" + here}, b"{}").status == 200
        assert over_tcp(port, "POST", "/function/f", {"Host": here}, b"{}").status == 200
        assert over_tcp(port, "GET", "/v1/stats", {"Host": here, "Origin": "http://evil.example"}).status == 200
        assert server.post("/function/f", {}, headers={"host": "evil.example", "origin": "http://evil.example"}).status == 200  # a Unix socket
    with Server(tmp_path, "--listen", here, "--token", "t"):
        headers = {"Host": "api.example", "Origin": "http://shop.example", "Authorization": "Bearer t"}
        assert over_tcp(port, "POST", "/function/f", headers, b"{}").status == 200


def test_a_crash_without_stderr_does_not_point_to_it(tmp_path):
    write(tmp_path / "f.py", "import os, sys\ndef handler(input, ctx):\n    if input: print('why', file=sys.stderr, flush=True)\n    os._exit(3)\n")
    with Server(tmp_path) as server:
        silent, loud = server.post("/function/f", False), server.post("/function/f", True)
    assert silent.status == 502 and "stderr" not in silent.json and "below" not in silent.json["hint"]
    assert loud.json["stderr"] == "why\n" and "read stderr below" in loud.json["hint"]


TYPES = {"string": str, "boolean": bool, "object": dict, "array": list, "null": type(None)}


def is_a(value, name):
    if name in ("integer", "number"):
        return not isinstance(value, bool) and isinstance(value, int if name == "integer" else (int, float))
    return isinstance(value, TYPES[name])


def check(api, schema, value, where):
    """As much of JSON Schema as openapi.json uses; nothing else may stand there."""
    known = {"$ref", "type", "properties", "required", "additionalProperties", "items", "enum", "description"}
    assert set(schema) <= known, f"{where}: {set(schema) - known}"
    if "$ref" in schema:
        return check(api, api["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], value, where)
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    assert not kinds or any(is_a(value, kind) for kind in kinds), f"{where}: {value!r} is no {kinds}"
    assert "enum" not in schema or value in schema["enum"], f"{where}: {value!r}"
    if isinstance(value, list):
        for i, item in enumerate(value):
            check(api, schema.get("items", {}), item, f"{where}[{i}]")
    if not isinstance(value, dict):
        return
    assert set(schema.get("required", [])) <= set(value), f"{where}: lacks {set(schema['required']) - set(value)}"
    others = schema.get("additionalProperties", True)
    for key, member in value.items():
        inner = schema.get("properties", {}).get(key, others)
        assert inner is not False, f"{where}: {key} is not described"
        check(api, {} if inner is True else inner, member, f"{where}.{key}")


def described(api, method, path, status):
    """The path that openapi.json has for it, literal ones before those with a name, and the response there."""
    rows = [p for p in api["paths"] if len(p.split("/")) == len(path.split("/")) and all(a == b or a.startswith("{") for a, b in zip(p[1:].split("/"), path[1:].split("/")))]
    row = min(rows, key=lambda p: p.count("{"))
    responses = api["paths"][row][method.lower()]["responses"]
    found = responses.get(str(status)) or responses.get("default")
    assert found, f"{method} {path} {status} is not described"
    return row, found


LIVE = [("GET", "/", None), ("GET", "/healthz", None), ("GET", "/readyz", None), ("GET", "/metrics", None), ("GET", "/openapi.json", None),
        ("GET", "/v1/functions", None), ("GET", "/v1/functions/f", None), ("GET", "/v1/functions/old", None), ("GET", "/v1/functions/nope", None),
        ("PUT", "/v1/secrets/KEY", b"value"), ("GET", "/v1/secrets", None), ("DELETE", "/v1/secrets/KEY", None), ("DELETE", "/v1/secrets/KEY", None), ("PUT", "/v1/secrets/A-B", b"x"),
        ("POST", "/v1/tokens", b'{"scope":"read","name":"ci","expires":"1h"}'), ("POST", "/v1/tokens", b'{"scope":"read"}'), ("POST", "/v1/tokens", b"{}"), ("GET", "/v1/tokens", None),
        ("DELETE", "/v1/tokens/ci", None), ("DELETE", "/v1/tokens/ci", None), ("GET", "/v1/runtimes", None), ("GET", "/v1/workers", None), ("GET", "/v1/workers/memory", None), ("GET", "/v1/pools", None), ("GET", "/v1/stats", None), ("GET", "/v1/doctor", None), ("POST", "/v1/echo", b"x"),
        ("POST", "/function/f", b"{}"), ("PUT", "/function/seen", b"{}"), ("GET", "/function/seen/a", None), ("DELETE", "/function/seen/a", None), ("PATCH", "/function/seen", b"{}"),
        ("OPTIONS", "/function/seen", None), ("HEAD", "/function/seen", None), ("POST", "/function/nope", b"{}"), ("POST", "/function/raises", b"{}"), ("POST", "/function/bad", b"{}"),
        ("GET", "/api/functions", None), ("GET", "/api/functions/old", None), ("GET", "/api/functions/nope", None), ("GET", "/api/functions/stats", None),
        ("POST", "/api/functions/old", b"{}"), ("POST", "/api/functions/old", b'{"how":"exit"}'), ("POST", "/api/functions/old", b'{"how":"own"}'),
        ("POST", "/api/functions/f", b'{"a":1}'), ("POST", "/api/functions/old", b"{"), ("POST", "/api/functions/nope", b"{}"), ("POST", "/api/functions/reload", None)]


def test_openapi_is_true(tmp_path):
    write(tmp_path / "f.py", "def handler(input, ctx):\n    print('printed')\n    ctx.log.info('logged', {'a': 1})\n    return input\n")
    write(tmp_path / "raises.py", RAISES)
    write(tmp_path / "bad/trivet.yaml", "runtim: python\n")
    context_function(tmp_path)
    alyx_function(tmp_path)
    with Server(tmp_path) as server:
        api, hit = server.get("/openapi.json").json, set()
        assert server.post("/function/f", {}).status == 200 and server.post("/function/raises", {}).status == 500
        for method, path, body in LIVE:
            reply = server.request(method, path, body)
            row, found = described(api, method, path, reply.status)
            hit.add(row)
            assert found["headers"]["X-Call-Id"], (method, path)
            if "Server-Timing" in found["headers"]:
                assert reply.headers["server-timing"], (method, path)
            if method == "HEAD" or reply.status == 204:
                continue
            kind = reply.headers["content-type"].split(";")[0]
            content = found["content"].get(kind) or found["content"]["*/*"]
            if content["schema"]:  # {}: whatever the function says
                check(api, content["schema"], reply.json if kind.endswith("json") else reply.text, f"{method} {path}")
        lines = server.log_lines()
        assert {line["stream"] for line in lines} >= {"log", "stdout"}
        for line in lines:
            check(api, {"$ref": "#/components/schemas/LogLine"}, line, "/v1/logs")
        assert set(api["paths"]) == hit | {"/v1/logs"}
