"""examples/cpp-chart: a function with a Debian library; functions that CMake and make build."""
import pathlib
import shutil
import struct
import subprocess
import sys
import zlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402

if not shutil.which("g++"):
    pytest.skip("toolchain missing: g++", allow_module_level=True)
HANDLER = """#include <trivet.hpp>
#include "twice.h"

int handler(int n, trivet::Context&) { return twice(n); }
TRIVET_SERVE_JSON(handler)
"""
CMAKE = """cmake_minimum_required(VERSION 3.16)
project(twice LANGUAGES CXX)
find_package(trivet REQUIRED)
add_executable(worker main.cpp twice.cpp)
target_link_libraries(worker PRIVATE trivet::trivet)
"""
MAKE = """worker: main.cpp twice.cpp
\t$(CXX) -std=c++17 -O1 $(TRIVET_CPPFLAGS) $^ $(TRIVET_LIBS) -o $@
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions")
    shutil.copytree(ROOT / "examples/cpp-chart", folder / "chart")
    for name, file, text in [("cmake", "CMakeLists.txt", CMAKE), ("make", "Makefile", MAKE), ("plain", "extra.hpp", "")]:
        (folder / name).mkdir()
        (folder / name / file).write_text(text)
        main = HANDLER if file != "extra.hpp" else HANDLER.rsplit("\n", 2)[0] + "\n"
        for source, code in [("main.cpp", main), ("twice.cpp", "int twice(int n) { return 2 * n; }\n"), ("twice.h", "int twice(int n);\n")]:
            (folder / name / source).write_text(code)
        (folder / name / "trivet.yaml").write_text("runtime: cpp\nentrypoint: main.cpp\n")
    with Server(folder) as running:
        yield running


def pixels(png):
    """Width, height, colours and rows of colour numbers of a PNG with a palette."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at:at + 8])
        chunks[kind] = chunks.get(kind, b"") + png[at + 8:at + 8 + size]
        at += 12 + size
    width, height, depth = struct.unpack(">IIB", chunks[b"IHDR"][:9])
    raw, line = zlib.decompress(chunks[b"IDAT"]), (width * depth + 7) // 8
    rows = [raw[y * (line + 1):(y + 1) * (line + 1)] for y in range(height)]
    assert all(row[0] == 0 for row in rows), "rows are not filtered"
    return width, height, chunks[b"PLTE"], [[row[1 + x * depth // 8] >> (8 - depth - x * depth % 8) & ((1 << depth) - 1) for x in range(width)] for row in rows]


@pytest.mark.skipif(subprocess.run(["sh", "-c", "pkg-config --exists libpng"]).returncode != 0, reason="libpng-dev or pkg-config is missing")
def test_a_chart_is_drawn(server):
    reply = server.post("/function/chart", {"values": [4, 2, 0], "width": 30, "height": 8, "color": "#ff8000"})
    assert reply.status == 200, reply.text
    assert reply.headers["content-type"].startswith("image/png")
    width, height, colors, rows = pixels(reply.body)
    assert (width, height) == (30, 8) and colors[:6] == b"\xff\xff\xff\xff\x80\x00"
    assert [sum(row[x] for row in rows) for x in (0, 8, 9, 10, 18, 19, 20, 29)] == [8, 8, 0, 4, 4, 0, 0, 0]
    for wrong, why in [({"values": []}, "at least one"), ({"values": [1], "width": 9999}, "4000"), ({"values": ["a"]}, "values[0] is a text"), ({"values": [1], "color": "red"}, "#336699")]:
        reply = server.post("/function/chart", wrong)
        assert reply.status == 400 and why in reply.json["error"]


@pytest.mark.parametrize("name", ["cmake", "make", "plain"])
def test_a_folder_builds_itself(server, name):
    if name != "plain" and not shutil.which(name):
        pytest.skip(f"{name} is missing")
    reply = server.post("/function/" + name, 21)
    assert (reply.status, reply.text) == (200, "42"), reply.text
    reply = server.post("/function/" + name, "many")
    assert reply.status == 422 and "whole number" in reply.json["detail"]
    assert not list((pathlib.Path(server.process.args[2]) / name).glob("worker"))
