"""What manifests and the operator say about confinement: which functions start, and where each weakening is shown."""
import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server, binary  # noqa: E402

PYTHON = "def handler(input, ctx):\n    return 1\n"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def function(root, name, manifest=""):
    write(root / name / "main.py", PYTHON)
    write(root / name / "trivet.yaml", "runtime: python\n" + manifest)


def trivet(*args, cwd, **environment):
    return subprocess.run([binary(), *map(str, args)], cwd=cwd, env={**os.environ, "HOME": str(cwd), **environment}, capture_output=True, text=True, timeout=60)


def sandbox_of(server, name):
    return server.get("/v1/functions/" + name).json["sandbox"]


def test_every_weakening_is_shown_and_logged_once(tmp_path):
    inside = tmp_path / "inside"
    write(inside / "x", "")
    functions = tmp_path / "functions"
    function(functions, "plain")
    function(functions, "open", f"sandbox: {{net: [api.example.com:443], read: [{inside}]}}\nlimits: {{memory: none, cpu: 150%, pids: 9}}\n")
    with Server(functions) as server:
        assert sandbox_of(server, "plain") == {
            "level": "sandbox", "weakened": [],
            "limits": {"memory": "512MiB", "cpu": None, "pids": 256, "files": 1024, "disk": "512MiB", "logs_per_second": "1MiB"}}
        shown = sandbox_of(server, "open")
        assert shown["weakened"] == [{"what": what, "by": "manifest"} for what in ("net api.example.com:443", f"read {inside}", "memory none")]
        assert shown["limits"]["memory"] is None and shown["limits"]["cpu"] == 1.5 and shown["limits"]["pids"] == 9
        said = [line["message"] for line in server.log_lines(function="open")]
        assert said == [f"its manifest weakens the sandbox: net api.example.com:443, read {inside}, memory none"]
        assert server.log_lines(function="plain") == []
        assert "open: sandbox weakened: memory none" in server.stderr() and "plain" not in server.stderr()
        server.post("/api/functions/reload", {})
        assert len(server.log_lines(function="open")) == 1
        function(functions, "open", "limits: {pids: none}\n")
        server.post("/api/functions/reload", {})
        assert [line["message"] for line in server.log_lines(function="open")][1:2] == ["its manifest weakens the sandbox: pids none"]
        table = trivet("describe", "open", "--server", "unix:" + server.socket, cwd=tmp_path).stdout
        assert "pids none, by the manifest" in table


@pytest.mark.parametrize("level", ["trusted", "process"])
def test_the_operators_level_is_for_those_that_name_none(tmp_path, level):
    function(tmp_path, "plain")
    function(tmp_path, "own", "sandbox: {level: sandbox}\n")
    function(tmp_path, "less", "sandbox: {level: trusted}\n")
    with Server(tmp_path, "--sandbox", level) as server:
        shown = sandbox_of(server, "plain")
        assert (shown["level"], shown["weakened"]) == (level, [{"what": f"level {level}", "by": "operator"}])
        assert sandbox_of(server, "own")["level"] == "sandbox" and sandbox_of(server, "own")["weakened"] == []
        assert any(f"run at level {level}" in line["message"] for line in server.log_lines())
        assert f"functions that name no sandbox level run at level {level}" in server.stderr()
        if level == "trusted":
            assert sandbox_of(server, "less")["weakened"] == [{"what": "level trusted", "by": "manifest"}]
        else:
            refused = server.post("/function/less", {}).json
            assert "none below process" in refused["detail"] and "--sandbox trusted" in refused["hint"], refused


def test_a_function_below_the_floor_does_not_start(tmp_path):
    function(tmp_path, "less", "sandbox: {level: process}\n")
    with Server(tmp_path) as server:
        refused = server.post("/function/less", {})
        assert refused.status == 503 and refused.json["code"] == "INVALID_MANIFEST", refused.text
        assert "asks for sandbox level process" in refused.json["detail"] and "sandbox: {level: sandbox}" in refused.json["hint"]
        assert "no sandbox level run at" not in server.stderr()


