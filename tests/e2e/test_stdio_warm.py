"""A stdio program behaves the same, whether its process was started for it or was there before (a fork of the zygote, a spare)."""
import re
import shutil
import time

import pytest

from server import ROOT, Server

PYTHON = "import json, os, sys\nrequest = json.load(sys.stdin)\ndef out(value): print(json.dumps({'success': True, 'output': value}))\n"
NODE = "const out = (value) => console.log(JSON.stringify({ success: true, output: value }));\n"
FILES = """
import subprocess, pathlib
seen = [pathlib.Path('/proc/self/fd', fd) for fd in os.listdir('/proc/self/fd')]
out([sorted(int(p.name) for p in seen if p.is_symlink() and 'socket' in os.readlink(p)), sorted(k for k in os.environ if 'TRIVET' in k)])
"""
# name: code, other files, lines of the manifest
PYTHON_PROGRAMS = {
    "files": (FILES, {}, ""),
    "raises": ("def inner(): raise ValueError('x')\ninner()\n", {}, ""),
    "raises_from": ("try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError('two') from error\n", {}, ""),
    "syntax_error": ("def (:\n", {}, ""),
    "exit_text": ("sys.exit('bad')\n", {}, ""),
    "exit_256": ("out(1)\nsys.exit(256)\n", {}, ""),
    "interrupt": ("raise KeyboardInterrupt\n", {}, ""),
    "own_signal": ("import signal\nos.kill(os.getpid(), signal.SIGTERM)\n", {}, ""),
    "own_file": ("os.chdir('/')\nout([__file__, __name__, sys.argv, sys.path[0], __cached__, __annotations__])\n", {}, ""),
    "hides_stdlib": ("import queue\nout(queue.__file__)\n", {"queue.py": "x = 1\n"}, ""),
    "names_of_shim": ("import frames, sdk, zygote, context, modules\nout(zygote.__file__)\n",
                      {n + ".py": "" for n in ("frames", "sdk", "zygote", "context", "modules")}, ""),
    "finalizers": ("class A:\n    def __del__(self): sys.stderr.write('del ran')\na = A()\nout(1)\nsys.exit(9)\n", {}, ""),
    "finalizers_of_module": ("import helper\nout(1)\nsys.exit(3)\n",
                             {"helper.py": "import sys\nclass B:\n    def __del__(self): sys.stderr.write('b gone')\nb = B()\n"}, ""),
    "thread": ("import threading, time\ndef late():\n    time.sleep(.05)\n    out('late')\nthreading.Thread(target=late).start()\n", {}, ""),
    "daemon": ("import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nout('d')\n", {}, ""),
    "atexit": ("import atexit\natexit.register(out, 'at exit')\n", {}, ""),
    "stdout_none": ("out(1)\nsys.stdout = None\n", {}, ""),
    "big_output": ("out('x' * 10_000_000)\n", {}, ""),
    "pickle_main": ("import pickle\nclass A: pass\nout(type(pickle.loads(pickle.dumps(A()))).__module__)\n", {}, ""),
    "pool": ("import multiprocessing\ndef square(x): return x * x\nwith multiprocessing.Pool(2) as pool: out(pool.map(square, [1, 2]))\n", {}, ""),
    "python_path": ("import other\nout(other.x)\n", {"lib/other.py": "x = 5\n"}, "env: {PYTHONPATH: lib}\n"),
    "home": ("out(os.environ['HOME'])\n", {}, "env: {HOME: /nowhere}\n"),
    "zone": ("import time\nout(time.strftime('%Z'))\n", {}, "env: {TZ: Asia/Tokyo}\n"),
    "language": ("out([os.environ['LANG'], os.environ['HOME']])\n", {}, "env: {LANG: C, HOME: /nowhere}\n"),
}
NODE_PROGRAMS = {
    "throws": ("function inner() { throw new Error('thrown'); }\ninner();\n", {}, ""),
    "syntax_error": ("const x = ;\n", {}, ""),
    "uncaught": ("process.on('uncaughtException', (e) => out('caught ' + e.message));\nthrow new Error('u');\n", {}, ""),
    "unhandled": ("process.on('unhandledRejection', (e) => out('caught ' + e.message));\nPromise.reject(new Error('u'));\n", {}, ""),
    "exit_code": ("out(1);\nprocess.exitCode = 6;\n", {}, ""),
    "on_exit": ("process.on('exit', (code) => out('exit ' + code));\n", {}, ""),
    "main": ("out([require.main === module, __filename, process.argv.slice(1), process.execArgv]);\n", {}, ""),
    "open_pipes": ("const fs = require('fs');\nout(fs.existsSync('/proc/self/fd/3') && fs.readlinkSync('/proc/self/fd/3').startsWith('socket'));\n", {}, ""),
    "timer": ("setTimeout(() => out('late'), 50);\nsetInterval(() => {}, 1000).unref();\n", {}, ""),
    "node_path": ("out(require('other').x);\n", {"lib/other.js": "exports.x = 9;\n"}, "env: {NODE_PATH: ./lib}\n"),
    "module": ("import os from 'node:os';\nconst v = await Promise.resolve(5);\nout([v, typeof os.EOL]);\n", {"package.json": '{"type": "module"}'}, ""),
}


