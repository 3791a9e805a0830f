"""What the lines of bench/run share: servers, the load generator, and rows beside a floor or a peer."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TRIVET = pathlib.Path(os.environ.get("TRIVET_BIN") or ROOT / "build" / "release" / "trivet").resolve()
BUILD = TRIVET.parent
FUNCTIONS = ROOT / "bench" / "functions"
BODY = '{"name":"Ada","items":[1,2,3,4,5,6,7,8],"text":"eighty-four bytes of JSON input"}'
PATH = f"{ROOT / '.toolchains' / 'bin'}:{os.environ.get('PATH', '')}:/usr/sbin"  # where runtimes and peers are looked for


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Failed(Exception):
    """Something that is measured does not work. Says what."""


def wait_for(port, process, errors):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None:
            errors.seek(0)
            raise Failed(f"{process.args[0]} ended: {errors.read().decode(errors='replace')[-500:].strip()}")
        time.sleep(0.01)
    raise Failed(f"{process.args[0]} does not listen")


@contextlib.contextmanager
def server(command, port, **more):
    """Its pid, once it listens. It has a session of its own, all of which ends with the block."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                                   start_new_session=True, **more)
        try:
            wait_for(port, process, errors)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextlib.contextmanager
def trivet(options, functions, *flags):
    port = free_port()
    with server([TRIVET, "serve", functions, "--listen", f"127.0.0.1:{port}", "--data", options.data, "--quiet", *flags], port) as pid:
        yield port, pid


def tree(pid):
    """pid and everything below it."""
    children = {}
    for line in subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = [pid]
    for each in found:  # grows while it is read
        found += children.get(each, [])
    return found


def first_call(port, path):
    """What it takes to build the function is not the load generator's to wait for."""
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", BODY.encode(), {"Content-Type": "application/json"}), timeout=300):
            pass
    except urllib.error.HTTPError as error:
        raise Failed(f"{path}: {error.read().decode(errors='replace')[:500]}") from None


def load(port, connections, seconds, path, pids):
    """One run of the load generator against one server: its figures."""
    command = [BUILD / "bench" / "load", str(port), str(connections), str(seconds), path, BODY, ",".join(map(str, pids))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(done.stderr.strip())
    figures = json.loads(done.stdout)
    if figures["failed"]:
        raise Failed(f"{figures['failed']} answers of {path} were not 200")
    figures["mean_us"] = connections * 1e6 / figures["rps"]
    return figures


def in_turns(targets, connections, rounds, seconds):
    """targets: name -> (port, path, pids). Medians by name."""
    runs = {name: [] for name in targets}
    for _ in range(rounds):
        for name, (port, path, pids) in targets.items():
            try:
                runs[name].append(load(port, connections, seconds, path, pids()))
            except Failed as failed:
                raise Failed(f"{name}: {failed}") from None
    return {name: {key: statistics.median(run[key] for run in all) for key in all[0]} for name, all in runs.items()}


def row(label, ours, other, target):
    beside = f"beside {other:9.1f}   {ours / other:5.2f}x" if other else " " * 25
    print(f"    {label:44} {ours:9.1f}  {beside}   target {target[1]}{'' if target[0](ours, other) else '   over'}", flush=True)


def at_most(factor):
    return (lambda ours, other: ours <= other * factor, f"<= {factor}x")


NO_TARGET = (lambda ours, other: True, "none")


def runtimes_with_functions(options):
    """Names of bench/functions/ that were asked for."""
    return [p.name for p in sorted(FUNCTIONS.iterdir()) if p.is_dir() and p.name in (options.runtime or [p.name])]


def known_runtimes():
    done = subprocess.run([TRIVET, "runtimes", "--output", "json", "--server", "none"], capture_output=True, text=True, check=True, env={**os.environ, "PATH": PATH})
    return {row["name"]: row for row in json.loads(done.stdout)}


def installed(need):
    """A file, or a program on PATH."""
    return pathlib.Path(need).exists() if "/" in need else shutil.which(need, path=PATH) is not None


def stop(what):
    sys.exit(f"bench: {what}")
