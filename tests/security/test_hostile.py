"""Hostile functions of every runtime at every level: what they hear from inside, and what can be seen from outside afterwards.

attacks.yaml lists the attacks. Each is tried by the test's own process first: one that does not work there proves nothing, and is counted."""
import contextlib
import json
import os
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import leftovers  # noqa: E402
from outcomes import named  # noqa: E402
from range import ATTACKS, LEVELS, Range, descendants, doctor, function_of, layers, missing, runtimes, until_none, wait_until, workers  # noqa: E402
from server import ROOT, UnixConnection  # noqa: E402

NAMES = runtimes()


@pytest.fixture(scope="module")
def at():
    before, known = leftovers.seen(), layers(doctor())
    with Range([name for name in NAMES if function_of(name).exists()], LEVELS if known else ["trusted"], known) as running:
        if running.probe is None:
            pytest.skip("gcc cannot link the probe: install gcc and libc6-dev")
        assert running.server.get("/v1/functions").json["problems"] == []
        running.available = {row["name"] for row in running.server.get("/v1/functions").json["functions"] if row["available"]}
        running.layers = known
        yield running
    assert running.neighbour.wrong == []
    until_none(lambda: leftovers.seen().after(before, running))


@pytest.fixture(scope="module")
def baseline(at):
    """attack -> what the test's own process hears."""
    words = at.words("neighbour" if not at.levels else next(p.name for p in at.functions.iterdir() if p.name != "neighbour"))
    asked = {row["attack"]: row["attack"].format(**words) for row in ATTACKS}
    here = {row["attack"]: row.get("here", asked[row["attack"]]) for row in ATTACKS}
    heard = at.from_here(list(here.values()))
    answers = {attack: heard[text]["outcome"] for attack, text in here.items()}
    absent = sorted(attack for attack, answer in answers.items() if answer != "allowed")
    print(f"{len(answers) - len(absent)} of {len(answers)} attacks work here without confinement; not there: " + ", ".join(f"{a} ({answers[a]})" for a in absent))
    return answers


def ready(at, runtime, level):
    """The function's name, or a skip that says why."""
    assert function_of(runtime).exists(), f"tests/security/functions/{runtime} is missing: every runtime has a hostile function"
    if f"{runtime}-{at.levels[0]}" not in at.available:
        pytest.skip("toolchain missing")
    if level not in at.levels:
        pytest.skip("this trivet does not confine: `trivet doctor` knows no layers")
    if why := missing(at.layers, level):
        pytest.skip(f"{level} cannot be had here: " + "; ".join(why))
    name = f"{runtime}-{level}"
    reply = at.call(name, "environment", timeout=240)  # it may have to be built
    assert reply.status == 200 and reply.json["outcome"] == "allowed", reply.text[:3000]
    return name


def wanted(row, level, baseline):
    if level == "trusted":
        return [baseline[row["attack"]]]
    return row.get(level, row["sandbox"])


def judge(row, level, outcome, baseline):
    """None, or what is wrong with this answer."""
    right = wanted(row, level, baseline)
    if right == "any" or outcome in right or (level == "strict" and outcome == "SIGSYS" and "ENOSYS" in right):
        return None
    if level != "trusted" and baseline[row["attack"]] != "allowed" and outcome != "allowed":
        return None  # it is not there on this machine, so the errno says nothing
    return f"{row['attack']}: {outcome}, not {' or '.join(right)} ({row['layer']})"


# One for each way of starting that differs: forks of an interpreter, an interpreter with threads, started afresh, compiled. The others are tried at `sandbox`, the
# default, unless TRIVET_ALL_LEVELS is set or one runtime is asked for.
AT_ALL_LEVELS = ("python", "node", "lua", "cpp")
IS_WHOLE = bool(os.environ.get("TRIVET_ALL_LEVELS") or os.environ.get("TRIVET_ONLY_RUNTIME"))


def every(levels=LEVELS):
    return pytest.mark.parametrize("runtime,level", [(name, level) for name in NAMES for level in levels if level == "sandbox" or name in AT_ALL_LEVELS or IS_WHOLE])


