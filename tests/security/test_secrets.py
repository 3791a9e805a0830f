"""Secrets: what functions are given, and where their values must not be seen."""
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server, binary  # noqa: E402

VALUE, OTHER = "sk_live_0123456789", "another-value-42"
PY = """import os, sys
def handler(input, ctx):
    key = ctx.env["KEY"]
    how = input.get("how")
    if how == "log":
        print("out", key); print("err", key, file=sys.stderr); ctx.log.info("log " + key, {"field": key})
    if how == "raise":
        raise ValueError("no good: " + key)
    if how == "crash":
        print("last words", key, file=sys.stderr, flush=True); os._exit(9)
    if how == "where":
        with open("/proc/self/environ") as environ, open("/proc/self/cmdline") as argv:
            return {"environ": key in environ.read(), "argv": key in argv.read()}
    return {"length": len(key), "last": key[-2:], "url": ctx.env.get("URL", "")[-2:]}
"""
STDIO = """import json, os, sys
request = json.load(sys.stdin)
key = os.environ["KEY"]
if request["input"].get("how") == "fail":
    print("no JSON with " + key); print("and " + key, file=sys.stderr); sys.exit(3)
print(json.dumps({"request_id": request["request_id"], "success": True,
                  "output": {"same": request["context"]["env"]["KEY"] == key, "last": key[-2:]}}))
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def functions(root):
    write(root / "pay/trivet.yaml", "runtime: python\nentrypoint: f.py\nsecrets: [KEY]\nenv: {URL: 'pg://${PASSWORD_OF_DB}/x${KEY}'}\n")
    write(root / "pay/f.py", PY)
    write(root / "old/trivet.yaml", "runtime: python\nentrypoint: f.py\ninterface: stdio\nsecrets: [KEY]\n")
    write(root / "old/f.py", STDIO)
    write(root / "plain.py", "def handler(input, ctx):\n    return sorted(ctx.env)\n")


def trivet(*args, value=None):
    return subprocess.run([binary(), *args], input=value, capture_output=True, text=True, timeout=60)


def put(server, name, value, function=None):
    reply = server.request("PUT", f"/v1/secrets/{name}" + (f"?function={function}" if function else ""), value.encode())
    assert reply.status == 200, reply.text
    return reply.json


def everything_said(server):
    """All that people can read: every line of the log, and what the administration shows."""
    pages = [server.get(path).text for path in ("/v1/logs?follow=0", "/v1/functions", "/v1/functions/pay", "/v1/functions/old", "/v1/workers", "/v1/pools", "/v1/secrets",
                                                "/v1/stats", "/api/functions/pay", "/metrics")]
    return "\n".join([*pages, server.stderr()])


def test_a_missing_secret_is_a_problem_until_it_is_set(tmp_path):
    functions(tmp_path)
    with Server(tmp_path) as server:
        problems = {p["function"]: p for p in server.get("/v1/functions").json["problems"]}
        assert set(problems) == {"pay", "old"} and "needs the secret KEY" in problems["pay"]["message"]
        assert "trivet secret set KEY" in problems["pay"]["hint"] and "needs the secret KEY" in server.stderr()
        reply = server.post("/function/pay", {})
        assert reply.status == 503 and reply.json["code"] == "INVALID_MANIFEST" and "trivet secret set KEY" in reply.json["hint"]
        assert server.post("/function/plain", {}).json == []
        put(server, "KEY", VALUE)
        refused = server.post("/function/pay", {}).json
        assert "PASSWORD_OF_DB is not set" in refused["detail"] and "trivet secret set PASSWORD_OF_DB" in refused["hint"]
        put(server, "PASSWORD_OF_DB", "hunter2-hunter2")
        assert server.post("/function/pay", {}).json == {"length": len(VALUE), "last": "89", "url": "89"}
        assert server.get("/v1/functions").json["problems"] == []


def test_values_are_write_only(tmp_path):
    functions(tmp_path)
    with Server(tmp_path) as server:
        made = put(server, "KEY", VALUE)
        assert made["key_made"].endswith("vault/secrets.key") and "key_made" not in put(server, "KEY", OTHER, "pay")
        listed = server.get("/v1/secrets").json["secrets"]
        assert [(row["name"], row["function"]) for row in listed] == [("KEY", None), ("KEY", "pay")] and all(row["updated_ms"] > 0 for row in listed)
        refused = server.get("/v1/secrets/KEY")
        assert refused.status == 405 and refused.headers["allow"] == "PUT, DELETE"
        for name, value, status in (("1KEY", b"x", 422), ("KEY", b"", 422), ("KEY", b"\xff", 422), ("KEY", b"x" * 65537, 413), ("a/b", b"x", 404), ("", b"x", 404)):
            assert server.request("PUT", "/v1/secrets/" + name, value).status == status, (name, value)
        assert VALUE not in everything_said(server) and OTHER not in everything_said(server)
        assert server.request("DELETE", "/v1/secrets/KEY?function=pay").status == 204
        assert server.request("DELETE", "/v1/secrets/KEY?function=pay").status == 404
        assert len(server.get("/v1/secrets").json["secrets"]) == 1
        for folder, _, files in os.walk(server.data):
            for file in files:
                assert VALUE.encode() not in pathlib.Path(folder, file).read_bytes(), file


def test_no_value_is_seen_where_people_read(tmp_path):
    functions(tmp_path)
    with Server(tmp_path) as server:
        put(server, "KEY", VALUE)
        put(server, "PASSWORD_OF_DB", "hunter2-hunter2")
        assert server.post("/function/pay", {"how": "log"}).status == 200
        replies = [server.post("/function/pay", {"how": how}).text for how in ("raise", "crash")]
        replies.append(server.post("/function/old", {"how": "fail"}).text)
        replies.append(server.post("/api/functions/old", {"how": "fail"}).text)
        for reply in replies:
            assert VALUE not in reply and "[secret KEY]" in reply, reply
        said = everything_said(server)
        assert VALUE not in said and "hunter2" not in said
        lines = server.log_lines(function="pay")
        for message in ("out [secret KEY]", "err [secret KEY]", "log [secret KEY]"):
            assert [line for line in lines if line["message"] == message], (message, lines)
        assert [line for line in lines if line.get("fields") == {"field": "[secret KEY]"}]


def test_a_framed_worker_has_it_neither_in_argv_nor_in_its_environment(tmp_path):
    functions(tmp_path)
    with Server(tmp_path) as server:
        put(server, "KEY", VALUE)
        put(server, "PASSWORD_OF_DB", "hunter2-hunter2")
        for _ in range(3):
            assert server.post("/function/pay", {"how": "where"}).json == {"environ": False, "argv": False}
        for pid in [row["pid"] for row in server.get("/v1/workers").json] + [server.process.pid]:
            for file in ("environ", "cmdline"):
                assert VALUE.encode() not in pathlib.Path(f"/proc/{pid}/{file}").read_bytes(), (pid, file)


def test_a_program_has_it_in_its_environment_and_its_request(tmp_path):
    functions(tmp_path)
    with Server(tmp_path) as server:
        put(server, "KEY", VALUE)
        put(server, "KEY", OTHER, "old")
        assert server.post("/function/old", {}).json == {"same": True, "last": "42"}
        assert server.post("/function/plain", {}).json == []


def test_a_changed_secret_makes_new_workers_and_loses_no_call(tmp_path):
    functions(tmp_path)
    with Server(tmp_path) as server:
        put(server, "PASSWORD_OF_DB", "hunter2-hunter2")
        put(server, "KEY", VALUE)
        assert server.post("/function/pay", {}).json["last"] == "89"
        seen, failed, stop = set(), [], threading.Event()

        def call():
            while not stop.is_set():
                reply = server.post("/function/pay", {})
                if reply.status == 200:
                    seen.add(reply.json["last"])
                else:
                    failed.append(reply.text)

        callers = [threading.Thread(target=call) for _ in range(4)]
        for caller in callers:
            caller.start()
        for value in ("0123456701", "0123456702", "0123456703"):
            put(server, "KEY", value)
            assert server.post("/function/pay", {}).json["last"] == value[-2:]
        stop.set()
        for caller in callers:
            caller.join()
        assert failed == [] and seen >= {"03"}


def test_secrets_outlive_the_server_and_need_their_key(tmp_path):
    functions(tmp_path / "f")
    data = str(tmp_path / "data")
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    with Server(tmp_path / "f", "--data", data, "--secrets-key", str(key)) as server:
        put(server, "KEY", VALUE)
        put(server, "PASSWORD_OF_DB", "hunter2-hunter2")
    assert not (tmp_path / "data/vault/secrets.key").exists()
    with Server(tmp_path / "f", "--data", data, "--secrets-key", str(key)) as server:
        assert server.post("/function/pay", {}).json["last"] == "89"
    key.write_text("cd" * 32)
    with Server(tmp_path / "f", "--data", data, "--secrets-key", str(key)) as server:
        assert "another key" in server.post("/function/pay", {}).json["detail"]
        refused = server.request("PUT", "/v1/secrets/KEY", b"overwritten")
        assert refused.status == 422 and "another key" in refused.json["detail"]
        assert server.post("/function/plain", {}).status == 200
    key.write_text("ab" * 32)
    with Server(tmp_path / "f", "--data", data, env={"TRIVET_SECRETS_KEY": str(key)}) as server:
        assert server.post("/function/pay", {}).json["last"] == "89"


def test_the_command_reads_stdin_and_works_with_and_without_a_server(tmp_path):
    functions(tmp_path / "f")
    data = str(tmp_path / "data")
    at = ["--data", data]
    made = trivet("secret", "set", "KEY", *at, value=VALUE + "\n")
    assert made.returncode == 0 and "key for the secrets was made" in made.stderr and made.stdout == "", made.stderr
    assert trivet("secret", "set", "PASSWORD_OF_DB", *at, value="hunter2-hunter2").returncode == 0
    with Server(tmp_path / "f", "--data", data) as server:
        assert server.post("/function/pay", {}).json == {"length": len(VALUE), "last": "89", "url": "89"}
        assert trivet("secret", "set", "KEY", *at, value=OTHER).returncode == 0  # the server hears of it
        deadline = time.monotonic() + 20
        while server.post("/function/pay", {}).json["last"] != "42":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        to_server = ["--server", "unix:" + server.socket]
        assert trivet("secret", "set", "KEY", "--function", "pay", "--exact", *to_server, value=VALUE + "\n").returncode == 0
        assert server.post("/function/pay", {}).json["length"] == len(VALUE) + 1
        listed = trivet("secret", "ls", *to_server)
        assert "KEY" in listed.stdout and "pay" in listed.stdout and VALUE not in listed.stdout
        assert {row["name"] for row in json.loads(trivet("secret", "ls", "--output", "json", *to_server).stdout)} == {"KEY", "PASSWORD_OF_DB"}
        assert trivet("secret", "rm", "KEY", "--function", "pay", *to_server).returncode == 0
        assert trivet("secret", "rm", "KEY", "--function", "pay", *to_server).returncode == 4
        assert server.post("/function/pay", {}).json["last"] == "42"


def test_what_is_typed_is_not_shown(tmp_path):
    master, slave = os.openpty()
    command = subprocess.Popen([binary(), "secret", "set", "KEY", "--data", str(tmp_path)], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while b"not shown" not in shown:
        shown += os.read(master, 1000)
    os.write(master, VALUE.encode() + b"\n")
    try:
        while piece := os.read(master, 1000):
            shown += piece
    except OSError:  # the other end is closed
        pass
    assert command.wait(20) == 0 and VALUE.encode() not in shown
    os.close(master)
    assert json.loads(trivet("secret", "ls", "--data", str(tmp_path), "--output", "json").stdout)[0]["name"] == "KEY"


@pytest.mark.parametrize("manifest,says", [("secrets: [A-B]", "is not a name for a secret"), ("secrets: [A]\nenv: {A: x}", "in env as well as in secrets")])
def test_manifests_with_secrets_are_checked(tmp_path, manifest, says):
    write(tmp_path / "f/trivet.yaml", "runtime: python\nentrypoint: f.py\n" + manifest + "\n")
    write(tmp_path / "f/f.py", PY)
    with Server(tmp_path) as server:
        assert says in server.get("/v1/functions").json["problems"][0]["message"]
