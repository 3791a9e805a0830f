"""The interface `module` of every runtime that offers it, through `trivet port`."""
import sys

import pytest
import yaml

from test_erlang import ROOT, Port

sys.path.insert(0, str(ROOT / "runtimes/python"))
from erlterms import Atom, decode, encode  # noqa: E402

sys.path.pop(0)
JAVASCRIPT = """
export const add = (a, b) => a + b;
export const where = () => import.meta.url;
export const later = async (value) => value;
export function* numbers(n) { for (let i = 0; i < n; i++) yield i; }
export function fail(why) { throw new TypeError(why); }
export const notAFunction = 7;
export const nothing = () => {};
export default { twice(n) { return this.add(n, n); }, add: (a, b) => a + b };
"""
SOURCES = {
    "python": {
        "math.py": "import math as own, json\n_hidden = len\nnot_a_function = 7\n\ndef add(a, b):\n    return a + b\n\ndef whole(n):\n    import math\n    return math.floor(n)\n\n"
                   "async def later(value):\n    return value\n\ndef numbers(n):\n    yield from range(n)\n\ndef fail(why):\n    raise TypeError(why)\n\ndef nothing():\n    pass\n",
        "deep/__init__.py": "", "deep/down.py": "class Tools:\n    @staticmethod\n    def twice(n):\n        return 2 * n\n",
        "broken.py": "import nowhere_at_all\n",
    },
    "go": {
        "math.go": "package function\n\nimport (\n\t\"errors\"\n\t\"trivet\"\n)\n\nfunc init() {\n\ttrivet.Register(\"math\", \"add\", func(a, b int) int { return a + b })\n"
                   "\ttrivet.Register(\"math\", \"later\", func(value any) any { return value })\n\ttrivet.Register(\"math\", \"nothing\", func() {})\n"
                   "\ttrivet.Register(\"math\", \"numbers\", func(n int) (all []int) {\n\t\tfor i := 0; i < n; i++ {\n\t\t\tall = append(all, i)\n\t\t}\n\t\treturn\n\t})\n"
                   "\ttrivet.Register(\"math\", \"fail\", func(why string) (int, error) { return 0, errors.New(why) })\n}\n",
    },
    "rust": {
        "main.rs": "pub fn register(modules: &mut trivet::Modules) {\n    modules.add(\"math\", \"add\", |a: i64, b: i64| a + b);\n    modules.add(\"math\", \"later\", |value: trivet::Value| value);\n"
                   "    modules.add(\"math\", \"nothing\", || ());\n    modules.add(\"math\", \"numbers\", |n: u64| (0..n).collect::<Vec<u64>>());\n"
                   "    modules.add(\"math\", \"fail\", |why: String| -> Result<u64, String> { Err(why) });\n}\n",
    },
    "cpp": {
        "main.cpp": "#include <trivet.hpp>\n\nvoid register_modules(trivet::Modules& modules) {\n  modules.add(\"math\", \"add\", [](int a, int b) { return a + b; });\n"
                    "  modules.add(\"math\", \"later\", [](const trivet::Json& value) { return value; });\n  modules.add(\"math\", \"nothing\", [] {});\n"
                    "  modules.add(\"math\", \"numbers\", [](trivet::Context&, int n) {\n    std::vector<int> all;\n    while (n-- > 0) all.insert(all.begin(), n);\n    return all;\n  });\n"
                    "  modules.add(\"math\", \"fail\", [](std::string why) { throw std::runtime_error(why); });\n}\n",
    },
    "dotnet": {
        "Math.cs": "public static class math\n{\n    public static int notAFunction = 7;\n    public static int add(int a, int b) => a + b;\n"
                   "    public static async Task<object?> later(object? value)\n    {\n        await Task.Yield();\n        return value;\n    }\n"
                   "    public static async IAsyncEnumerable<int> numbers(int n)\n    {\n        for (int i = 0; i < n; i++)\n        {\n            await Task.Yield();\n            yield return i;\n        }\n    }\n"
                   "    public static void fail(string why) => throw new ArgumentException(why);\n    public static void nothing() { }\n}\n",
        "Deep.cs": "namespace deep;\n\npublic static class down\n{\n    public static int add(int a, int b) => a + b;\n    public static int twice(int n) => add(n, n);\n}\n",
        "Broken.cs": "public static class broken\n{\n    private static readonly int one = int.Parse(\"no number\");\n    public static int x() => one;\n}\n",
    },
    "erlang": {
        "math.erl": "-module(sums).\n-export([add/2, later/1, numbers/1, fail/1, nothing/0]).\n\nadd(A, B) -> A + B.\nlater(Value) -> Value.\nfail(Why) -> error(Why).\n"
                    "numbers(N) -> {stream, fun(Send) -> [Send(Each) || Each <- lists:seq(0, N - 1)] end}.\nnothing() -> undefined.\n",
        "deep/down.erl": "-module(deep_down).\n-export([add/2, twice/1]).\nadd(A, B) -> A + B.\ntwice(N) -> 2 * N.\n",
        "broken.erl": "-module(broken).\nx( -> ok.\n",
    },
    "elixir": {
        "math.ex": "defmodule Sums do\n  def add(a, b), do: a + b\n  def later(value), do: value\n  def fail(why), do: raise(ArgumentError, why)\n"
                   "  def numbers(n), do: Stream.map(0..(n - 1), & &1)\n  def nothing, do: nil\n  def _hidden(x), do: x\nend\n",
        "deep/down.ex": "defmodule Deep.Down do\n  def add(a, b), do: a + b\n  def twice(n), do: Sums.add(n, n)\nend\n",
        "broken.ex": "defmodule Broken do\n  def x(, do: 1\nend\n",
    },
    "node": {"math.mjs": JAVASCRIPT, "old.cjs": "exports.add = (a, b) => a + b;\n", "deep/down.js": JAVASCRIPT, "broken.js": "export const x = ;\n"},
    "deno": {"math.ts": JAVASCRIPT, "deep/down.js": JAVASCRIPT, "broken.js": "export const x = ;\n"},
    "bun": {"math.ts": JAVASCRIPT, "deep/down.js": JAVASCRIPT, "broken.js": "export const x = ;\n"},
}
pytestmark = pytest.mark.form("module", "pool")
REGISTERED = {"go", "rust", "cpp"}  # modules are what the source adds, compiled before the first call
OFFERED = sorted(p.parent.name for p in ROOT.glob("runtimes/[!_]*/runtime.yaml") if "module" in yaml.safe_load(p.read_text())["interfaces"])
for name in OFFERED:  # a runtime may keep its sources in its own folder
    place = ROOT / "runtimes" / name / "fixture" / "module"
    if place.is_dir():
        SOURCES[name] = {str(p.relative_to(place)): p.read_text() for p in sorted(place.rglob("*")) if p.is_file()}