@every()
def test_attacks_by_a_program_that_it_starts(at, baseline, runtime, level):
    name = ready(at, runtime, level)
    words, before = at.words(name), at.listeners.datagrams
    rows = [row for row in ATTACKS if not row.get("alone")]
    asked = {row["attack"]: row["attack"].format(**words) for row in rows}
    heard = at.by_probe(name, list(asked.values()))
    assert isinstance(heard, dict), heard.text[:3000]
    assert len(heard) == len(set(asked.values())), f"the probe came to {len(heard)} of {len(asked)}: {str(heard)[-500:]}"
    wrong = [judge(row, level, named(heard[asked[row["attack"]]]["outcome"]), baseline) for row in rows]
    wrong = [each for each in wrong if each]
    assert not wrong, "\n".join(wrong)
    if level in ("sandbox", "strict"):
        assert at.listeners.datagrams == before, "a datagram has left the sandbox"


@every()
def test_attacks_by_the_language_itself(at, baseline, runtime, level):
    name = ready(at, runtime, level)
    words, wrong = at.words(name), []
    for row in ATTACKS:
        if row.get("language"):
            attack, _, argument = row["attack"].format(**words).partition(":")
            reply = at.call(name, attack, argument)
            assert reply.status == 200, f"{row['attack']}: {reply.text[:3000]}"
            answer = reply.json["outcome"]
            if answer.startswith("cannot"):
                print(f"{runtime} has no means of its own for {attack}: {answer}")
                continue
            outcome = named(answer)
            if outcome == "ETXTBSY":  # said before the mount is asked; the probe asks it (worker-exe)
                outcome = "allowed" if level == "trusted" else "EROFS"
            wrong.append(judge(row, level, outcome, baseline))
    wrong = [each for each in wrong if each]
    assert not wrong, "\n".join(wrong)


@every()
def test_the_environment_of_the_server_stays_there(at, runtime, level):
    name = ready(at, runtime, level)
    seen = at.call(name, "environment").json["detail"]
    assert at.server_mark not in seen and at.neighbour_mark not in seen


@every(["sandbox", "strict"])
def test_what_it_sees_of_the_machine(at, runtime, level):
    """Its own namespaces, its own processes, a /dev with nothing behind it, of the functions' folder only its own."""
    name = ready(at, runtime, level)
    words = at.words(name)
    heard = at.by_probe(name, ["links:/proc/self/ns", "list:/proc", "list:/dev", "links:/proc/self/fd", f"list:{words['functions']}", f"list:{words['artifacts']}", "list:/tmp"])
    spaces = dict(each.split("=") for each in heard["links:/proc/self/ns"]["detail"].split())
    for kind in ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup"):
        assert spaces[kind] != os.readlink(f"/proc/self/ns/{kind}"), f"it is in the machine's own {kind} namespace"
    others = {str(at.server.process.pid), str(words["neighbour"])}
    assert not others & set(heard["list:/proc"]["detail"].split())
    devices = set(heard["list:/dev"]["detail"].split())
    assert devices <= {"null", "zero", "full", "random", "urandom", "tty", "shm", "fd", "stdin", "stdout", "stderr", "pts", "ptmx", "mqueue"}, devices
    inherited = dict(each.split("=", 1) for each in heard["links:/proc/self/fd"]["detail"].split())
    assert set(inherited) <= {"0", "1", "2"}, inherited
    assert set(heard[f"list:{words['functions']}"]["detail"].split()) <= {name}, "it sees its neighbours' folders"
    shown = [at.root, at.server.temp.name, ROOT / "runtimes", os.environ.get("TRIVET_RUNTIMES", "/")]  # what leads to its folder, its artifact and its runtime's files
    ours = {path.relative_to("/tmp").parts[0] for path in map(pathlib.Path, shown) if path.is_relative_to("/tmp")}
    assert not set(heard["list:/tmp"]["detail"].split()) & set(os.listdir("/tmp")) - ours, "it sees the machine's /tmp"


