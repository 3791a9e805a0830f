"""TypeScript and JSX in Node.js: translated by esbuild in a build, so that imports, places of files and lines in stacks are what the author wrote."""
import json
import os
import shutil
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "compat"))
from server import ROOT, Server  # noqa: E402
from test_builds import answer, artifacts, need, pack, run, steps, tree, write  # noqa: E402
from test_cli import RUNTIMES, trivet  # noqa: E402
from test_reload import within  # noqa: E402

need("node")
ESBUILD = shutil.which("esbuild") or ROOT / ".toolchains/bin/esbuild"
if not os.access(ESBUILD, os.X_OK):
    pytest.skip("toolchain missing: esbuild (sh runtimes/node/install.sh)", allow_module_level=True)

MANIFEST = "runtime: node\n"
H = "export const h = (tag: string, props: object | null, ...inner: unknown[]) => `<${tag}>${inner.join('')}</${tag}>`;\n"
CLASSIC = '{"compilerOptions": {"jsx": "react", "jsxFactory": "h"}} // as tsc takes it\n'
OWN_RUNTIME = {"node_modules/tiny/package.json": '{"name": "tiny", "type": "module", "exports": {"./jsx-runtime": "./jsx-runtime.js"}}',
               "node_modules/tiny/jsx-runtime.js": "export const jsx = (tag, { children }) => `<${tag}>${[children].flat().join('')}</${tag}>`;\nexport const jsxs = jsx;\n"}