class Pool:
    def __init__(self, port, runtime):
        self.port, self.runtime, self.last = port, runtime, 0

    def ask(self, *request):
        self.port.send(encode(tuple(request)))
        return decode(self.port.receive())[0]

    def call(self, module, function, *args):
        self.last += 1
        kind, ident, result = self.ask(Atom("call"), self.last, Atom("pool"), Atom(module), Atom(function), list(args), 20_000)
        assert (kind, ident) == (b"reply", self.last)
        return result[1] if result[0] == b"ok" else (result[1][0].decode(), result[1][1][Atom("message")].decode())


@pytest.fixture(scope="module", params=OFFERED)
def pool(request, tmp_path_factory):
    runtime, folder = request.param, tmp_path_factory.mktemp(request.param)
    assert runtime in SOURCES, f"runtime {runtime} offers `module`: give it sources here"
    for name, text in SOURCES[runtime].items():
        (folder / "code" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "code" / name).write_text(text)
    port = Port(folder)
    found = Pool(port, runtime)
    answer = found.ask(Atom("start_pool"), 0, Atom("pool"), Atom(runtime), {Atom("path"): str(folder / "code").encode(), Atom("pool_size"): 1})
    if answer[2][0] == b"error" and answer[2][1][0] == b"runtime_not_available":
        port.end()
        pytest.skip(answer[2][1][1][Atom("message")].decode())
    assert answer == (b"reply", 0, (b"ok", b"started"))
    yield found
    code, _, _ = port.end()
    assert code == 0


def test_a_function_is_called_with_its_arguments(pool):
    assert pool.call("math", "add", 5, 3) == 8
    assert pool.call("math", "add", 5, 4) == 9
    assert pool.call("math", "nothing") == Atom("null")


def test_what_takes_time_and_what_comes_one_by_one(pool):
    assert pool.call("math", "later", {b"a": [1, None]}) == {b"a": [1, Atom("null")]}
    assert pool.call("math", "numbers", 3) == [0, 1, 2]


def test_failures_have_names(pool):
    assert pool.call("math", "fail", b"so it is")[0] == "function_error"
    assert "so it is" in pool.call("math", "fail", b"so it is")[1]
    for module, function in (("math", "nobody"), ("nowhere", "add"), ("../math", "add"), ("deep.nowhere", "add"), ("math", "__class__"), ("math", "constructor"), ("os", "getpid")):
        code, message = pool.call(module, function)
        assert code == "function_not_found" and message, (module, function)
    assert pool.call("math", "add", 1, 1) == 2


def test_what_is_no_function(pool):
    if pool.runtime in REGISTERED:
        pytest.skip("what is no function cannot be registered")
    assert pool.call("math", "not_a_function" if pool.runtime == "python" else "notAFunction")[0] == "function_not_found"
    assert pool.call("math", "_hidden", [])[0] == "function_not_found"


def test_a_module_that_does_not_load_fails_its_calls_only(pool):
    if pool.runtime in REGISTERED:
        pytest.skip("modules are compiled before the first call")
    assert pool.call("broken", "x")[0] == "function_error"
    assert pool.call("broken", "x")[0] == "function_error"
    assert pool.call("math", "add", 5, 3) == 8


def test_folders_of_modules(pool):
    if pool.runtime in REGISTERED:
        pytest.skip("names are whatever was registered")
    if pool.runtime == "python":
        assert pool.call("deep.down", "Tools.twice", 4) == 8
    else:
        assert pool.call("deep.down", "add", 4, 4) == 8
        assert pool.call("deep/down", "twice", 4) == 8


def test_a_module_hides_nothing_of_the_standard_library(pool):
    if pool.runtime != "python":
        pytest.skip("a question of Python's path")
    assert pool.call("math", "whole", 1.5) == 1


def test_wrong_arguments(pool):
    if pool.runtime in ("python", "erlang", "elixir", "php") or pool.runtime in REGISTERED:
        code, message = pool.call("math", "add", 1)
        assert code == ("function_error" if pool.runtime == "python" else "invalid_input") and message


def test_every_offer_is_looked_at():
    assert set(OFFERED) == set(SOURCES)
