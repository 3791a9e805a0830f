"""`trivet serve --user NAME`: what the server gives up when root has started it."""
import os
import pathlib
import pwd
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server, binary  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who has something to give up")
USER = "nobody"
ECHO = "import os\ndef handler(input, ctx):\n    if input == 'die': os._exit(3)\n    return input\n"


def trivet(*args, value=None):
    return subprocess.run([binary(), *args], input=value, capture_output=True, text=True, timeout=60)


def threads(pid):
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        yield dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)


@pytest.fixture
def served(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    for name in ("f", "g"):
        (folder / f"{name}.py").write_text(ECHO)
    for path in (tmp_path, *tmp_path.parents):
        if path != pathlib.Path("/") and path.stat().st_uid == 0 and path.stat().st_mode & 0o005 != 0o005:
            path.chmod(path.stat().st_mode | 0o011)  # to pass, for the server's user
    tmp_path.chmod(0o755)
    with Server(folder, "--user", USER, "--shards", "2", "--data", str(tmp_path / "data"), "--watch") as server:
        yield server


def test_every_thread_is_the_user_and_has_no_capability(served):
    assert served.post("/function/f", 1).json == 1
    nobody = str(pwd.getpwnam(USER).pw_uid)
    seen = list(threads(served.process.pid))
    assert len(seen) >= 2
    for row in seen:
        assert row["Uid"].split() == [nobody] * 4 and row["NoNewPrivs"] == "1" and row["Groups"].split() == [], row
        assert {row[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}, row
    assert any("runs as nobody" in line["message"] for line in served.log_lines())


def test_it_goes_on_serving_reloading_and_replacing_workers(served, tmp_path):
    for _ in range(3):
        assert served.post("/function/f", "die").status == 502
        assert served.post("/function/f", {"a": 1}).json == {"a": 1}
    (tmp_path / "f/new.py").write_text("def handler(input, ctx):\n    return 'new'\n")
    assert served.request("POST", "/api/functions/reload").status == 200
    assert served.post("/function/new", 1).json == "new"
    assert served.request("PUT", "/v1/secrets/A", b"value-of-a").status == 200
    assert (tmp_path / "data/vault/secrets").stat().st_uid == pwd.getpwnam(USER).pw_uid
    # root changes what is the user's, and it can still be read
    assert trivet("secret", "set", "B", "--data", str(tmp_path / "data"), value="value-of-b").returncode == 0
    assert {row["name"] for row in served.get("/v1/secrets").json["secrets"]} >= {"A"}
    assert served.request("PUT", "/v1/secrets/C", b"value-of-c").status == 200
    assert {row["name"] for row in served.get("/v1/secrets").json["secrets"]} == {"A", "B", "C"}


def test_what_cannot_be_is_refused(tmp_path):
    (tmp_path / "f.py").write_text(ECHO)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/kept").write_text("x")
    at = ["serve", str(tmp_path), "--listen", "unix:" + str(tmp_path / "s"), "--data", str(tmp_path / "data")]
    refused = trivet(*at, "--user", USER)
    assert refused.returncode == 1 and f"chown -R {USER} {tmp_path}/data" in refused.stderr, refused.stderr
    refused = trivet(*at, "--user", "no-such-user")
    assert refused.returncode == 7 and "useradd --system no-such-user" in refused.stderr