# {name: (files, reply to {"name": "ada"})}
SHAPES = {
    "types": ({"main.ts": "interface In { name: string }\nexport default (input: In): string => input.name!;\n"}, "ada"),
    "enum and parameter property": ({"main.ts": "enum E { A = 4, B }\nclass C { constructor(private n: number) {} get() { return this.n; } }\nexport default () => [E.B, E[4], new C(2).get()];\n"},
                                    [5, "A", 2]),
    "imports as they are written": (
        {"main.ts": "import { a } from './lib/a';\nimport b from './lib/b.js';\nimport c from './lib/c.ts';\nimport type { T } from './nowhere';\nimport d from './lib';\n"
                    "export default async (x: T) => [a, b, c, d, (await import('./lib/late')).late];\n",
         "lib/a.ts": "export * from './re';\n", "lib/re.mts": "export const a = 1;\n", "lib/b.ts": "export default 2;\n", "lib/c.ts": "export default 3;\n",
         "lib/index.ts": "import { a } from './re.mjs';\nexport default a + 3;\n", "lib/late.ts": "export const late = 5 as number;\n"}, [1, 2, 3, 4, 5]),
    "paths of tsconfig": ({"main.ts": "import { x } from '@/x';\nexport default () => x;\n", "src/x.ts": "export const x = 7;\n",
                           "tsconfig.json": '{"compilerOptions": {"baseUrl": ".", "paths": {"@/*": ["src/*"]}}}'}, 7),
    "plain files among them": ({"main.ts": "import { a } from './a.js';\nimport { c } from './c.cjs';\nexport default () => [a, c];\n",
                                "a.js": "import { t } from './t';\nexport const a = t;\n", "t.ts": "export const t = 1 as number;\n", "package.json": '{"type": "module"}',
                                "c.cjs": "exports.c = require('./d').d;\n", "d.cts": "exports.d = 2 as number;\n"}, [1, 2]),
    "json": ({"main.ts": "import data, { a } from './data.json';\nimport same from './data.json' with { type: 'json' };\nexport default () => [data.a, a, same.a, require('./data.json').a];\n",
              "data.json": '{"a": 1, "not-a-name": 2, "class": 3}'}, [1, 1, 1, 1]),
    "its own place": ({"main.ts": "import { near } from './deep/near';\nimport { readFileSync } from 'node:fs';\n"
                                  "export default () => [near(), readFileSync(new URL('./deep/text', import.meta.url), 'utf8'), readFileSync('deep/text', 'utf8')];\n",
                       "deep/near.ts": "import { readFileSync } from 'node:fs';\nexport const near = () => readFileSync(__dirname + '/text', 'utf8') + __filename.split('/').pop();\n",
                       "deep/text": "x"}, ["xnear.mjs", "x", "x"]),
    "a name of CommonJS of one's own": ({"main.ts": "const __dirname = 'mine';\nconst s = 'import a from \"./b\"; require(x)';\nexport default () => [__dirname, s];\n"},
                                        ["mine", 'import a from "./b"; require(x)']),
    "export =": ({"main.ts": "import path = require('node:path');\nfunction handler(i: any) { return path.posix.join('a', i.name); }\nexport = handler;\n"}, "a/ada"),
    "module.exports": ({"main.ts": "const path = require('node:path');\nmodule.exports = (i: any) => path.posix.join('a', i.name);\n"}, "a/ada"),
    "a .mts": ({"f.mts": "export default (i: any) => i.name;\n", "trivet.yaml": MANIFEST + "entrypoint: f.mts\n"}, "ada"),
    "a .cts": ({"f.cts": "exports.handler = (i: any) => i.name;\n", "trivet.yaml": MANIFEST + "entrypoint: f.cts\n"}, "ada"),
    "a .jsx": ({"f.jsx": "import { h } from './h';\nexport default (i) => <b>{i.name}</b>;\n", "h.ts": H, "tsconfig.json": CLASSIC, "trivet.yaml": MANIFEST + "entrypoint: f.jsx\n"}, "<b>ada</b>"),
    "a .tsx by a factory": ({"index.tsx": "import { h } from './h';\nexport default (i: any) => <p>{i.name}<b>1</b></p>;\n", "h.ts": H, "tsconfig.json": CLASSIC}, "<p>ada<b>1</b></p>"),
    "a .tsx by a runtime": ({"index.tsx": "export default (i: any) => <p>{i.name}<b>1</b></p>;\n", **OWN_RUNTIME,
                             "tsconfig.json": '{"compilerOptions": {"jsx": "preserve", "jsxImportSource": "tiny"}}'}, "<p>ada<b>1</b></p>"),
    "decorators": ({"main.ts": "const twice = (t: any, k: string, d: any) => { const f = d.value; d.value = (n: number) => 2 * f(n); };\n"
                               "class C { @twice get(n: number) { return n; } }\nexport default () => new C().get(4);\n",
                    "tsconfig.json": '{"compilerOptions": {"experimentalDecorators": true}}'}, 8),
    "a named handler in a folder": ({"src/api.ts": "export function greet(i: any) { return 'hello ' + i.name; }\n", "trivet.yaml": MANIFEST + "entrypoint: src/api.ts:greet\n"}, "hello ada"),
}


def make(tmp_path, files, name="f"):
    for file, text in {"trivet.yaml": MANIFEST, **files}.items():
        write(tmp_path / name, file, text)
    return tmp_path / name


@pytest.mark.parametrize("shape", SHAPES)
def test_what_people_write_runs(tmp_path, shape):
    files, reply = SHAPES[shape]
    folder = make(tmp_path, files)
    before = tree(folder)
    assert answer(folder, tmp_path / "data") == reply
    assert tree(folder) == before, "the source folder is only read"


def test_another_version_of_node_does_the_same(tmp_path):
    versions = [row["name"] for row in RUNTIMES["node"]["versions"] if not row["default"]]
    if not versions:
        pytest.skip("toolchain missing: a second Node.js")
    files, reply = SHAPES["imports as they are written"]
    folder = make(tmp_path, {**files, "trivet.yaml": "runtime: %s\n" % versions[0]})
    assert answer(folder, tmp_path / "data") == reply


def test_a_lone_file_is_translated_when_node_is_asked_for(tmp_path):
    write(tmp_path, "hello.ts", "export default (input: { name: string }) => [input.name, typeof (globalThis as any).Deno];\n")
    done = trivet("run", str(tmp_path / "hello.ts"), "--runtime", "node", "--data", str(tmp_path / "data"), "-d", '{"name": "ada"}')
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["ada", "undefined"]
    write(tmp_path, "two.ts", "import { x } from './other';\nexport default () => x;\n")
    write(tmp_path, "other.ts", "export const x = 1;\n")
    done = trivet("run", str(tmp_path / "two.ts"), "--runtime", "node", "--data", str(tmp_path / "data"))
    assert done.returncode != 0 and 'Could not resolve "./other"' in done.stderr, "what is not part of the function would change unseen"


