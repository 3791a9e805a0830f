"""limits.memory reaches the languages' own heap options: three quarters of it, also for functions whose limit is not the default."""
import json
import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402

MIB = 1 << 20
# What a function says its heap may be, in MiB; how much more than three quarters of the limit the language makes of it.
LANGUAGES = {
    "node": ("index.mjs", "import v8 from 'node:v8';\nexport const handler = () => Math.round(v8.getHeapStatistics().heap_size_limit / 1048576);\n", 64),
    "deno": ("index.ts", "import v8 from 'node:v8';\nexport const handler = () => Math.round(v8.getHeapStatistics().heap_size_limit / 1048576);\n", 64),
    "php": ("index.php", "<?php\n\nreturn function ($input, $ctx) {\n    return intdiv((int) ini_get('memory_limit'), 1048576);\n};\n", 0),
    "go": ("function.go", "package function\n\nimport (\n\t\"runtime/debug\"\n\n\t\"trivet\"\n)\n\nfunc Handler(input any, ctx *trivet.Context) (int64, error) {\n\treturn debug.SetMemoryLimit(-1) / 1048576, nil\n}\n", 0),
    "java": ("Main.java", "import trivet.Context;\n\npublic class Main {\n  public long handle(Object input, Context ctx) {\n    return Runtime.getRuntime().maxMemory() / 1048576;\n  }\n}\n", 0),
}
TOOLS = {"node": "node", "deno": "deno", "php": "php", "go": "go", "java": "javac"}


def has(tool):
    return shutil.which(tool, path=os.environ.get("PATH", "") + f":{ROOT}/.toolchains/bin")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("language", [pytest.param(name, marks=pytest.mark.skipif(not has(TOOLS[name]), reason=name + " is not installed")) for name in LANGUAGES])
def test_the_heap_has_three_quarters_of_the_limit(tmp_path, language):
    file, source, more = LANGUAGES[language]
    for name, limits in (("usual", ""), ("small", "limits: {memory: 256MiB}\n"), ("large", "limits: {memory: 1GiB}\n")):
        write(tmp_path / name / file, source)
        write(tmp_path / name / "trivet.yaml", f"runtime: {language}\nentrypoint: {file}\n{limits}")
    with Server(tmp_path) as server:
        for name, mib in (("usual", 384), ("small", 192), ("large", 768)):
            for _ in range(2):  # what is started first, and what a zygote or a spare gave
                reply = server.post("/function/" + name, None)
                assert reply.status == 200, reply.text
                heap = json.loads(reply.text)
                # The JVM leaves out one of the two spaces that survivors are in.
                assert mib * 0.93 <= heap <= mib + more, (name, heap)


LEAK = "const all = [];\nexport const handler = () => { for (let i = 0; ; i++) all.push({ i, text: ['a' + i] }); };\n"


@pytest.mark.parametrize("language", [pytest.param(name, marks=pytest.mark.skipif(not has(name), reason=name + " is not installed")) for name in ("node", "deno")])
def test_its_own_out_of_memory_comes_before_the_kernels(tmp_path, language):
    """The heap's limit counts more than what the option says: the young generation, too."""
    write(tmp_path / "f" / "index.js", LEAK)
    write(tmp_path / "f" / "trivet.yaml", f"runtime: {language}\nlimits: {{memory: 256MiB}}\n")
    with Server(tmp_path) as server:
        reply = server.post("/function/f", None)
        assert (reply.status, reply.json["code"]) == (502, "FUNCTION_CRASHED"), reply.text
        assert "SIGKILL" not in reply.json["detail"] and "out of memory" in reply.json["stderr"], reply.text


def test_where_nothing_limits_it_the_heap_is_not_cut(tmp_path):
    if not has("node"):
        pytest.skip("node is not installed")
    write(tmp_path / "f" / "index.mjs", LANGUAGES["node"][1])
    write(tmp_path / "f" / "trivet.yaml", "runtime: node\nlimits: {memory: 64MiB}\n")
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / MIB
    with Server(tmp_path, "--sandbox", "trusted") as server:
        assert server.post("/function/f", None).json > machine * 0.7
