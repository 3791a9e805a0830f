"""`trivet doctor` tells what confines functions: as root, as an ordinary user, and where nothing is allowed, as in a container without privileges."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server, binary  # noqa: E402

ALWAYS = {"rlimits", "no-new-privs", "capabilities", "seccomp"}  # what needs no rights
NAMESPACES = {"user-namespace", "pid-namespace", "mount-root", "network-namespace"}
AS = {
    "root": [],
    "user": ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups"],
    "contained": ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"],
}
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be made less than root")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def place(tmp_path):
    """A folder that every user may read, with a program and runtimes that they may run."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if str(parent).startswith("/tmp/") and parent.stat().st_uid == os.geteuid():
            parent.chmod(0o755)
    here = tmp_path / "here"
    here.mkdir()
    here.chmod(0o777)
    write(tmp_path / "runtimes/absent/runtime.yaml", "name: absent\ntitle: Absent\nextensions: [.absent]\ntoolchain: {binary: [no-such-binary], version: {args: [--version], pattern: \"(.*)\"}, install: \"echo\"}\n"
          "interfaces: [stdio]\noneshot: {command: [\"${binary}\", \"${entrypoint}\"]}\n")
    program = tmp_path / "trivet"
    program.write_bytes(pathlib.Path(binary()).read_bytes())
    program.chmod(0o755)
    return tmp_path


def doctor(place, who, *flags):
    done = subprocess.run([*AS[who], str(place / "trivet"), "doctor", "--server", "none", "--runtimes", str(place / "runtimes"), "--data", str(place / "here" / who), *flags],
                          cwd=place / "here", env={"PATH": os.environ["PATH"], "HOME": str(place / "here")}, capture_output=True, text=True, timeout=60)
    return done


def told(place, who, *flags):
    done = doctor(place, who, "--output", "json", *flags)
    assert done.stdout.startswith("{"), done
    value = json.loads(done.stdout)
    return done.returncode, value, {layer["name"]: layer for layer in value["sandbox"]["layers"]}


@root_only
@pytest.mark.parametrize("who", AS)
def test_each_layer_is_told_and_the_exit_code_says_whether_it_is_enough(place, who):
    code, value, layers = told(place, who)
    assert ALWAYS | NAMESPACES <= set(layers)
    for name, layer in layers.items():
        assert (layer["state"] == "unavailable") == bool(layer["why"]) == bool(layer["fix"]), layer
        assert layer["weakened_by"] == []
    assert all(layers[name]["state"] == "active" for name in ALWAYS), layers
    lacking = {name for name, layer in layers.items() if layer["state"] == "unavailable" and layer["needed"]}
    assert value["sandbox"]["level"] == "sandbox" and value["sandbox"]["available"] == (not lacking)
    assert code == (1 if lacking else 0)
    assert value["launcher"] == {"works": True, "why": ""} and value["data"]["writable"] is True
    table = doctor(place, who).stdout
    for name, layer in layers.items():
        assert any(line.startswith(layer["state"]) and name in line for line in table.splitlines()), (name, table)


@root_only
def test_without_privileges_no_sandbox_is_claimed(place):
    code, value, layers = told(place, "contained")
    # What is left is a user namespace without users, in which nothing can be mounted.
    assert all(layers[name]["state"] == "unavailable" and layers[name]["fix"] for name in ("user-namespace", "mount-root")), layers
    assert code == 1 and value["sandbox"]["available"] is False
    code, value, _ = told(place, "contained", "--sandbox", "process")
    assert code == 0 and value["sandbox"]["available"] is True


@root_only
def test_an_ordinary_user_has_one_user_only(place):
    _, _, layers = told(place, "user")
    assert layers["user-ids"]["state"] == "unavailable" and "root" in layers["user-ids"]["fix"] and layers["user-ids"]["needed"] is False


def test_weakenings_name_who_made_them(place):
    write(place / "here/open/main.absent", "")
    write(place / "here/open/trivet.yaml", "runtime: absent\nentrypoint: main.absent\nsandbox: {net: [api.example.com:443], read: [/usr]}\n")
    (place / "here/less").mkdir()
    write(place / "here/less/main.absent", "")
    write(place / "here/less/trivet.yaml", "runtime: absent\nentrypoint: main.absent\nsandbox: {level: process}\n")
    _, _, layers = told(place, "root", "--sandbox", "process")
    by_operator = {"by": "operator", "function": None, "what": "level process"}
    by_less = {"by": "manifest", "function": "less", "what": "level process"}
    assert layers["seccomp"]["weakened_by"] == [by_operator, by_less]
    assert {"by": "manifest", "function": "open", "what": "net api.example.com:443"} in layers["network-namespace"]["weakened_by"]
    assert {"by": "manifest", "function": "open", "what": "read /usr"} in layers["mount-root"]["weakened_by"]
    assert layers["no-new-privs"]["weakened_by"] == []
    assert "by the manifest of less: level process" in doctor(place, "root", "--sandbox", "process").stdout


def test_a_server_tells_its_own_layers(place):
    with Server(place / "here", "--runtimes", str(place / "runtimes")) as server:
        value = server.get("/v1/doctor").json
        assert {"level", "available", "layers", "launcher", "data"} == set(value) and ALWAYS <= {layer["name"] for layer in value["layers"]}
        assert server.post("/v1/doctor", {}).status == 405


