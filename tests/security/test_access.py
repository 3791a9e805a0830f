"""Who may call what: access tokens, their scopes, Unix sockets, and what the log says of it."""
import http.client
import json
import os
import pathlib
import pwd
import socket
import subprocess
import sys
import tempfile
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Reply, Server, binary  # noqa: E402

ECHO = "def handler(input, ctx):\n    return input\n"
CONTEXT = "import json\ndef main(context):\n    return context.res.text(json.dumps(dict(context.req.headers)))\n"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def functions(root):
    write(root / "f.py", ECHO)
    write(root / "g.py", ECHO)
    for name, auth in (("hook", ", auth: none"), ("closed", "")):
        write(root / name / "trivet.yaml", f"runtime: python\nentrypoint: main.py\ninterface: context\ntriggers:\n  - http: {{route: /at-{name}{auth}}}\n")
        write(root / name / "main.py", CONTEXT)


def trivet(*args):
    return subprocess.run([binary(), *args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def new_token(data, *flags):
    done = trivet("token", "new", "--data", str(data), "--quiet", *flags)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def bearer(token):
    return {"authorization": "Bearer " + token}


def other_address():
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return None


@pytest.fixture(scope="module")
def guarded():
    """A server on a network address (all of them, where there is no other), with a token for each scope."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        functions(root / "f")
        scopes = ("admin", "read", "invoke", "invoke:f", "invoke:hook", "read,invoke:g")
        tokens = {scope: new_token(root / "data", "--scope", scope, "--name", scope) for scope in scopes}
        with Server(root / "f", "--data", str(root / "data"), tcp=other_address() or "0.0.0.0") as server:
            server.tokens = tokens
            yield server


def every_route(server):
    """(method, path, scope) of each operation that openapi.json has, with a function f in place of names."""
    api = server.get("/openapi.json", headers=bearer(server.tokens["admin"])).json
    for path, operations in api["paths"].items():
        for method, operation in operations.items():
            if method in ("get", "head", "post", "put", "patch", "delete", "options"):
                yield method.upper(), path.replace("{name}", "f").replace("{path}", "more"), operation["x-trivet-scope"].replace("NAME", "f")


def may(scopes, needed):
    kinds = scopes.split(",")
    return needed in ("none", "any", *kinds) or "admin" in kinds or (needed.startswith("invoke:") and "invoke" in kinds)


def test_every_route_is_closed_without_a_token_and_to_the_wrong_scope(guarded):
    routes = list(every_route(guarded))
    assert len(routes) > 25 and {scope for _, _, scope in routes} == {"none", "any", "read", "invoke:f", "admin"}
    for method, path, needed in routes:
        body = b"{}" if method in ("POST", "PUT", "PATCH") else None
        path += "?follow=0" if path == "/v1/logs" else ""
        for headers in ({}, bearer("nonsense"), bearer(""), {"authorization": "Basic " + guarded.tokens["admin"]}):
            status = guarded.request(method, path, body, headers).status
            assert (status not in (401, 403)) if needed == "none" else status == 401, (method, path, headers)
        for scopes, token in guarded.tokens.items():
            if scopes == "admin" and (method, needed) == ("DELETE", "admin"):
                continue  # it would be done
            status = guarded.request(method, path, body, bearer(token)).status
            assert (status in (401, 403)) != may(scopes, needed), (method, path, needed, scopes, status)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
@pytest.mark.parametrize("path", ["/v1/new-route", "/v1/", "/nowhere", "/async-function/f", "/api/functions/f/x", "/api", "/v1/secretsx", "//v1/secrets", "/V1/secrets", "/at-closed",
                                  "/function/", "/function", "/v1/tokens/", "/healthz/", "/readyzz", "/metrics/x"])
def test_what_is_no_route_tells_nothing_without_a_token(guarded, method, path):
    assert guarded.request(method, path).status == 401


def test_no_read_scope_changes_anything(guarded):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for path in ("/v1/secrets/A", "/v1/tokens", "/v1/functions", "/v1/anything", "/api/functions/reload", "/v1/tokens/x"):
            assert guarded.request(method, path, b"{}", bearer(guarded.tokens["read"])).status == 403, (method, path)
    assert guarded.get("/v1/tokens", headers=bearer(guarded.tokens["read"])).status == 403


def test_a_token_for_one_function_calls_no_other(guarded):
    token = bearer(guarded.tokens["invoke:f"])
    assert guarded.post("/function/f", {"a": 1}, headers=token).json == {"a": 1}
    assert guarded.post("/api/functions/f", {"a": 1}, headers=token).json["success"] is True
    for path in ("/function/g", "/function/f%2e%2e", "/function/F", "/function/nope", "/api/functions/g", "/async-function/g", "/at-closed"):
        assert guarded.post(path, {}, headers=token).status == 403, path


def test_a_public_route_needs_no_token_and_keeps_its_headers(guarded):
    reply = guarded.get("/at-hook", headers={"authorization": "Bearer of-the-hook"})
    assert reply.status == 200 and reply.json["authorization"] == "Bearer of-the-hook"
    assert guarded.get("/at-hook").status == 200
    assert guarded.get("/function/hook").status == 401  # only the route is public
    seen = guarded.get("/function/hook", headers=bearer(guarded.tokens["invoke:hook"]))
    assert seen.status == 200 and "authorization" not in seen.json  # the server's own token stays with it


def test_refusals_and_changes_are_written_down(guarded):
    admin = bearer(guarded.tokens["admin"])
    guarded.get("/v1/stats", headers={"x-call-id": "refused-one"})
    guarded.post("/function/g", {}, headers={**bearer(guarded.tokens["invoke:f"]), "x-call-id": "refused-two"})
    guarded.request("PUT", "/v1/secrets/AUDITED", b"value-of-it", {**admin, "x-call-id": "let-in"})
    lines = {}
    text = guarded.get("/v1/logs?follow=0", headers=admin).text
    for line in text.splitlines():
        if line.startswith("data: ") and "audit" in line:
            row = json.loads(line[6:])
            lines[row["call_id"]] = row
    assert lines["let-in"]["level"] == "info" and "PUT /v1/secrets/AUDITED by token admin" in lines["let-in"]["message"]
    assert lines["let-in"]["fields"] == {"audit": "admin", "who": "token admin"}
    if "refused-one" in lines:  # of many in one second only some are told
        assert lines["refused-one"]["fields"]["status"] == 401 and lines["refused-one"]["level"] == "warn"
    if "refused-two" in lines:
        assert lines["refused-two"]["fields"]["status"] == 403 and "token invoke:f" in lines["refused-two"]["message"]
    assert "value-of-it" not in text and not any(token in text for token in guarded.tokens.values())


def test_a_network_address_needs_a_token_to_be_made_first(tmp_path):
    functions(tmp_path / "f")
    data = str(tmp_path / "data")
    for address in ("0.0.0.0:0", "[::]:0", *([other_address() + ":0"] if other_address() else [])):
        refused = trivet("serve", str(tmp_path / "f"), "--listen", address, "--data", data)
        assert refused.returncode == 5 and f"trivet token new --scope admin --data {data}" in refused.stderr, refused.stderr
    assert trivet("token", "new", "--data", data, "--scope", "admin", "--expires", "1us").returncode == 0  # has expired
    assert trivet("serve", str(tmp_path / "f"), "--listen", "0.0.0.0:0", "--data", data).returncode == 5
    with Server(tmp_path / "f", "--insecure-no-auth", tcp=other_address() or "0.0.0.0") as server:
        assert server.post("/function/f", {}).status == 200
        assert any("weakened by the operator" in line["message"] and line["level"] == "warn" for line in server.log_lines())


def test_loopback_asks_only_when_it_is_told_to(tmp_path):
    functions(tmp_path / "f")
    data = str(tmp_path / "data")
    token = new_token(data, "--scope", "invoke:f")
    with Server(tmp_path / "f", "--data", data, tcp="127.0.0.1") as server:
        assert server.get("/v1/functions").status == 200  # a token that exists closes nothing here
        assert server.get("/function/hook", headers=bearer("x")).json["authorization"] == "Bearer x"
    with Server(tmp_path / "f", "--data", data, "--require-token", tcp="127.0.0.1") as server:
        assert server.get("/v1/functions").status == 401 and server.get("/healthz").status == 200
        assert server.post("/function/f", {}, headers=bearer(token)).status == 200
        assert server.post("/function/f", {}, headers={**bearer(token), "host": "api.example", "origin": "http://shop.example"}).status == 200


def test_tokens_are_made_listed_removed_and_expire(tmp_path):
    functions(tmp_path / "f")
    data = str(tmp_path / "data")
    admin = new_token(data, "--scope", "admin")
    with Server(tmp_path / "f", "--data", data, "--require-token", tcp="127.0.0.1") as server:
        at = ["--server", f"http://127.0.0.1:{server.port}", "--token", admin]
        made = json.loads(trivet("token", "new", "--scope", "read", "--name", "ci", "--expires", "2s", "--output", "json", *at).stdout)
        assert server.get("/v1/stats", headers=bearer(made["token"])).status == 200
        listed = trivet("token", "ls", *at).stdout
        assert "ci" in listed and "read" in listed and made["token"] not in listed and made["token"].split("_")[2] not in pathlib.Path(data, "vault/tokens").read_text()
        deadline = time.monotonic() + 20
        while server.get("/v1/stats", headers=bearer(made["token"])).status == 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        other = new_token(data, "--scope", "read", "--name", "other")  # in the folder: the server hears of it
        while server.get("/v1/stats", headers=bearer(other)).status != 200:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert trivet("token", "rm", "other", *at).returncode == 0
        assert server.get("/v1/stats", headers=bearer(other)).status == 401
        assert trivet("token", "rm", "other", *at).returncode == 4
        refused = trivet("token", "ls", "--server", f"http://127.0.0.1:{server.port}")
        assert refused.returncode == 5 and "TRIVET_TOKEN" in refused.stderr
        for order in (b"{}", b"[]", b'{"scope":"all"}', b'{"scope":"read","expires":"soon"}', b'{"scope":"read","more":"x"}', b'{"scope":"read","expires":"-1s"}', b'{"scope":1}'):
            assert server.request("POST", "/v1/tokens", order, bearer(admin)).status in (400, 422), order


ASK = """import os, socket, sys
uid, gid, groups, path, request = int(sys.argv[1]), int(sys.argv[2]), [int(g) for g in sys.argv[3].split(",") if g], sys.argv[4], sys.argv[5]
os.setgroups(groups); os.setgid(gid); os.setuid(uid)
s = socket.socket(socket.AF_UNIX); s.connect(path)
s.sendall(request.encode().replace(b"|", b"\\r\\n")); print(s.recv(100).split()[1].decode())
"""


def ask_as(server, uid, request, gid=None, groups=""):
    """The status that another user gets on the Unix socket; what stopped it otherwise."""
    done = subprocess.run([sys.executable, "-c", ASK, str(uid), str(gid or uid), groups, server.socket, request + "|Host: x|Connection: close||"],
                          capture_output=True, text=True, timeout=30, cwd="/")
    return int(done.stdout) if done.returncode == 0 else done.stderr.strip().rsplit("\n", 1)[-1].split(":")[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_a_unix_socket_knows_its_peer(tmp_path):
    functions(tmp_path / "f")
    with Server(tmp_path / "f", "--token", "t") as server:
        os.chmod(server.temp.name, 0o755)
        assert server.get("/v1/functions").status == 200  # the own user needs no token
        assert ask_as(server, 60123, "GET /v1/functions HTTP/1.1") == "PermissionError"
        os.chmod(server.socket, 0o666)  # as a service manager may make it
        assert ask_as(server, 60123, "GET /v1/functions HTTP/1.1") == 403
        assert ask_as(server, 60123, "GET /healthz HTTP/1.1") == 200
        assert ask_as(server, 60123, "GET /v1/functions HTTP/1.1|Authorization: Bearer t") == 200
        assert ask_as(server, 60123, "GET /v1/functions HTTP/1.1|Authorization: Bearer x") == 401


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_a_unix_socket_serves_the_group_that_it_was_given(tmp_path):
    functions(tmp_path / "f")
    with Server(tmp_path / "f", "--socket-group", "daemon") as server:
        os.chmod(server.temp.name, 0o755)
        gid = str(pwd.getpwnam("daemon").pw_gid)
        assert os.stat(server.socket).st_mode & 0o777 == 0o660
        assert ask_as(server, 60123, "GET /v1/functions HTTP/1.1") == "PermissionError"
        for groups in ({"groups": gid}, {"gid": int(gid)}):
            assert ask_as(server, 60123, "GET /v1/functions HTTP/1.1", **groups) == 200
            assert ask_as(server, 60123, "GET /v1/tokens HTTP/1.1", **groups) == 403
            assert ask_as(server, 60123, "DELETE /v1/secrets/A HTTP/1.1", **groups) == 403
    refused = trivet("serve", str(tmp_path / "f"), "--data", str(tmp_path / "d"), "--socket-group", "no-such-group")
    assert refused.returncode == 7 and "there is no group" in refused.stderr


def test_pages_of_others_load_nothing_from_here(tmp_path):
    functions(tmp_path)
    with Server(tmp_path, tcp="127.0.0.1") as server:
        def status(method="GET", **headers):
            return server.request(method, "/function/f", b"{}", {name.replace("_", "-"): value for name, value in headers.items()}).status
        for site in ("cross-site", "same-site"):
            for dest in ("image", "script", "iframe", "empty", "style"):
                assert status(sec_fetch_site=site, sec_fetch_dest=dest) == 403, (site, dest)
            assert status(sec_fetch_site=site, sec_fetch_dest="document", sec_fetch_mode="navigate") == 200  # a link
        assert status(sec_fetch_site="same-origin", sec_fetch_dest="empty") == 200
        assert status(sec_fetch_site="none", sec_fetch_dest="document") == 200
        assert status("POST", sec_fetch_site="cross-site", sec_fetch_dest="empty") == 403
