"""examples/dotnet-invoice, with a package that is not part of .NET; what only C# does."""
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    functions = tmp_path_factory.mktemp("functions")
    shutil.copytree(ROOT / "examples" / "dotnet-invoice", functions / "invoice")
    (functions / "slow").mkdir()
    (functions / "slow" / "trivet.yaml").write_text("runtime: dotnet\nentrypoint: main.cs\nlimits: {timeout: 1s}\n")
    (functions / "slow" / "main.cs").write_text(
        'using Trivet;\n\npublic static class Slow\n{\n    public static int Handler(int ms, Context ctx)\n    {\n        if (ms > 0)\n        {\n'
        '            Thread.Sleep(ms);\n            return Environment.ProcessId;\n        }\n        if (ctx.Cancellation.WaitHandle.WaitOne(10_000)) ctx.Log.Info("cancelled seen");\n'
        '        return 0;\n    }\n}\n')
    (functions / "packages").mkdir()
    (functions / "packages" / "main.cs").write_text("public static class F { public static int Handler() => 1; }\n")
    (functions / "packages" / "p.csproj").write_text('<Project><ItemGroup><PackageReference Include="No.Such.Package" Version="1" /></ItemGroup></Project>\n')
    (functions / "prints").mkdir()
    (functions / "prints" / "trivet.yaml").write_text("runtime: dotnet\nentrypoint: main.cs\nscale: {max: 1, overflow: 0, concurrency: 8}\n")
    (functions / "prints" / "main.cs").write_text(
        'public static class F\n{\n    public static async Task<string> Handler(string name)\n    {\n        Console.Write("I am ");\n'
        '        await Task.Delay(50);\n        Console.WriteLine(name);\n        return name;\n    }\n}\n')
    (functions / "boom").mkdir()
    (functions / "boom" / "trivet.yaml").write_text("runtime: dotnet\nentrypoint: main.cs\ninterface: stdio\n")
    (functions / "boom" / "main.cs").write_text('Console.In.ReadToEnd();\nif (!File.Exists(AppContext.BaseDirectory + "function.dll")) return 9;\nthrow new InvalidOperationException("so it ends");\n')
    with Server(functions) as running:
        row = {each["name"]: each for each in running.get("/v1/runtimes").json}["dotnet"]
        if not row["available"]:
            pytest.skip("toolchain missing: " + row["reason"])
        running.sdk = "sdk" in row["binary"] or (pathlib.Path(row["binary"]).resolve().parent / "sdk").is_dir()
        yield running


def test_an_invoice_is_worded_by_a_package(server):
    order = {"number": 3, "customer": "ada lovelace", "due": "2026-03-02", "lines": [{"item": "box", "count": 2, "price": 10.5}, {"item": "lamp", "count": 1, "price": 21}]}
    reply = server.post("/function/invoice", order)
    assert reply.status == 200, reply.text
    assert reply.json == {"subject": "Your 3rd order", "total": 42.0,
                          "text": "Dear Ada Lovelace, two boxes and one lamp for forty-two euro are due on the second of March 2026."}


def test_what_the_handler_cannot_take_names_the_place(server):
    reply = server.post("/function/invoice", {"number": "three"})
    assert (reply.status, reply.json["code"]) == (422, "INVALID_INPUT") and "$.number" in reply.json["detail"]
    reply = server.post("/function/invoice", {"number": 3, "customer": "a", "due": "2026-03-02", "lines": []})
    assert reply.json["code"] == "FUNCTION_ERROR" and "Invoice.cs:line 19" in reply.text and "Trivet." not in reply.text


def test_a_handler_that_blocks_its_thread_hears_of_its_cancellation(server):
    pid = server.post("/function/slow", 20).json
    reply = server.post("/function/slow", 0)
    assert (reply.status, reply.json["code"]) == (504, "FUNCTION_TIMEOUT")
    assert server.post("/function/slow", 20).json == pid  # it ended its call in time and was not killed
    assert "cancelled seen" in [line["message"] for line in server.log_lines(call=reply.headers["x-call-id"])]


def test_a_package_that_is_not_there_is_named(server):
    if server.sdk:
        pytest.skip("an SDK asks NuGet")
    reply = server.post("/function/packages", None)
    assert reply.json["code"] == "BUILD_FAILED" and "No.Such.Package" in reply.text and "SDK" in reply.text


def test_lines_of_calls_that_run_at_once_belong_to_their_calls(server):
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        replies = list(threads.map(lambda name: server.post("/function/prints", name), "abcd"))
    for reply in replies:
        assert [line["message"] for line in server.log_lines(call=reply.headers["x-call-id"])] == ["I am " + reply.json]


def test_a_program_that_throws_ends_as_programs_of_dotnet_do(server):
    for _ in range(2):  # once started, once from a spare
        reply = server.post("/function/boom", {})
        assert (reply.json["code"], reply.json["signal"]) == ("FUNCTION_CRASHED", "SIGABRT"), reply.text
        assert "Unhandled exception. System.InvalidOperationException: so it ends" in reply.json["stderr"] and "./main.cs:line 3" in reply.json["stderr"]
