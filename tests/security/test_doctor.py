"""`trivet doctor` tells what confines functions: as root, as an ordinary user, and where nothing is allowed, as in a container without privileges."""
import functools
import json
import os
import pathlib
import pwd
import subprocess
import sys
import tempfile
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server, binary  # noqa: E402

ALWAYS = {"rlimits", "no-new-privs", "capabilities", "seccomp"}  # what needs no rights
NAMESPACES = {"user-namespace", "pid-namespace", "mount-root", "network-namespace"}
USER = ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups"]
AS = {
    "root": [],
    "user": USER,
    "contained": ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"],
    "root of a user namespace": [*USER, "unshare", "--map-root-user", "--net"],
    "without user namespaces": [*USER, "unshare", "--map-root-user", "sh", "-c", "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"", "sh"],
}
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be made less than root")
RUNTIMES = {"absent": "title: Absent\nextensions: [.absent]\ntoolchain: {binary: [no-such-binary], version: {args: [--version], pattern: \"(.*)\"}, install: \"echo\"}\n",
            "bash": "title: Bash\nextensions: [.sh]\ntoolchain: {binary: [bash], version: {args: [--version], pattern: \"version ([0-9.]+)\"}, install: \"echo\"}\n"}
WHO_AM_I = "read -r request\necho \"{\\\"success\\\": true, \\\"output\\\": \\\"SEEN$(id -u)\\\"}\"\n"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def possible(who):
    """Skips, and says so, where this machine does not let itself be made like that."""
    made = subprocess.run([*AS[who], "true"], capture_output=True, text=True, timeout=30)
    if made.returncode != 0:
        pytest.skip(f"cannot be {who} here: {made.stderr.strip()}")


def make_place(folder):
    """A folder that every user may read, with a program and runtimes that they may run."""
    place = pathlib.Path(folder)
    place.chmod(0o755)
    (place / "here").mkdir()
    (place / "here").chmod(0o777)
    for name, text in RUNTIMES.items():
        write(place / "runtimes" / name / "runtime.yaml", f"name: {name}\n" + text + "interfaces: [stdio]\noneshot: {command: [\"${binary}\", \"${entrypoint}\"]}\n")
    program = place / "trivet"
    program.write_bytes(pathlib.Path(binary()).read_bytes())
    program.chmod(0o755)
    return place


@pytest.fixture
def place():
    with tempfile.TemporaryDirectory(prefix="trivet-doctor-", dir="/tmp") as folder:
        yield make_place(folder)


@pytest.fixture(scope="module")
def findings():
    """What `doctor` says to each of AS, in a folder with three functions: asked once, it takes seconds."""
    with tempfile.TemporaryDirectory(prefix="trivet-doctor-", dir="/tmp") as folder:
        place = make_place(folder)
        function(place, "plain")
        function(place, "frugal", "limits: {memory: 512MiB}\n")
        function(place, "slow", "limits: {cpu: 0.5}\n")

        @functools.cache
        def find(who):
            possible(who)
            return place, told(place, who), doctor(place, who).stdout

        yield find


def function(place, name, manifest=""):
    write(place / "here" / name / "main.sh", WHO_AM_I)
    write(place / "here" / name / "trivet.yaml", "runtime: bash\nentrypoint: main.sh\ninterface: stdio\n" + manifest)


def command(place, who, *args):
    return [*AS[who], str(place / "trivet"), *args, "--runtimes", str(place / "runtimes"), "--data", str(place / "here" / ("data of " + who))]


def environment(place):
    return {"PATH": os.environ["PATH"], "HOME": str(place / "here")}


def trivet(place, who, *args):
    return subprocess.run(command(place, who, *args), cwd=place / "here", env=environment(place), capture_output=True, text=True, timeout=60)


def doctor(place, who, *flags):
    return trivet(place, who, "doctor", "--server", "none", *flags)


def told(place, who, *flags):
    done = doctor(place, who, "--output", "json", *flags)
    assert done.stdout.startswith("{"), done
    value = json.loads(done.stdout)
    return done.returncode, value, {layer["name"]: layer for layer in value["sandbox"]["layers"]}


def greeting(read):
    """What a server says until it serves."""
    deadline = time.monotonic() + 30
    while "trivet serves" not in read() and time.monotonic() < deadline:
        time.sleep(0.05)
    return read()


def lacks(layers, name):
    return layers[name]["state"] == "unavailable"


@root_only
@pytest.mark.parametrize("who", AS)
def test_each_layer_is_told_and_the_exit_code_says_whether_it_is_enough(findings, who):
    place, (code, value, layers), table = findings(who)
    assert ALWAYS | NAMESPACES <= set(layers)
    for name, layer in layers.items():
        assert lacks(layers, name) == bool(layer["why"]) == bool(layer["fix"]) == bool(layer["without"]), layer
        assert layer["weakened_by"] == []
        assert lacks(layers, name) or layer["stops"] == []
        assert any(line.startswith(layer["state"]) and name in line for line in table.splitlines()), (name, table)
    assert all(layers[name]["state"] == "active" for name in ALWAYS), layers
    lacking = {name for name, layer in layers.items() if lacks(layers, name) and layer["needed"]}
    assert all(layers[name]["stops"] == ["frugal", "plain", "slow"] for name in lacking)
    assert value["sandbox"]["level"] == "sandbox" and value["sandbox"]["available"] == (not lacking)
    assert code == (1 if any(layer["stops"] for layer in layers.values()) else 0)
    assert value["launcher"] == {"works": True, "why": ""} and value["data"]["writable"] is True
    assert ("this machine has what it needs" in table) == (not lacking), table
    assert ("not all functions here start" in table) == (code == 1 and not lacking), table


@root_only
@pytest.mark.parametrize("who", AS)
def test_what_it_says_is_what_happens(findings, who):
    place, (code, value, layers), _ = findings(who)
    available = value["sandbox"]["available"]
    for name, limit in (("plain", None), ("frugal", "memory-limit"), ("slow", "cpu-limit")):
        ran = trivet(place, who, "run", str(place / "here" / name), "-d", "{}")
        stopped_by = [one for one, layer in layers.items() if name in layer["stops"]]
        assert (ran.returncode != 0) == bool(stopped_by) == (not available or bool(limit and lacks(layers, limit))), (ran, layers)
        if not stopped_by:
            assert json.loads(ran.stdout) == "SEEN1000", ran
        else:
            assert any(layers[one]["why"] in ran.stderr for one in stopped_by), (ran, layers)
        if available and stopped_by:
            assert stopped_by == [limit]


@root_only
@pytest.mark.parametrize("who", ["root", "user"])
def test_a_limit_that_is_left_out_is_shown_and_logged_once(place, who):
    possible(who)
    function(place, "plain")
    function(place, "endless", "limits: {memory: none}\n")
    _, _, layers = told(place, who)
    left_out = lacks(layers, "memory-limit")
    if who == "user" and not left_out:
        pytest.skip("an ordinary user can limit memory here")
    by_machine = {"what": "memory-limit: " + layers["memory-limit"]["why"], "by": "machine"}
    alone = json.loads(trivet(place, who, "describe", "plain", "--server", "none", "--output", "json").stdout)
    assert alone["sandbox"]["weakened"] == ([by_machine] if left_out else [])
    socket = "unix:" + str(place / "here/socket")
    with open(place / "stderr", "w") as errors:
        server = subprocess.Popen(command(place, who, "serve", str(place / "here"), "--listen", socket), cwd=place / "here", env=environment(place), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
    try:
        said = greeting((place / "stderr").read_text)
        assert said.count("memory-limit cannot be enforced on this machine") == left_out, said
        shown = {name: json.loads(trivet(place, who, "describe", name, "--server", socket, "--output", "json").stdout)["sandbox"]["weakened"] for name in ("plain", "endless")}
        assert shown == {"plain": [by_machine] if left_out else [], "endless": [{"what": "memory none", "by": "manifest"}]}
        assert (", by the machine" in trivet(place, who, "describe", "plain", "--server", socket).stdout) == left_out
    finally:
        server.terminate()
        server.wait(30)


@root_only
def test_a_build_is_confined_for_an_ordinary_user_too(place):
    possible("user")
    if not told(place, "user")[1]["sandbox"]["available"]:
        pytest.skip("an ordinary user can make no sandbox here")
    write(place / "here/made/source.txt", WHO_AM_I)
    command = "test -e /etc/shadow && now=shown || now=hidden; sed s/SEEN/$now/ source.txt >main.sh"
    write(place / "here/made/trivet.yaml", f"runtime: bash\ninterface: stdio\nbuild: {{command: sh, args: [-c, '{command}'], output: main.sh}}\n")
    subprocess.run(["chown", "-R", "65533:65533", place / "here/made"], check=True)
    ran = trivet(place, "user", "run", str(place / "here/made"), "-d", "{}")
    assert ran.returncode == 0 and json.loads(ran.stdout) == "hidden1000", ran


@root_only
@pytest.mark.parametrize("who", AS)
def test_it_says_as_whom_the_server_runs(findings, who):
    _, (_, value, _), table = findings(who)
    is_root = who == "root" or "namespace" in who
    kept = is_root and not has_user("trivet")
    assert value["privileges"]["kept"] == kept
    assert bool(value["privileges"]["fix"]) == (kept and who == "root")  # the others have nobody to become
    line = next(line for line in table.splitlines() if "privileges" in line)
    assert line.startswith("weakened" if kept else "active")


def has_user(name):
    return any(entry.pw_name == name for entry in pwd.getpwall())


@root_only
def test_root_that_stays_root_is_told_when_it_starts(place):
    function(place, "plain")
    with Server(place / "here", "--runtimes", str(place / "runtimes")) as server:
        kept = not has_user("trivet")
        assert ("runs as root and keeps its capabilities" in greeting(server.stderr)) == kept
        assert any("keeps its capabilities" in line["message"] for line in server.log_lines()) == kept
        assert server.get("/v1/doctor").json["privileges"]["kept"] == kept


@root_only
def test_without_privileges_no_sandbox_is_claimed(findings, place):
    _, (code, value, layers), _ = findings("contained")
    # What is left is a user namespace without users, in which nothing can be mounted.
    assert all(lacks(layers, name) for name in NAMESPACES), layers
    assert code == 1 and value["sandbox"]["available"] is False
    code, value, _ = told(place, "contained", "--sandbox", "process")
    assert code == 0 and value["sandbox"]["available"] is True


@root_only
def test_what_forbids_a_sandbox_is_named(findings):
    _, (_, _, layers), _ = findings("without user namespaces")
    assert lacks(layers, "user-namespace") and layers["user-namespace"]["fix"] == "sysctl user.max_user_namespaces=10000"
    assert not lacks(layers, "pid-namespace") and not lacks(layers, "network-namespace")


@root_only
def test_an_ordinary_user_has_one_user_only(findings):
    _, (_, _, layers), _ = findings("user")
    assert lacks(layers, "user-ids") and "root" in layers["user-ids"]["fix"] and layers["user-ids"]["needed"] is False


@root_only
@pytest.mark.parametrize("layer", ["pid-namespace", "seccomp", "memory-limit"])
def test_a_layer_that_was_left_out_is_told(place, layer):
    done = subprocess.run(command(place, "root", "doctor", "--server", "none", "--output", "json"), cwd=place / "here", env={**environment(place), "TRIVET_WITHOUT_LAYER": layer}, capture_output=True, text=True, timeout=60)
    layers = {one["name"]: one for one in json.loads(done.stdout)["sandbox"]["layers"]}
    assert lacks(layers, layer) and "TRIVET_WITHOUT_LAYER" in layers[layer]["why"]


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
        assert {"level", "available", "layers", "launcher", "privileges", "data"} == set(value) and ALWAYS <= {layer["name"] for layer in value["layers"]}
        assert server.post("/v1/doctor", {}).status == 405


