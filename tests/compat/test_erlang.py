"""The Erlang application against a real `erl` and the built program, and what a peer may do wrong on the port's wire."""
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, binary  # noqa: E402

NEEDS_ERL = pytest.mark.skipif(not shutil.which("erl"), reason="erl is missing: apt-get install erlang-base erlang-eunit")
RUNTIMES = [name for name, program in (("python", "python3"), ("node", "node"), ("go", "go")) if shutil.which(program) or os.path.exists(f"/usr/local/{program}/bin/{program}")]


def erlang_environment(tmp_path, **more):
    return {**os.environ, "TRIVET_BIN": binary(), "TRIVET_TEST_DATA": str(tmp_path / "state"), "BUILD": str(tmp_path / "build"),
            "ERL_CRASH_DUMP_SECONDS": "0", **more}


@NEEDS_ERL
def test_the_application(tmp_path):
    missing = {"python", "node", "go"} - set(RUNTIMES)
    done = subprocess.run(["make", "-C", str(ROOT / "sdk/erlang"), "test"], env=erlang_environment(tmp_path, TRIVET_TEST_RUNTIMES=" ".join(RUNTIMES)),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-6000:]
    passed = int(re.search(r"All (\d+) tests passed", done.stdout)[1])
    assert passed == 17 + 18 * len(RUNTIMES), done.stdout[-6000:]
    if missing:
        pytest.skip(f"passed, but without {' and '.join(sorted(missing))}: their toolchains are missing")