def test_without_a_manifest_other_runtimes_have_typescript(tmp_path):
    need("deno")
    write(tmp_path, "f/index.ts", "export default () => typeof (globalThis as any).Deno;\n")
    assert answer(tmp_path / "f", tmp_path / "data") == "object"


FAULTS = "type T = {\n  a: number;\n};\n\nfunction deep(t: T): never {\n  throw new RangeError('too ' + t.a);\n}\n\nexport default (t: T) => deep(t);\n"


def test_a_stack_has_the_lines_of_the_source(tmp_path):
    folder = make(tmp_path, {"main.ts": "import { deep } from './lib/deep';\n\ntype T = any;\nexport default (t: T) => deep(t);\n", "lib/deep.ts": FAULTS.replace("function", "export function")})
    done = run(folder, tmp_path / "data")
    assert done.returncode != 0
    assert "lib/deep.ts:6:9" in done.stderr and "main.ts:4:" in done.stderr and ".mjs" not in done.stderr, done.stderr


BROKEN = {
    "syntax": ({"main.ts": "export default () => {\n  const = 3;\n};\n"}, "main.ts:2:8"),
    "no such file": ({"main.ts": "import { a } from './lib/a';\nexport default () => a;\n"}, 'Could not resolve "./lib/a"'),
    "two would be one": ({"main.ts": "export { default } from './a';\n", "a.ts": "export default () => 1;\n", "a.mjs": "export default () => 2;\n"}, "would become one file"),
    "what is no module": ({"main.ts": "import './page.css';\nexport default () => 1;\n", "page.css": "a {}\n"}, "page.css"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_wrong_is_said_by_the_build(tmp_path, fault):
    files, said = BROKEN[fault]
    done = run(make(tmp_path, files), tmp_path / "data")
    assert done.returncode != 0
    assert '"typescript"' in done.stderr and said in done.stderr, done.stderr
    assert artifacts(tmp_path / "data") == []


def test_without_esbuild_the_error_says_how_to_get_it(tmp_path):
    for name in ("node", "_javascript"):
        shutil.copytree(ROOT / "runtimes" / name, tmp_path / "tree/runtimes" / name)
    path = ":".join(folder for folder in os.environ["PATH"].split(":") if not os.path.exists(folder + "/esbuild"))
    done = run(make(tmp_path, SHAPES["types"][0]), tmp_path / "data", env={**os.environ, "PATH": path, "TRIVET_RUNTIMES": str(tmp_path / "tree/runtimes")})
    assert done.returncode != 0
    assert "npm install -g esbuild" in done.stderr and "install.sh" in done.stderr, done.stderr


def with_package(folder):
    write(folder, "package.json", json.dumps({"name": "f", "dependencies": {"shouting": "file:vendor/shouting.tgz"}}))
    write(folder, "main.ts", "import { shout } from 'shouting';\nexport default (i: { name: string }): string => shout(i.name);\n")
    pack(folder / "vendor/shouting.tgz")
    return folder


def test_packages_are_installed_once(tmp_path):
    folder = with_package(make(tmp_path, {}))
    assert steps(folder, tmp_path / "data") == ["dependencies", "typescript"]
    assert answer(folder, tmp_path / "data") == "ADA!"
    write(folder, "main.ts", "import { shout } from 'shouting';\nexport default (i: { name: string }) => [shout(i.name)];\n")
    assert steps(folder, tmp_path / "data") == ["typescript"]
    assert answer(folder, tmp_path / "data") == ["ADA!"]


def test_packages_of_its_own_are_used(tmp_path):
    folder = with_package(make(tmp_path, {}))
    write(folder, "node_modules/shouting/package.json", '{"type": "module", "main": "index.js"}')
    write(folder, "node_modules/shouting/index.js", "export const shout = (text) => text + ' of our own';\n")
    write(folder, "node_modules/.package-lock.json", "{}")
    assert answer(folder, tmp_path / "data") == "ada of our own"
    write(folder, "node_modules/shouting/index.js", "export const shout = (text) => text + ' of another';\n")
    write(folder, "node_modules/.package-lock.json", '{"changed": true}')
    assert answer(folder, tmp_path / "data") == "ada of another", "the list that npm keeps of them has changed"


def test_the_same_source_makes_the_same_artifact(tmp_path):
    folder = make(tmp_path, SHAPES["imports as they are written"][0])
    trees = []
    for data in ("one", "two"):
        answer(folder, tmp_path / data)
        trees.append({path.name: tree(path / "files") for path in artifacts(tmp_path / data)})
    assert trees[0] == trees[1] and len(trees[0]) == 1


STDIO = """import { readFileSync } from 'node:fs';
import { again } from './again';
const { request_id, input }: any = JSON.parse(readFileSync(0, 'utf8'));
enum E { One = 1 }
console.log(JSON.stringify({ request_id, success: true, output: [again(input.name), E.One, process.argv.length, process.argv[1].split('/').pop()] }));
"""


@pytest.mark.parametrize("env", ["", "env: {NODE_NO_WARNINGS: '1'}\n"])  # with it, no spare can become the program
def test_a_program_of_one_call_is_translated(tmp_path, env):
    folder = make(tmp_path, {"main.ts": STDIO, "again.ts": "export const again = (s: string) => s + s;\n", "package.json": '{"type": "module"}',
                             "trivet.yaml": MANIFEST + "interface: stdio\n" + env})
    assert answer(folder, tmp_path / "data") == ["adaada", 1, 2, "main.mjs"]


def test_other_interfaces(tmp_path):
    files = {"page": ("fetch", "export default { fetch(request: Request): Response { return new Response(new URL(request.url).pathname as string); } };\n"),
             "open": ("context", "export default async ({ req, res }: any) => res.json({ path: req.path as string });\n")}
    for name, (interface, text) in files.items():
        make(tmp_path / "root", {"main.ts": text, "trivet.yaml": MANIFEST + "interface: %s\n" % interface}, name)
    with Server(tmp_path / "root") as server:
        assert server.get("/function/page/a/b").text == "/a/b"
        assert server.get("/function/open/c").json == {"path": "/c"}


def test_modules_in_typescript_are_called(tmp_path):
    from test_erlang import Port  # noqa: E402, builds a client of its own
    from test_modules import Pool, Atom
    for name, text in {"math.ts": "import { twice } from './deep/down';\nexport const add = (a: number, b: number): number => twice(a) + b - a;\n",
                       "deep/down.ts": "export const twice = (n: number) => 2 * n;\n", "broken.ts": "export const x = ;\n", "old.js": "exports.four = () => 4;\n"}.items():
        write(tmp_path / "code", name, text)
    port = Port(tmp_path)
    pool = Pool(port, "node")
    started = pool.ask(Atom("start_pool"), 0, Atom("pool"), Atom("node"), {Atom("path"): str(tmp_path / "code").encode(), Atom("pool_size"): 1})
    assert started == (b"reply", 0, (b"ok", b"started"))
    assert (pool.call("math", "add", 5, 3), pool.call("deep.down", "twice", 4), pool.call("old", "four")) == (8, 8, 4)
    assert pool.call("broken", "x")[0] in ("function_error", "function_not_found")
    assert port.end()[0] == 0


def test_a_changed_file_serves_without_a_restart(tmp_path):
    folder = make(tmp_path / "root", {"main.ts": "import { v } from './v';\nexport default () => v;\n", "v.ts": "export const v: number = 1;\n"})
    with Server(tmp_path / "root", verb="dev") as server:
        assert server.post("/function/f", None).json == 1
        write(folder, "v.ts", "export const v: number = 2;\n")
        assert within(20, lambda: server.post("/function/f", None).json == 2)
