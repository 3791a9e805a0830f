"""Hostile calls of every kind among good ones: every good one is right, and nothing is left. TRIVET_STORM is the number of hostile calls, with ten times
as many good ones; 1000 for the whole storm."""
import collections
import os
import pathlib
import random
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import leftovers  # noqa: E402
from range import LIMITS, Range, descendants, doctor, layers, missing, until_none, wait_until  # noqa: E402

HOSTILE = int(os.environ.get("TRIVET_STORM", "60"))
GOOD = {
    "python": ("main.py", "def handler(input, ctx):\n    return input\n"),
    "node": ("main.mjs", "export default (input) => input;\n"),
    "ruby": ("main.rb", "def handler(input, ctx) = input\n"),
    "lua": ("main.lua", "return function(input) return input end\n"),
    "go": ("function.go", "package function\n\nfunc Handler(input any) (any, error) { return input, nil }\n"),
}
WICKED = ["python", "node", "ruby", "lua", "php", "perl", "go"]
# What a hostile call does, how often, and the answers that are right besides 200: its worker may be killed for it.
KILLED = {"FUNCTION_CRASHED", "FUNCTION_ERROR", "FUNCTION_TIMEOUT", "LOAD_FAILED", "CIRCUIT_OPEN", "OVERLOADED"}
CALLS = [
    (6, "spawn", ["{probe}", "read:/etc/shadow", "kill:{server}", "write:{source}", "unshare:user", "mount", "ptrace:{server}"], set()),
    (2, "spawn", ["{probe}", "forks:200"], KILLED),
    (2, "spawn", ["{probe}", "threads:200"], KILLED),
    (2, "spawn", ["{probe}", "private:400"], KILLED),
    (1, "spawn", ["{probe}", "memfd:400"], KILLED),
    (2, "spawn", ["{probe}", "fill:/tmp:32"], KILLED),
    (1, "spawn", ["{probe}", "inodes:/tmp:5000"], KILLED),
    (2, "spawn", ["{probe}", "daemon:{daemon}"], KILLED),
    (2, "memory", "400", KILLED),
    (2, "tasks", "100", KILLED),
    (2, "print", "3000", KILLED),
    (2, "reply", "3", {"INVALID_OUTPUT"} | KILLED),
    (1, "spin", "", {"FUNCTION_TIMEOUT"} | KILLED),
]


class Callers:
    """Good calls by some threads, until told otherwise."""

    def __init__(self, at, names, threads=4):
        self.at, self.names, self.seconds, self.wrong, self.is_open = at, names, [], [], True
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(threads)]
        [thread.start() for thread in self.threads]

    def run(self, who):
        n = 0
        while self.is_open:
            n += 1
            body = {"who": who, "n": n, "text": "x" * (n % 500)}
            started = time.monotonic()
            try:
                reply = self.at.server.post(f"/function/{self.names[n % len(self.names)]}", body)
                right, said = reply.status == 200 and reply.json == body, reply.text[:500]
            except OSError as error:
                right, said = False, repr(error)
            self.seconds.append(time.monotonic() - started)
            if not right:
                self.wrong.append(said)

    def end(self):
        self.is_open = False
        [thread.join() for thread in self.threads]
        return sorted(self.seconds)


def percentile(ordered, part):
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000


def storm(at, level, names, count):
    """Hostile calls by three threads; (outcome -> how many), and what was not right."""
    dice, outcomes, wrong, lock = random.Random(17), collections.Counter(), [], threading.Lock()
    kinds = [call for call in CALLS for _ in range(call[0])]
    left = iter([(dice.choice(names), dice.choice(kinds)) for _ in range(count)])

    def run():
        while True:
            with lock:
                runtime, (_, attack, argument, right) = next(left, (None, (0, "", "", set())))
            if runtime is None:
                return
            name = f"{runtime}-{level}" + ("-short" if attack == "spin" else "")
            words = {"probe": at.functions / name / "probe", "server": at.server.process.pid, "source": at.functions / name / "trivet.yaml", "daemon": "hd" + at.token}
            argument = [each.format(**words) for each in argument] if isinstance(argument, list) else argument
            try:
                reply = at.call(name, attack, argument, timeout=240)  # it may have to be built
                code, said = "200" if reply.status == 200 else reply.json["code"], reply.text[:500]
            except OSError as error:
                code = said = repr(error)
            with lock:
                outcomes[code] += 1
                if code != "200" and code not in right:
                    wrong.append(f"{runtime} {attack} {argument}: {said}")

    threads = [threading.Thread(target=run) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return outcomes, wrong


def resident(pid):
    return int(next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS:")).split()[1]) >> 10


@pytest.mark.parametrize("level", ["sandbox"])
def test_good_calls_come_through_a_storm_of_hostile_ones(level):
    known, before = layers(doctor()), leftovers.seen()
    if not known:
        pytest.skip("this trivet does not confine: `trivet doctor` knows no layers")
    if why := missing(known, level):
        pytest.skip(f"{level} cannot be had here: " + "; ".join(why))
    good = {f"good-{runtime}": ({file: text}, {"runtime": runtime, "entrypoint": file, "sandbox": {"level": level}, "limits": LIMITS, "scale": {"max": 2, "overflow": 0}})
            for runtime, (file, text) in GOOD.items()}
    with Range(WICKED, [level], known, more=good) as at:
        here = {row["name"] for row in at.server.get("/v1/functions").json["functions"] if row["available"]}
        names = [name for name in good if name in here]
        wicked = [runtime for runtime in WICKED if f"{runtime}-{level}" in here]
        for name in [*names, *(f"{runtime}-{level}" for runtime in wicked)]:
            reply = at.server.post(f"/function/{name}", {"attack": "environment"}, timeout=240)  # built and started
            assert reply.status == 200, f"{name}: {reply.text[:1000]}"
        calm = undisturbed(at, names)
        memory, callers, started = resident(at.server.process.pid), Callers(at, names), time.monotonic()
        outcomes, wrong = storm(at, level, wicked, HOSTILE)
        wait_until(lambda: len(callers.seconds) >= HOSTILE * 10 or callers.wrong, 300)
        seconds = callers.end()
        took = time.monotonic() - started
        print(f"\n{sum(outcomes.values())} hostile calls ({dict(outcomes)}) and {len(seconds)} good ones in {took:.1f} s, {len(callers.wrong)} of them wrong; "
              f"the server grew by {resident(at.server.process.pid) - memory} MiB")
        print(f"good calls: p50 {percentile(calm, 0.5):.2f} ms undisturbed, {percentile(seconds, 0.5):.2f} ms in the storm; "
              f"p99 {percentile(calm, 0.99):.2f} ms and {percentile(seconds, 0.99):.2f} ms: {percentile(seconds, 0.99) / percentile(calm, 0.99):.1f} times")
        assert callers.wrong == [] and wrong == [] and sum(outcomes.values()) == HOSTILE
        assert resident(at.server.process.pid) - memory < 128
        tree = [(pid, leftovers.born(pid)) for pid in descendants(at.server.process.pid)]
        at.close()
        until_none(lambda: leftovers.called("hd" + at.token) + [leftovers.about(pid) for pid, born in tree if born and leftovers.born(pid) == born])
        until_none(lambda: leftovers.seen().after(before, at))


def undisturbed(at, names):
    callers = Callers(at, names)
    wait_until(lambda: len(callers.seconds) >= max(1000, HOSTILE * 10) or callers.wrong, 300)
    ordered = callers.end()
    assert callers.wrong == []
    return ordered