@every()
def test_descriptors_that_it_inherits(at, runtime, level):
    """Seen from outside: nothing of the server's, nothing that a worker of another function has too."""
    name = ready(at, runtime, level)
    with at.held(name) as call:
        rows = workers(at.server)
        mine = [row["pid"] for row in rows if row["function"] == name and row["pid"] > 1] + leftovers.called(call.comm)
        others = {row["pid"] for row in rows if row["function"] != name and row["pid"] > 1}
        foreign = {target for pid in others for target in leftovers.descriptors(pid).values() if target.startswith(("pipe:", "socket:"))}
        held = [leftovers.descriptors(pid) for pid in mine]
    assert any(held), "nothing was seen"
    data = at.server.temp.name
    shown = (f"{at.server.data}/artifacts/", f"{at.server.data}/prepared/")
    for each in held:
        for number, target in each.items():
            assert target not in foreign, f"descriptor {number} is {target}, which a worker of another function has as well"
            if target.startswith(data) and not target.startswith(shown):
                pytest.fail(f"descriptor {number} is the server's {target}")
            if target.startswith(str(at.root)):
                assert target.startswith(f"{at.functions}/{name}"), f"descriptor {number} is {target}"


ALONE = [row for row in ATTACKS if row.get("alone")]


@every(["sandbox", "strict"])
def test_bombs(at, baseline, runtime, level):
    """What grows without end, within the function's limits: it stops, or its worker does, and the next call is answered."""
    name = ready(at, runtime, level)
    words, wrong = at.words(name), []
    for row in ALONE:
        text = row["attack"].format(**words)
        heard = at.by_probe(name, [text])
        if isinstance(heard, dict):
            wrong.append(judge(row, level, named(heard[text]["outcome"]), baseline) if text in heard else f"{row['attack']}: the probe said nothing")
        elif heard.json["code"] != "FUNCTION_CRASHED" or "SIGKILL" not in row["sandbox"]:
            wrong.append(f"{row['attack']}: {heard.text[:500]}")
        again = at.call(name, "environment")
        if again.status != 200:
            wrong.append(f"after {row['attack']}: {again.text[:500]}")
    wrong = [each for each in wrong if each]
    assert not wrong, "\n".join(wrong)


@every(["trusted", "sandbox", "strict"])
def test_bombs_of_the_language_itself(at, runtime, level):
    """As `trusted` shows, they would grow larger than a function of the other levels may."""
    name = ready(at, runtime, level)
    for attack, argument in (("memory", "400"), ("tasks", "80")):
        reply = at.call(name, attack, argument)
        stopped = reply.status != 200 or reply.json["outcome"] != "allowed"
        assert stopped == (level != "trusted"), f"{attack}: {reply.text[:500]}"
        if reply.status != 200:
            assert reply.json["code"] in ("FUNCTION_CRASHED", "FUNCTION_ERROR", "FUNCTION_TIMEOUT", "INVALID_OUTPUT"), reply.text[:500]
        wait_until(lambda: at.call(name, "environment").status == 200)


