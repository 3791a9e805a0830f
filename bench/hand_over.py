"""Line `profile` of bench/run: where the time of a call goes with one connection, for a function and its usual server. It explains line 4.

A function is one process more than a server of its language: a call is handed to it and back. What that costs depends on where the kernel puts the two.

    one CPU    server, workers and load generator on CPU 0: no hand-over wakes an idle CPU
    apart      trivet on CPU 0, its workers and the load generator on CPU 1: every hand-over does. All of the language's server is on CPU 0
    free       as the kernel likes
"""
import collections
import contextlib
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

import beside
import rig
from bare import Client

OURS = "trivet"
CALLS = 400  # counted under strace
PLACES = {"free": (None, None, None), "one CPU": (0, 0, 0), "apart": (0, 1, 1)}  # server, its other processes, load generator


def pin(pids, cpu):
    """All threads of these processes."""
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(thread), range(os.cpu_count()) if cpu is None else {cpu})


def placed(options, targets):
    """place -> name -> (p50, CPU): us a call with one connection, medians of rounds in turns. `targets`: name -> (port, path, pid)."""
    runs = collections.defaultdict(lambda: collections.defaultdict(list))
    try:
        for _ in range(options.rounds):
            for place, (first, others, ours) in PLACES.items():
                for name, (port, path, pid) in targets.items():
                    pin(rig.tree(pid)[1:], others if name == OURS else first)
                    pin([pid], first)
                    pin([os.getpid()], ours)  # the load generator has it from us
                    figures = rig.load(port, 1, options.seconds, path, rig.tree(pid))
                    runs[place][name].append((figures["p50_us"], figures["cpu_us"]))
    finally:
        pin([os.getpid()], None)
    return {place: {name: [statistics.median(part) for part in zip(*all_of)] for name, all_of in names.items()} for place, names in runs.items()}


def spent(pid):
    """CPU us so far, and how often its threads have slept."""
    slept = 0
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        slept += int(status.read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return time.clock_gettime((~pid << 3) | 2) * 1e6, slept  # the process's CPU clock


def parts(port, pids):
    """CPU us, sleeps and system calls of each process for a call."""
    client = Client(port)
    before = {name: spent(pid) for name, pid in pids.items()}
    for _ in range(10 * CALLS):
        client.call("echo")
    found = {name: [(now - then) / (10 * CALLS) for now, then in zip(spent(pid), before[name])] for name, pid in pids.items()}
    return {name: (*found[name], system_calls(client, pid)) for name, pid in pids.items()}


def system_calls(client, pid):
    """What a process asks of the kernel for a call, as text."""
    if not rig.installed("strace"):
        return "strace is not installed"
    with tempfile.NamedTemporaryFile("r") as out:
        tracer = subprocess.Popen(["strace", "-f", "-c", "-U", "name,calls", "-o", out.name, "-p", str(pid)], stderr=subprocess.PIPE)
        tracer.stderr.readline()  # attached
        for _ in range(CALLS):
            client.call("echo")
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()
        counts = [line.split() for line in out.read().splitlines()]
    per_call = {words[0]: int(words[1]) / CALLS for words in counts if len(words) == 2 and words[1].isdigit() and words[0] != "total"}
    return ", ".join(f"{name} {times:.1f}" for name, times in sorted(per_call.items(), key=lambda pair: -pair[1]) if times >= 0.1)


def profile(options, runtime, peer):
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory())
        shutil.copytree(rig.FUNCTIONS / runtime, pathlib.Path(place, "echo"))
        port, pid = stack.enter_context(rig.trivet(options, place))
        peer_port, peer_pid = stack.enter_context(peer.server())
        rig.first_call(port, "/function/echo")
        rig.load(port, 1, max(1, options.seconds), "/function/echo", [])
        rig.load(peer_port, 1, max(1, options.seconds), "/", [])
        for where, by_name in placed(options, {OURS: (port, "/function/echo", pid), peer.name: (peer_port, "/", peer_pid)}).items():
            (ours, cpu), (theirs, their_cpu) = by_name[OURS], by_name[peer.name]
            print(f"    {where:8} p50 {ours:6.1f} us, beside {peer.name} {theirs:6.1f}: {ours - theirs:+6.1f}    CPU {cpu:6.1f} us, beside {their_cpu:6.1f}: {cpu - their_cpu:+6.1f}", flush=True)
        worker = next(row["pid"] for row in Client(port).workers() if row["kind"] == "worker" and row["function"] == "echo" and row["pid"] > 0)
        for name, (cpu, slept, calls) in parts(port, {"server": pid, "worker": worker}).items():
            print(f"    {name:8} CPU {cpu:5.1f} us, sleeps {slept:4.1f} times a call: {calls}", flush=True)


def line_profile(options):
    print(f"profile  one connection: where a call's time goes  [load {os.getloadavg()[0]:.2f}]")
    known = rig.known_runtimes()
    for runtime in rig.runtimes_with_functions(options):
        print(f"  {runtime}", flush=True)
        peers = [peer for peer in beside.peers_of(runtime, options)[0] if peer.line == 4]
        why = "its toolchain is not installed" if not known[runtime]["available"] else peers[0].why_not() if peers else "it has no peer"
        if why:
            print(f"    SKIPPED, {why}")
        else:
            profile(options, runtime, peers[0])
