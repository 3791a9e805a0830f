"""What a call of the BEAM leaves behind: no process, or a worker would end when there are as many as it may have."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from server import Server  # noqa: E402
from test_cli import RUNTIMES  # noqa: E402

COUNTS = {
    "erlang": ("main.erl", "-module(main).\n-export([handle/2]).\nhandle(_, _) -> spawn(fun() -> ok end), erlang:system_info(process_count).\n"),
    "elixir": ("main.exs", "defmodule Main do\n  def handle(_, _) do\n    spawn(fn -> :ok end)\n    :erlang.system_info(:process_count)\n  end\nend\n"),
}


@pytest.mark.parametrize("runtime", COUNTS)
def test_a_call_leaves_no_process(tmp_path, runtime):
    if not RUNTIMES[runtime]["available"]:
        pytest.skip("toolchain missing: " + RUNTIMES[runtime]["reason"])
    file, text = COUNTS[runtime]
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / file).write_text(text)
    (tmp_path / "f/trivet.yaml").write_text(f"runtime: {runtime}\nentrypoint: {file}\nscale: {{max: 1}}\n")
    with Server(tmp_path) as server:
        counts = [server.post("/function/f").json for _ in range(300)]
        assert all(isinstance(count, int) for count in counts), counts[:3]
        assert counts[-1] < counts[20] + 100, (counts[20], counts[-1])
