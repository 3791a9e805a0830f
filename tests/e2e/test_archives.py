"""Functions that come as archives: what is in one is a function's folder."""
import io
import pathlib
import stat
import sys
import tarfile
import zipfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server  # noqa: E402
from test_cli import trivet  # noqa: E402
from test_reload import within  # noqa: E402

MAIN = "from helper import V\ndef handler(input, ctx):\n    return V\n"


def files_saying(value, below=""):
    return {below + "main.py": MAIN, below + "helper.py": f"V = {value!r}\n"}


def pack(path, files):
    """By the ending of its name, as other programs make them."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return
    with tarfile.open(path, "w:" + {".tar": "", ".xz": "xz"}.get(path.suffix, "gz")) as archive:
        for name, text in files.items():
            add(archive, name, text)


def add(archive, name, text="", **fields):
    entry = tarfile.TarInfo(name)
    entry.size = len(text)
    for field, value in fields.items():
        setattr(entry, field, value)
    archive.addfile(entry, io.BytesIO(text.encode()))


@pytest.mark.parametrize("name", ["f.zip", "f.tar.gz", "f.tgz", "f.tar.xz", "f.tar"])
def test_an_archive_is_a_function_of_its_name(tmp_path, name):
    pack(tmp_path / name, files_saying(name, "f-1.0/" if "gz" in name else ""))
    with Server(tmp_path) as server:
        assert server.post("/function/f").json == name
        assert [row["name"] for row in server.get("/v1/functions").json["functions"]] == ["f"]


def test_one_archive_is_run_without_a_server(tmp_path):
    pack(tmp_path / "f.zip", files_saying("alone"))
    done = trivet("run", str(tmp_path / "f.zip"))
    assert (done.returncode, done.stdout.strip()) == (0, '"alone"'), done.stderr


def test_an_archive_has_a_manifest_and_packages_like_a_folder(tmp_path):
    files = {"app/trivet.yaml": "name: pages\nentrypoint: app/main.py\nenv: {V: moin}\n", "app/app/main.py": "import os\ndef handler(input, ctx):\n    return os.environ['V']\n"}
    pack(tmp_path / "f.zip", files)
    with Server(tmp_path) as server:
        assert server.post("/function/pages").json == "moin"


def test_another_archive_in_its_place_is_the_next_version(tmp_path):
    pack(tmp_path / "f.zip", files_saying("one"))
    with Server(tmp_path, verb="dev") as server:
        assert server.post("/function/f").json == "one"
        pack(tmp_path / "next", files_saying("two"))
        (tmp_path / "next").rename(tmp_path / "f.tar.gz")
        (tmp_path / "f.zip").unlink()
        assert within(20, lambda: server.post("/function/f").json == "two")


def test_what_is_wrong_in_an_archive_is_said_with_its_name(tmp_path):
    pack(tmp_path / "bad.zip", {"main.py": MAIN, "trivet.yaml": "bogus: 1\n"})
    pack(tmp_path / "empty.zip", {"README": "nothing"})
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04 and no more")
    pack(tmp_path / "good.zip", files_saying("good"))
    with Server(tmp_path) as server:
        said = {problem["function"]: problem["message"] for problem in server.get("/v1/functions").json["problems"]}
        assert f"{tmp_path}/bad.zip/trivet.yaml:1" in said["bad"] and "bogus" in said["bad"]
        assert f"{tmp_path}/empty.zip" in said["empty"] and "nothing in it is a function" in said["empty"]
        assert "torn.zip" in said["torn"]
        assert server.post("/function/torn").json["code"] == "INVALID_MANIFEST"
        assert server.post("/function/good").json == "good"


HOSTILE = {
    "outside": lambda archive: add(archive, "../out", "x"),
    "absolute": lambda archive: add(archive, "/tmp/trivet-out", "x"),
    "link": lambda archive: add(archive, "etc", type=tarfile.SYMTYPE, linkname="/etc"),
    "through": lambda archive: (add(archive, "a", type=tarfile.SYMTYPE, linkname="."), add(archive, "a/../../out", "x")),
    "hardlink": lambda archive: add(archive, "shadow", type=tarfile.LNKTYPE, linkname="/etc/shadow"),
    "fifo": lambda archive: add(archive, "pipe", type=tarfile.FIFOTYPE),
    "device": lambda archive: add(archive, "null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
}


def test_an_archive_that_would_leave_its_folder_is_refused(tmp_path):
    root = tmp_path / "functions"
    root.mkdir()
    for name, put in HOSTILE.items():
        with tarfile.open(root / (name + ".tar"), "w") as archive:
            add(archive, "main.py", MAIN)
            put(archive)
    pack(root / "good.zip", files_saying("good"))
    with tarfile.open(root / "setuid.tar", "w") as archive:
        for name, text in files_saying("setuid").items():
            add(archive, name, text, mode=0o4755)
    with Server(root) as server:
        problems = {problem["function"] for problem in server.get("/v1/functions").json["problems"]}
        assert problems == set(HOSTILE)
        assert server.post("/function/good").json == "good" and server.post("/function/setuid").json == "setuid"
        kept = [path for path in pathlib.Path(server.temp.name).rglob("*") if path.is_file() and not path.is_symlink()]
        assert not any(path.name in ("out", "shadow") for path in kept)
        assert not any(path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID) for path in kept)
    assert not pathlib.Path("/tmp/trivet-out").exists()