def test_flag_then_variable_then_files(tmp_path):
    function(tmp_path, "f")

    def level(*flags, **environment):
        shown = json.loads(trivet("config", "show", "--origin", "--output", "json", *flags, cwd=tmp_path, XDG_CONFIG_HOME=str(tmp_path / "config"), **environment).stdout)["sandbox"]
        return shown["value"], shown["origin"]

    assert level() == ("sandbox", "default")
    write(tmp_path / "config/trivet/config.toml", 'sandbox = "process"\n')
    assert level() == ("process", str(tmp_path / "config/trivet/config.toml"))
    assert level(TRIVET_SANDBOX="strict") == ("strict", "TRIVET_SANDBOX")
    assert level("--sandbox", "trusted", TRIVET_SANDBOX="strict") == ("trusted", "flag")
    described = json.loads(trivet("describe", "f", "--server", "none", "--output", "json", cwd=tmp_path, XDG_CONFIG_HOME=str(tmp_path / "config")).stdout)
    assert described["sandbox"]["level"] == "process"


def test_a_project_may_not_weaken_itself(tmp_path):
    function(tmp_path, "f")
    write(tmp_path / "trivet.toml", 'sandbox = "trusted"\n')
    out = trivet("ls", "--server", "none", cwd=tmp_path)
    assert out.returncode == 7 and "may not be set by a project" in out.stderr, out


@pytest.mark.parametrize("flags, environment, file", [(["--sandbox", "sandbx"], {}, ""), ([], {"TRIVET_SANDBOX": "none"}, ""), ([], {}, 'sandbox = "off"\n')])
def test_an_unknown_level_is_refused(tmp_path, flags, environment, file):
    function(tmp_path, "f")
    write(tmp_path / "config/trivet/config.toml", file)
    out = trivet("ls", "--server", "none", *flags, cwd=tmp_path, XDG_CONFIG_HOME=str(tmp_path / "config"), **environment)
    assert out.returncode in (2, 7) and "sandbox" in out.stderr and "trusted" in out.stderr, out


FLOOD = """import sys
def handler(input, ctx):
    for i in range(input["lines"]):
        if input["how"] == "log":
            ctx.log.info("x" * 90)
        else:
            print("x" * 90, file=sys.stderr if input["how"] == "stderr" else sys.stdout)
    return input["lines"]
"""


@pytest.mark.parametrize("how", ["stdout", "stderr", "log"])
def test_a_flood_of_log_lines_is_cut_and_counted(tmp_path, how):
    write(tmp_path / "flood/main.py", FLOOD)
    write(tmp_path / "flood/trivet.yaml", "runtime: python\nlimits: {logs: 4KiB, timeout: 60s}\n")
    with Server(tmp_path) as server:
        assert server.post("/function/flood", {"how": how, "lines": 50_000}).json == 50_000
        deadline = time.monotonic() + 20
        dropped = 0
        while time.monotonic() < deadline and dropped + 400 < 50_000:
            lines = server.log_lines(function="flood")
            notices = [line for line in lines if line["message"].endswith("lines dropped: over limits.logs")]
            dropped = sum(int(line["message"].split()[0]) for line in notices)
            time.sleep(0.2)
        kept = [line for line in lines if line["message"].startswith("xxx")]
        assert len(kept) + dropped == 50_000
        assert 100 <= len(kept) <= 400, len(kept)  # 16 KiB at once, at 154 bytes a line, and 4 KiB a second
        assert len(notices) <= 10 and all(line["level"] == "warn" and line["stream"] == "host" for line in notices)
        assert f'trivet_log_lines_over_limit_total{{function="flood"}} {dropped}' in server.get("/metrics").text
        assert server.get("/v1/stats").json["log_lines_over_limit"] == dropped


def test_without_a_limit_every_line_is_kept(tmp_path):
    write(tmp_path / "flood/main.py", FLOOD)
    write(tmp_path / "flood/trivet.yaml", "runtime: python\nlimits: {logs: none}\n")
    with Server(tmp_path) as server:
        server.post("/function/flood", {"how": "stdout", "lines": 40_000})
        assert len([line for line in server.log_lines(function="flood") if line["message"].startswith("xxx")]) == 40_000