def resident(pid):
    return int(next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS:")).split()[1]) << 10


@every()
def test_floods(at, runtime, level):
    """Lines without end, a reply over the limit: the server's memory stays what it was."""
    name = ready(at, runtime, level)
    before = resident(at.server.process.pid)
    reply = at.call(name, "print", "20000")
    assert reply.status == 200 and reply.json["outcome"] == "allowed", reply.text[:500]
    reply = at.call(name, "reply", "3")
    assert reply.json["code"] in ("INVALID_OUTPUT", "PAYLOAD_TOO_LARGE"), reply.text[:500]
    assert resident(at.server.process.pid) - before < 96 << 20
    assert at.call(name, "environment").status == 200


def short(at, name):
    """The function with a limit of a second, built and started."""
    wait_until(lambda: at.call(name + "-short", "environment", timeout=240).status == 200, 120)
    return name + "-short"


def is_at_rest(at, name):
    return not any(row["busy"] for row in workers(at.server, name))


@every()
def test_an_endless_loop_ends_at_its_deadline(at, runtime, level):
    name = ready(at, runtime, level)
    loop = short(at, name)
    reply = at.call(loop, "spin")
    assert reply.status == 504 and reply.json["code"] == "FUNCTION_TIMEOUT", reply.text[:500]
    wait_until(lambda: is_at_rest(at, loop))
    assert at.call(name, "environment").status == 200


@pytest.mark.parametrize("level", LEVELS)
def test_deaf_and_endless(at, level):
    """It ignores every signal that can be ignored and loops; and a stream that never ends, whose reader has gone."""
    if "python" not in NAMES:
        pytest.skip("another runtime was asked for")
    name = ready(at, "python", level)
    loop, before = short(at, name), resident(at.server.process.pid)
    reply = at.call(loop, "deaf")
    assert reply.status == 504 and reply.json["code"] == "FUNCTION_TIMEOUT", reply.text[:500]
    connection = UnixConnection(at.server.socket, 60)
    connection.request("POST", f"/function/{name}-stream", json.dumps({"attack": "stream"}).encode())
    answer = connection.getresponse()
    assert len(answer.read(2 << 20)) == 2 << 20
    time.sleep(0.2)  # nobody reads, it goes on
    answer.close()
    connection.close()
    assert resident(at.server.process.pid) - before < 96 << 20
    wait_until(lambda: is_at_rest(at, loop) and is_at_rest(at, name + "-stream"))  # at the latest at its deadline
    assert at.call(name, "environment").status == 200


@every()
def test_a_daemon_goes_with_its_worker(at, runtime, level):
    """It has left its session and its parent, with an empty environment, and is deaf to every signal but one."""
    name = ready(at, runtime, level)
    comm = f"hd{at.token}{next(at.numbers):03}"
    with at.held(name, [f"daemon:{comm}"]) as call:
        wait_until(lambda: leftovers.called(comm), 50)
    assert isinstance(call.heard, dict) and call.heard[f"daemon:{comm}"]["outcome"] == "allowed", getattr(call.heard, "text", call.heard)
    if level == "trusted":
        assert leftovers.called(comm), "it has ended with its call, so the other levels prove nothing"
    if level == "sandbox":  # at `strict` a worker ends with its call
        for row in workers(at.server, name):
            if row["pid"] > 1:  # 0 while it starts, and that would be ourselves
                with contextlib.suppress(ProcessLookupError):
                    os.kill(row["pid"], 9)
    if level in ("sandbox", "strict"):
        until_none(lambda: leftovers.called(comm))


def test_the_least_limit_of_open_files_is_enough_to_start():
    """Whatever the launcher has open itself."""
    known = layers(doctor())
    levels = [level for level in LEVELS if known and not missing(known, level)]
    manifest = {"runtime": "python", "entrypoint": "main.py", "limits": {"files": 16}}
    few = {f"few-{level}": ({"main.py": "def handler(input, ctx):\n    return input\n"}, {**manifest, "sandbox": {"level": level}}) for level in levels}
    with Range([], [], known, more=few) as at:
        for name in few:
            reply = at.server.post(f"/function/{name}", name)
            assert reply.status == 200 and reply.json == name, reply.text[:500]


def test_everything_ends_with_the_server():
    """The last word: a server of its own with a daemon in every level, ended."""
    before, known = leftovers.seen(), layers(doctor())
    levels = [level for level in (LEVELS if known else ["trusted"]) if not missing(known, level)]
    with Range(["python"], levels, known) as at:
        for n, level in enumerate(levels):
            heard = at.by_probe(f"python-{level}", [f"daemon:hd{at.token}{n}", "shm"])
            assert isinstance(heard, dict) and heard[f"daemon:hd{at.token}{n}"]["outcome"] == "allowed"
            if level in ("sandbox", "strict"):
                at.by_probe(f"python-{level}", ["shm:leave", "write:/tmp/hostile-left"])
        tree = [(pid, leftovers.born(pid)) for pid in descendants(at.server.process.pid)]
        at.server.stop()
        until_none(lambda: [pid for n in range(len(levels)) for pid in leftovers.called(f"hd{at.token}{n}")])
        until_none(lambda: [leftovers.about(pid) for pid, born in tree if born and leftovers.born(pid) == born])
        until_none(lambda: leftovers.seen().after(before, at))
