"""sandbox.net: a confined function reaches the named destinations and nothing else. The host runs in a network namespace of the test's own; the
destination is another one, behind a veth pair, and has names that are in the test's own /etc/hosts."""
import os
import pathlib
import shutil
import signal
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server, binary  # noqa: E402

UPSTREAM = """import os, signal, socket, sys
signal.alarm(300)
open(sys.argv[1], "w").write(str(os.getpid()))
while True:
    try: listening = socket.create_server(("10.99.0.2", 8080)); break
    except OSError: signal.sigtimedwait([], 0.02)
open(sys.argv[1] + ".ready", "w")
while True:
    connection = listening.accept()[0]
    connection.sendall(connection.recv(65536).upper())
    connection.close()
"""

# The first argument is a folder, the others are the command that is to run inside.
INSIDE = """set -e
folder=$1; shift
ip link set lo up
unshare --net python3 $folder/upstream.py $folder/pid </dev/null >/dev/null 2>&1 &
until [ -s $folder/pid ]; do sleep 0.02; done
pid=$(cat $folder/pid)
ip link add v0 type veth peer name v1 netns $pid
ip addr add 10.99.0.1/24 dev v0; ip link set v0 up
nsenter -t $pid -n ip addr add 10.99.0.2/24 dev v1; nsenter -t $pid -n ip link set v1 up
mount --bind $folder/hosts /etc/hosts
until [ -e $folder/pid.ready ]; do sleep 0.02; done
exec "$@"
"""

PYTHON = """import socket
def handler(input, ctx):
    try:
        with socket.create_connection((input["host"], input["port"]), 5) as connection:
            connection.sendall(b"ping")
            return connection.recv(100).decode()
    except OSError as error:
        return type(error).__name__ + " " + str(error.errno)
"""
NODE = """const net = require('net');
module.exports = ({ host, port }) => new Promise(done => {
  const connection = net.connect(port, host, () => connection.write('ping'));
  connection.on('data', d => { done(d.toString()); connection.destroy(); }).on('error', e => done(e.code)).on('end', () => done('end'));
});
"""
REACHED = "PING"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    for program in ("ip", "unshare", "nsenter"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    if os.geteuid() != 0:
        pytest.skip("a veth pair needs root")
    folder = tmp_path_factory.mktemp("net")
    folder.chmod(0o755)
    write(folder / "upstream.py", UPSTREAM)
    write(folder / "inside.sh", INSIDE)
    write(folder / "hosts", "127.0.0.1 localhost\n10.99.0.2 api.internal.test\n10.99.0.1 host.test\n127.0.0.1 local.test\n169.254.169.254 cloud.test\n")
    net = "[api.internal.test:8080, api.internal.test:8081, 10.99.0.2:8080, host.test:8080, local.test:8080, cloud.test:80]"
    for name, file, text in (("py", "main.py", PYTHON), ("js", "index.js", NODE)):
        write(folder / f"f/{name}/{file}", text)
        write(folder / f"f/{name}/trivet.yaml", f"sandbox: {{level: sandbox, net: {net}}}\n")
    write(folder / "f/alone/main.py", PYTHON)
    write(folder / "f/alone/trivet.yaml", "sandbox: {level: sandbox}\n")
    wrapper = write(folder / "wrapper", f'#!/bin/sh\nexec unshare --net --mount sh {folder}/inside.sh {folder} {binary()} "$@"\n')
    wrapper.chmod(0o755)
    before = os.environ.get("TRIVET_BIN")
    os.environ["TRIVET_BIN"] = str(wrapper)
    try:
        started = Server(folder / "f")
    finally:
        if before is None:
            del os.environ["TRIVET_BIN"]
        else:
            os.environ["TRIVET_BIN"] = before
    with started:
        yield started
    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)


def call(server, function, host, port=8080):
    reply = server.post(f"/function/{function}", {"host": host, "port": port})
    assert reply.status == 200, reply.text
    return reply.json


@pytest.mark.parametrize("function", ["py", "js"])
def test_a_name_and_an_address_are_reached(server, function):
    assert call(server, function, "api.internal.test") == REACHED
    assert call(server, function, "10.99.0.2") == REACHED


@pytest.mark.parametrize("function", ["py", "js"])
@pytest.mark.parametrize("host, why", [("host.test", "10.99.0.1 is an address of this host"), ("local.test", "127.0.0.1 is a loopback address")])
def test_a_name_that_leads_to_the_host_is_reset_and_the_log_says_why(server, function, host, why):
    assert "RESET" in call(server, function, host).upper() or "104" in call(server, function, host)
    deadline = time.monotonic() + 10
    while not any(why in line["message"] for line in server.log_lines(function=function)):
        assert time.monotonic() < deadline, server.log_lines(function=function)
        time.sleep(0.05)


@pytest.mark.parametrize("function", ["py", "js"])
def test_what_is_not_named_fails_fast(server, function):
    began = time.monotonic()
    for host, port, errors in (("10.99.0.1", 8080, ("101", "ENETUNREACH")), ("169.254.169.254", 80, ("101", "ENETUNREACH")),
                               ("api.internal.test", 22, ("111", "ECONNREFUSED")), ("other.internal.test", 8080, ("gaierror", "ENOTFOUND"))):
        said = call(server, function, host, port)
        assert any(error in said for error in errors), (host, port, said)
    assert time.monotonic() - began < 5


def test_a_function_without_destinations_has_no_network(server):
    assert "gaierror" in call(server, "alone", "api.internal.test")
    assert "101" in call(server, "alone", "10.99.0.2")


def test_connections_are_counted(server):
    call(server, "py", "api.internal.test")
    text = server.get("/metrics").text
    counts = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("trivet_net_"))
    assert float(counts['trivet_net_connections_total{function="py"}']) >= 1
    assert float(counts['trivet_net_received_bytes_total{function="py"}']) >= len(REACHED)
    assert 'trivet_net_connections_total{function="alone"}' not in counts
