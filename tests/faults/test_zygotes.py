"""Zygotes seen from outside: what their forks find, and who becomes one."""
import subprocess

from server import Server
from test_pools import until


def rows(server, kind, function=""):
    return [row for row in server.get("/v1/workers").json if row["kind"] == kind and row["function"] == function]


def test_a_fork_of_the_zygote_finds_the_packages_of_its_function(tmp_path):
    version = subprocess.run(["/usr/bin/python3", "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"], capture_output=True, text=True)
    packages = tmp_path / "f" / ".venv" / "lib" / version.stdout.strip() / "site-packages"
    packages.mkdir(parents=True)
    (packages / "mine_alone.py").write_text("ANSWER = 42\n")
    deploy_into(tmp_path, "f", "import mine_alone\ndef handler(input, ctx):\n    return mine_alone.ANSWER\n")
    with Server(tmp_path) as server:
        until(lambda: any(row["state"] == "ready" for row in rows(server, "zygote")), 30)
        assert server.post("/function/f", {}).json == 42
        until(lambda: rows(server, "zygote", "f"), 30)


def deploy_into(root, name, body):
    (root / name / "main.py").write_text(body)
    (root / name / "trivet.yaml").write_text("runtime: python\nentrypoint: main.py\n")