@NEEDS_ERL
def test_the_five_minutes_of_the_readme(tmp_path):
    """Its commands and its lines, as they stand there; what it shows is what comes."""
    page = (ROOT / "sdk/erlang/README.md").read_text()
    commands = re.search(r"```sh\n(.*?)erl -pa ebin\n```", page, re.S)[1].replace("/tmp/numbers", str(tmp_path / "numbers"))
    lines = re.search(r"```erlang\n(.*?)```", page, re.S)[1].replace("/tmp/numbers", str(tmp_path / "numbers"))
    subprocess.run(["bash", "-euc", commands], cwd=ROOT / "sdk/erlang", env=erlang_environment(tmp_path), check=True, stdout=subprocess.DEVNULL, timeout=60)
    typed = re.findall(r"^\d+> (.*)$", lines, re.M)
    shown = re.findall(r"^[{].*$", lines, re.M)
    assert len(typed) == 7 and len(shown) == 3
    environment = erlang_environment(tmp_path, PATH=os.path.dirname(os.path.abspath(binary())) + ":" + os.environ["PATH"],
                                     XDG_STATE_HOME=str(tmp_path / "state"))
    done = subprocess.run(["erl", "-pa", str(tmp_path / "build/ebin")], input="\n".join(typed + ["q()."]) + "\n", env=environment, cwd=tmp_path,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    flat = re.sub(r"\s+", "", done.stdout)
    for line in shown:
        assert re.sub(r"\s+", "", line.split("...")[0]).rstrip(",") in flat, done.stdout


@NEEDS_ERL
def test_vectors_are_what_a_node_writes():
    release = subprocess.run(["erl", "-noshell", "-eval", "io:put_chars(erlang:system_info(otp_release)), halt()."], capture_output=True, text=True, timeout=60)
    if release.stdout != "25":
        pytest.skip(f"the table was made with release 25, this is {release.stdout}: other releases write maps and atoms in another form")
    made = subprocess.run(["escript", str(ROOT / "tests/compat/etf_vectors.escript")], capture_output=True, text=True, timeout=60)

    def table(text):  # without what a formatter does to it
        return re.sub(r"\s+", "", re.sub(r'"\s+"', "", text[text.index("kEtfVectors"):]))

    assert table(made.stdout) == table((ROOT / "src/wire/etf_vectors_test.h").read_text())


@NEEDS_ERL
def test_erlports_wire(tmp_path):
    """The Python shim in place of ErlPort's own program, driven by a script that speaks ErlPort's side."""
    here = ROOT / "tests/compat/erlport"
    subprocess.run(["erlc", "-Werror", "-o", str(tmp_path), str(here / "erlport_tests.erl")], check=True, timeout=60)
    environment = {**os.environ, "ERLPORT_PY": str(ROOT / "runtimes/python/erlport.py"), "ERLPORT_DIR": str(here), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(["erl", "-noshell", "-pa", str(tmp_path), "-eval", "halt(case eunit:test(erlport_tests, [verbose]) of ok -> 0; _ -> 1 end)."],
                          env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200)
    assert done.returncode == 0, done.stdout[-6000:]
    assert int(re.search(r"All (\d+) tests passed", done.stdout)[1]) == 20


class Port:
    """`trivet port` by its pipes, without Erlang."""

    def __init__(self, tmp_path, *flags):
        self.process = subprocess.Popen([binary(), "port", "--data", str(tmp_path / "state"), *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)

    def send(self, term):
        self.process.stdin.write(struct.pack(">I", len(term)) + term)
        self.process.stdin.flush()

    def receive(self):
        size, = struct.unpack(">I", self.process.stdout.read(4))
        return self.process.stdout.read(size)

    def end(self):
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err.decode()


def test_the_end_of_input_is_a_success(tmp_path):
    assert Port(tmp_path).end() == (0, b"", "")


def test_an_input_that_is_a_file(tmp_path):
    with open("/dev/null", "rb") as nothing:
        done = subprocess.run([binary(), "port", "--data", str(tmp_path)], stdin=nothing, capture_output=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("garbage,says", [(b"hello, port\n", "over the limit of 67108864 bytes: 1751477356 bytes"), (b"\0\0\0\x09\x83h", "ended within a packet"),
                                          (b"\0\0", "ended within a packet"), (b"\xff\xff\xff\xff", "over the limit of 67108864 bytes: 4294967295 bytes")])
def test_what_is_no_packet_ends_it_with_a_sentence(tmp_path, garbage, says):
    port = Port(tmp_path)
    port.process.stdin.write(garbage)
    code, out, err = port.end()
    assert code == 1 and out == b"" and says in err and err.count("\n") <= 2


def test_what_is_no_term_is_refused_and_loses_nothing(tmp_path):
    port = Port(tmp_path)
    for bad in (b"", b"hello", b"\x83", b"\x83a", b"\x83h\x02d\x00\x04ping"):
        port.send(bad)
        assert b"bad_request" in port.receive()
    port.send(b"\x83h\x03d\x00\x04ping" + b"m\x00\x00\x00\x02id" + b"d\x00\x01p")
    assert port.receive() == b"\x83h\x03d\x00\x05replym\x00\x00\x00\x02idh\x02d\x00\x05errord\x00\x09not_found"
    assert port.end()[:2] == (0, b"")


def atom(name):
    return b"d" + struct.pack(">H", len(name)) + name


def text(value):
    return b"m" + struct.pack(">I", len(value)) + value


def tuple_of(*items):
    return b"h" + bytes([len(items)]) + b"".join(items)


def list_of(*items):
    return (b"l" + struct.pack(">I", len(items)) + b"".join(items) if items else b"") + b"j"


def start_pool(port, folder):
    options = list_of(tuple_of(atom(b"path"), text(str(folder).encode())), tuple_of(atom(b"pool_size"), b"a\x01"))
    port.send(b"\x83" + tuple_of(atom(b"start_pool"), b"a\x00", atom(b"p"), atom(b"python"), options))
    assert port.receive().endswith(tuple_of(atom(b"ok"), atom(b"started")))


def call(port, ident, module, function, *args):
    port.send(b"\x83" + tuple_of(atom(b"call"), ident, atom(b"p"), atom(module), atom(function), list_of(*args), atom(b"infinity")))


def test_the_end_of_input_waits_for_calls_in_flight(tmp_path):
    (tmp_path / "work.py").write_text("import time\ndef slow():\n    time.sleep(0.5)\n    return 'done'\n")
    port = Port(tmp_path)
    start_pool(port, tmp_path)
    call(port, b"a\x07", b"work", b"slow")
    code, out, err = port.end()
    assert (code, err) == (0, "")
    assert out[4:] == b"\x83" + tuple_of(atom(b"reply"), b"a\x07", tuple_of(atom(b"ok"), text(b"done")))


def family(pid):
    """The processes that come of it."""
    parents = {}
    for each in os.listdir("/proc"):
        try:
            parents[int(each)] = int(open(f"/proc/{each}/stat").read().rsplit(")", 1)[1].split()[1]) if each.isdigit() else 0
        except (OSError, ValueError):
            continue
    found, wave = [], [pid]
    while wave := [each for each, of in parents.items() if of in wave]:
        found += wave
    return found


def test_the_end_of_input_does_not_wait_for_ever(tmp_path):
    (tmp_path / "work.py").write_text("import time\ndef slow():\n    print('it began', flush=True)\n    time.sleep(60)\n")
    port = Port(tmp_path, "--drain-ms", "300")
    start_pool(port, tmp_path)
    call(port, b"a\x07", b"work", b"slow")
    while b"it began" not in port.process.stderr.readline():
        assert port.process.poll() is None
    everything = family(port.process.pid)
    begin = time.monotonic()
    assert port.end()[:2] == (0, b"")
    assert time.monotonic() - begin < 15
    assert len(everything) > 1 and not [pid for pid in everything if os.path.exists(f"/proc/{pid}")]


def test_a_program_that_is_asked_to_end_leaves_no_worker(tmp_path):
    (tmp_path / "work.py").write_text("def one():\n    return 1\n")
    port = Port(tmp_path)
    start_pool(port, tmp_path)
    call(port, b"a\x07", b"work", b"one")
    assert port.receive().endswith(tuple_of(atom(b"ok"), b"a\x01"))
    everything = family(port.process.pid)
    assert len(everything) > 1
    port.process.terminate()
    port.process.wait(20)
    deadline = time.monotonic() + 10
    while [pid for pid in everything if os.path.exists(f"/proc/{pid}")]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("flags,on_stderr", [((), True), (("--logs",), False), (("-q",), False)])
def test_what_functions_print(tmp_path, flags, on_stderr):
    (tmp_path / "work.py").write_text("def say(what):\n    print(what)\n")
    port = Port(tmp_path, *flags)
    start_pool(port, tmp_path)
    call(port, b"a\x07", b"work", b"say", text(b"hello there"))
    code, out, err = port.end()
    assert code == 0
    assert ("p | hello there\n" in err) == on_stderr
    assert (b"d\x00\x03log" in out and b"hello there" in out) == ("--logs" in flags)


def test_large_terms_and_a_peer_that_reads_late(tmp_path):
    (tmp_path / "work.py").write_text("def grow(n):\n    return 'x' * n\n")
    port = Port(tmp_path)
    start_pool(port, tmp_path)
    for ident in range(8):
        call(port, bytes([97, ident]), b"work", b"grow", b"b" + struct.pack(">i", 3_000_000))
    seen = set()
    for _ in range(8):
        reply = port.receive()
        assert reply.count(b"x") == 3_000_000
        seen.add(reply[reply.index(b"reply") + 6])
    assert seen == set(range(8))
    assert port.end() == (0, b"", "")
