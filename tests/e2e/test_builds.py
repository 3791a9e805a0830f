"""Functions with dependencies: installed by the package manager of their language, into the artifact, once."""
import hashlib
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server, binary  # noqa: E402
from test_cli import RUNTIMES, trivet  # noqa: E402

TRIVET = binary()

NODE = "import { shout } from 'shouting';\nexport default (input) => shout(input.name);\n"
PYTHON = "from shouting import shout\ndef handler(input, ctx):\n    return shout(input['name'])\n"


def need(runtime):
    if not RUNTIMES[runtime]["available"]:
        pytest.skip("toolchain missing: " + RUNTIMES[runtime]["reason"])


def write(folder, name, text):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def pack(file, mark="!"):
    """A package for npm, as `npm pack` makes one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w:gz") as tar:
        for name, text in {"package.json": json.dumps({"name": "shouting", "version": "1.0.0", "type": "module", "main": "index.js"}),
                           "index.js": "export const shout = (text) => text.toUpperCase() + '%s';\n" % mark}.items():
            entry = tarfile.TarInfo("package/" + name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))


def wheel(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    about = "shouting-1.0.dist-info/"
    files = {"shouting.py": "def shout(text):\n    return text.upper() + '!'\n",
             about + "METADATA": "Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n",
             about + "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    files[about + "RECORD"] = "".join(name + ",,\n" for name in [*files, about + "RECORD"])
    with zipfile.ZipFile(file, "w") as out:
        for name, text in files.items():
            out.writestr(name, text)


def javascript(folder, entry="index.mjs"):
    write(folder, entry, NODE)
    write(folder, "package.json", json.dumps({"name": "f", "dependencies": {"shouting": "file:vendor/shouting.tgz"}}))
    pack(folder / "vendor/shouting.tgz")


def python(folder):
    write(folder, "main.py", PYTHON)
    write(folder, "requirements.txt", "./vendor/shouting-1.0-py3-none-any.whl\n")
    wheel(folder / "vendor/shouting-1.0-py3-none-any.whl")


def pyproject(folder):
    python(folder)
    (folder / "requirements.txt").unlink()
    write(folder, "pyproject.toml", '[project]\nname = "f"\nversion = "1"\ndependencies = ["shouting @ file://%s/vendor/shouting-1.0-py3-none-any.whl"]\n' % folder)


SHAPES = {"node": ("node", javascript), "bun": ("bun", lambda folder: (javascript(folder, "main.ts"), write(folder, "trivet.yaml", "runtime: bun\n"))),
          "python": ("python", python), "pyproject": ("python", pyproject)}
shapes = pytest.mark.parametrize("shape", SHAPES)


def make(tmp_path, shape, name="f"):
    runtime, fill = SHAPES[shape]
    need(runtime)
    fill(tmp_path / name)
    return tmp_path / name


def run(folder, data, *prefix, **options):
    command = [*prefix, TRIVET, "run", str(folder), "--data", str(data), "-d", '{"name": "ada"}']
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, **options)


def steps(folder, data, *prefix):
    """What `trivet build` says that it runs."""
    done = subprocess.run([*prefix, TRIVET, "build", str(folder), "--data", str(data)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [line.split()[1] for line in done.stderr.splitlines() if line.startswith("  build: ") and "took" not in line]


def answer(folder, data, *prefix):
    done = run(folder, data, *prefix)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def tree(folder):
    """Every file, link and folder with what is in it; without the bytes that a run may add."""
    out = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            out[name] = "-> " + os.readlink(path)
        elif path.is_file():
            out[name] = hashlib.sha256(path.read_bytes()).hexdigest() + oct(path.stat().st_mode & 0o111)
        else:
            out[name] = "folder"
    return out


def artifacts(data):
    return sorted(p for p in (data / "artifacts").iterdir())


@shapes
def test_a_function_has_its_dependencies(tmp_path, shape):
    folder = make(tmp_path, shape)
    before = tree(folder)
    assert answer(folder, tmp_path / "data") == "ADA!"
    assert tree(folder) == before, "the source folder is only read"


def test_a_program_of_one_call_has_its_dependencies(tmp_path):
    need("python")
    python(tmp_path / "f")
    write(tmp_path / "f", "main.py", "import json, sys\nfrom shouting import shout\nrequest = json.load(sys.stdin)\n"
          "print(json.dumps({'request_id': request['request_id'], 'success': True, 'output': shout(request['input']['name'])}))\n")
    write(tmp_path / "f", "trivet.yaml", "runtime: python\ninterface: stdio\n")
    assert answer(tmp_path / "f", tmp_path / "data") == "ADA!"


def test_a_lone_file_has_the_dependencies_beside_it(tmp_path):
    need("node")
    javascript(tmp_path / "f", "greet.mjs")
    write(tmp_path / "f", "other.mjs", "export default () => 1;\n")
    assert answer(tmp_path / "f/greet.mjs", tmp_path / "data") == "ADA!"


def has_no_network():
    return shutil.which("unshare") and subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0


@shapes
def test_a_build_is_repeated_without_a_network(tmp_path, shape):
    if not has_no_network():
        pytest.skip("no namespace without a network can be made here")
    folder = make(tmp_path, shape)
    answer(folder, tmp_path / "data")
    built = artifacts(tmp_path / "data")
    done = run(folder, tmp_path / "data", "unshare", "-rn")
    assert (done.returncode, json.loads(done.stdout)) == (0, "ADA!"), done.stderr
    assert steps(folder, tmp_path / "data", "unshare", "-rn") == []
    assert artifacts(tmp_path / "data") == built


@shapes
def test_the_same_source_makes_the_same_artifact(tmp_path, shape):
    folder = make(tmp_path, shape)
    trees = []
    for data in ("one", "two"):
        answer(folder, tmp_path / data)
        trees.append({path.name: tree(path / "files") for path in artifacts(tmp_path / data)})
    assert trees[0] == trees[1]


def test_a_changed_source_does_not_install_again(tmp_path):
    folder = make(tmp_path, "node")
    assert steps(folder, tmp_path / "data") == ["dependencies", "source"]
    write(folder, "index.mjs", NODE + "// changed\n")
    assert steps(folder, tmp_path / "data") == ["source"]
    pack(folder / "vendor/shouting.tgz", "?")
    assert answer(folder, tmp_path / "data") == "ADA?"


def test_a_package_that_is_not_there_is_said_by_the_manager(tmp_path):
    need("python")
    write(tmp_path / "f", "main.py", PYTHON)
    write(tmp_path / "f", "requirements.txt", "./no-such-thing.whl\n")
    done = run(tmp_path / "f", tmp_path / "data")
    assert done.returncode != 0
    assert '"dependencies" of f ended with exit code' in done.stderr and "no-such-thing.whl" in done.stderr, done.stderr
    assert artifacts(tmp_path / "data") == []


def test_a_package_by_its_folder_is_refused(tmp_path):
    need("node")
    javascript(tmp_path / "f")
    write(tmp_path / "f", "package.json", json.dumps({"name": "f", "dependencies": {"shouting": "file:../shouting"}}))
    done = run(tmp_path / "f", tmp_path / "data")
    assert done.returncode != 0 and "names a package by its folder" in done.stderr


def test_an_own_node_modules_is_used_as_it_is(tmp_path):
    need("node")
    javascript(tmp_path / "f")
    write(tmp_path / "f", "node_modules/shouting/package.json", '{"type": "module", "main": "index.js"}')
    write(tmp_path / "f", "node_modules/shouting/index.js", "export const shout = (text) => text + ' of our own';\n")
    assert answer(tmp_path / "f", tmp_path / "data") == "ada of our own"
    assert not (tmp_path / "data/artifacts").exists()


SLOW = "name: slow\ntoolchain: {binary: [/bin/sh], version: {args: [-c, 'echo 1'], pattern: '(.*)'}}\nextensions: [.slow]\n" \
       "entrypoints: [main.slow]\ninterfaces: [stdio]\noneshot: {command: [/bin/cat, '${output}/app']}\n" \
       "build:\n  steps:\n    - {name: make, command: [/bin/sh, -c, %s]}\n"
REPLY = '{"request_id":"","success":true,"output":"made"}'


def slow(tmp_path, script):
    """A function of a runtime of its own, that is built by `script`."""
    write(tmp_path, "runtimes/slow/runtime.yaml", SLOW % json.dumps(script))
    write(tmp_path, "f/main.slow", "source")
    return {"env": {**os.environ, "TRIVET_RUNTIMES": str(tmp_path / "runtimes")}}


def test_a_host_that_is_killed_while_it_builds_leaves_no_half_artifact(tmp_path):
    options = slow(tmp_path, "echo half >${output}/half; test -e ${cache}/go || sleep 60; echo '%s' >${output}/app" % REPLY)
    data = tmp_path / "data"
    host = subprocess.Popen([TRIVET, "run", str(tmp_path / "f"), "--data", str(data), "-d", "1"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, **options)
    deadline = time.monotonic() + 30
    while not list(data.glob("artifacts/*.making/files/half")) and time.monotonic() < deadline:
        time.sleep(0.01)
    host.send_signal(signal.SIGKILL)
    host.wait(timeout=30)
    assert [p.suffix for p in artifacts(data)] == [".making"]
    assert list(data.glob("artifacts/*.making/files/half"))
    (data / "packages/go").touch()
    done = run(tmp_path / "f", data, **options)
    assert done.returncode == 0, done.stderr
    assert [p.suffix for p in artifacts(data)] == [""], "what was left is gone"


def test_a_full_disk_is_said_and_breaks_nothing(tmp_path):
    """In a mount namespace of our own, on a disk of 3 MiB."""
    if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode != 0:
        pytest.skip("no disk of our own can be mounted here")
    options = slow(tmp_path, "head -c $(cat main.slow) /dev/zero >${output}/big && echo '%s' >${output}/app" % REPLY)
    (tmp_path / "disk").mkdir()
    one = f"{TRIVET} run {tmp_path}/f --data {tmp_path}/disk/data -d 1"
    script = f"mount -t tmpfs -o size=3m none {tmp_path}/disk; cd {tmp_path}\n" + "\n".join(
        f"printf {size} >f/main.slow; {one} 2>errors{i} >out{i}; echo $? >code{i}; ls disk/data/artifacts >left{i}" for i, size in enumerate((1000, 9000000, 1000, 2000)))
    subprocess.run(["unshare", "-rm", "sh", "-c", script], check=True, timeout=120, stdin=subprocess.DEVNULL, **options)
    codes = [(tmp_path / f"code{i}").read_text().strip() != "0" for i in range(4)]
    assert codes == [False, True, False, False], [(tmp_path / f"errors{i}").read_text() for i in range(4)]
    errors = (tmp_path / "errors1").read_text()
    assert "is full" in errors and "trivet cache prune" in errors, errors
    assert (tmp_path / "left1").read_text() == (tmp_path / "left0").read_text(), "nothing half-made is left"


def test_the_cache_is_measured_verified_and_pruned(tmp_path):
    folder, data = make(tmp_path, "python"), tmp_path / "data"
    answer(folder, data)

    def cache(*words):
        done = trivet("cache", *words, "--data", str(data), "--output", "json")
        return done.returncode, json.loads(done.stdout)

    code, rows = cache("du")
    assert code == 0 and rows[0]["artifacts"] == 1 and rows[0]["artifact_bytes"] > 0 and rows[0]["in_use"] == 0
    assert cache("verify") == (0, [])
    module = next(data.glob("artifacts/*/files/packages/shouting.py"))
    stat = module.stat()
    module.write_bytes(module.read_bytes().replace(b"upper", b"lower"))
    os.utime(module, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # sizes and times do not tell
    code, rows = cache("verify")
    assert code == 1 and "has other bytes" in rows[0]["what"]
    assert answer(folder, data) == "ADA!", "it was built again"
    assert cache("prune")[1][0]["artifacts"] == 0, "it is younger than a week"
    assert cache("prune", "--days", "0")[1][0]["artifacts"] == 1
    assert artifacts(data) == [] and answer(folder, data) == "ADA!"
    assert cache("prune", "--all")[0] == 0 and not (data / "packages").exists()


def test_what_a_server_uses_is_not_pruned(tmp_path):
    need("python")
    python(tmp_path / "root/f")
    with Server(tmp_path / "root") as server:
        data = os.path.join(server.temp.name, "data")
        assert server.post("/function/f", {"name": "ada"}).json == "ADA!"
        prune = ["cache", "prune", "--all", "--data", data, "--output", "json"]
        assert json.loads(trivet(*prune).stdout)[0]["artifacts"] == 0
        assert json.loads(trivet("cache", "du", "--data", data, "--output", "json").stdout)[0]["in_use"] == 1


# From the registries themselves.
REAL = {
    "npm": ("node", {"index.mjs": "import isOdd from 'is-odd';\nexport default (n) => isOdd(n);\n", "package.json": '{"dependencies": {"is-odd": "3.0.1"}}'}),
    "deno": ("deno", {"main.ts": "import isOdd from 'is-odd';\nexport default (n: number) => isOdd(n);\n", "package.json": '{"dependencies": {"is-odd": "3.0.1"}}'}),
    "deno.json": ("deno", {"main.ts": "import isOdd from 'is-odd';\nexport default (n: number) => isOdd(n);\n",
                           "deno.json": '{"imports": {"is-odd": "npm:is-odd@3.0.1"}}'}),
    "pip": ("python", {"main.py": "import sortedcontainers\ndef handler(n, ctx):\n    return list(sortedcontainers.SortedSet([n, 1])) == [1, n]\n",
                       "requirements.txt": "sortedcontainers==2.4.0\n"}),
    "go": ("go", {"function.go": 'package function\n\nimport "github.com/google/uuid"\n\nfunc Handler(n int) (bool, error) { return len(uuid.Nil.String()) == 36, nil }\n',
                  "go.mod": "module f\n\ngo 1.19\n\nrequire github.com/google/uuid v1.6.0\n"}),
}
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "NewConnectionError", "dial tcp", "dns error", "error sending request", "no such host")


@pytest.mark.parametrize("registry", REAL)
def test_a_package_comes_from_its_registry(tmp_path, registry):
    runtime, files = REAL[registry]
    need(runtime)
    for name, text in files.items():
        write(tmp_path / "f", name, text)
    command = [TRIVET, "run", str(tmp_path / "f"), "--data", str(tmp_path / "data"), "-d", "7"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=400)
    if done.returncode != 0 and any(word in done.stderr for word in UNREACHABLE):
        pytest.skip("the registry cannot be reached")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) is True