def fill(folder):
    for runtime, suffix, head, programs in (("python", "py", PYTHON, PYTHON_PROGRAMS), ("node", "js", NODE, NODE_PROGRAMS)):
        for name, (code, files, lines) in programs.items():
            place = folder / (runtime + "-" + name.replace("_", "-"))
            for path, text in {"main." + suffix: head + code, **files}.items():
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_text(text)
            (place / "trivet.yaml").write_text(f"runtime: {runtime}\nentrypoint: main.{suffix}\ninterface: stdio\nlimits: {{timeout: 20s}}\n{lines}")


def cold_runtimes(folder):
    for source in (ROOT / "runtimes").iterdir():
        if source.is_dir():
            shutil.copytree(source, folder / source.name)
            manifest = folder / source.name / "runtime.yaml"
            if manifest.exists():
                manifest.write_text(re.sub("warm: true", "warm: false", manifest.read_text()))
    return folder


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    functions = tmp_path_factory.mktemp("functions")
    fill(functions)
    with Server(functions, "--runtimes", str(cold_runtimes(tmp_path_factory.mktemp("runtimes") / "all"))) as cold, Server(functions) as warm:
        yield cold, warm


def wait_for_blank(server, runtime):
    """Until there is a process that nobody has asked for yet."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if any(row["runtime"] == runtime and row["kind"] in ("spare", "zygote") and row["state"] == "ready" for row in server.get("/v1/workers").json):
            return
        time.sleep(0.02)
    raise AssertionError("no spare and no zygote of " + runtime)


def comparable(reply):
    """Without what differs from call to call: ids, and the frames of the runtime itself in a stack."""
    text = reply.text
    text = re.sub(r'"(call_id|id|instance)":"[^"]*",?', "", text)
    text = re.sub(r"\\n    at [^\\]*\((node:internal|file:)[^\\]*|\\n    at (node:internal|async )[^\\]*|\\n    at process\.[^\\]*", "", text)
    return reply.status, re.sub(r"0x[0-9a-f]+", "0x", text)


@pytest.mark.parametrize("name", ["python-" + n.replace("_", "-") for n in PYTHON_PROGRAMS] + ["node-" + n.replace("_", "-") for n in NODE_PROGRAMS])
def test_a_program_behaves_the_same(servers, name):
    cold, warm = servers
    first = cold.post("/function/" + name, {})
    if first.status == 503 and first.json.get("code") == "RUNTIME_NOT_AVAILABLE":
        pytest.skip(first.json["detail"])
    wait_for_blank(warm, name.partition("-")[0])
    assert comparable(warm.post("/function/" + name, {})) == comparable(first)
