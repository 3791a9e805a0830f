"""Each layer switched off by itself: then, and only then, an attack hears something else. So no test of a layer can pass without it.

`TRIVET_WITHOUT_LAYER=seccomp,landlock` is for these tests: `trivet doctor` shows such a layer as weakened by it."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from outcomes import named  # noqa: E402
from range import ATTACKS, HERE, LIMITS, Range, doctor, is_active, layers, missing  # noqa: E402

SWITCH = "TRIVET_WITHOUT_LAYER"


# The kernel takes neither from a process that may gain privileges.
UPON = {"no-new-privs": frozenset(["seccomp", "landlock"])}


def walls(row):
    """All that stops an attack: with these off nothing does."""
    return frozenset([row["layer"], *row.get("without", [])])


ROWS = [row for row in ATTACKS if row["sandbox"] != "any" and "here" not in row]  # `here`: it would take minutes
LAYERS = sorted(frozenset().union(*map(walls, ROWS)))


@pytest.fixture(scope="module")
def known():
    """The layers as they are; or a skip that says what is missing."""
    found = layers(doctor())
    if not found:
        pytest.skip("this trivet does not confine: `trivet doctor` knows no layers")
    if why := missing(found, "sandbox"):
        pytest.skip("sandbox cannot be had here: " + "; ".join(why))
    if is_active(layers(doctor({SWITCH: "seccomp"})).get("seccomp", {})):
        pytest.skip(f"this trivet does not listen to {SWITCH}: the layers cannot be switched off one by one")
    return found


@pytest.fixture(scope="module")
def heard(known):
    """Layers that are off -> attack -> what is heard; each set of them has a server of its own, which is started once."""
    answers = {}

    def of(off):
        if off not in answers:
            with Range(["python"], ["sandbox"], known, env={SWITCH: ",".join(sorted(off))} if off else {}) as at:
                words = at.words("python-sandbox")
                asked = {row["attack"]: row["attack"].format(**words) for row in ROWS}
                alone = {row["attack"] for row in ROWS if row.get("alone")}
                told = at.by_probe("python-sandbox", [text for attack, text in asked.items() if attack not in alone])
                assert isinstance(told, dict), told.text[:3000]
                for attack in alone & set(asked):
                    one = at.by_probe("python-sandbox", [asked[attack]])
                    told |= one if isinstance(one, dict) else {asked[attack]: {"outcome": "SIGKILL"}}  # the worker itself was killed
                answers[off] = {attack: named(told[text]["outcome"]) for attack, text in asked.items() if text in told}
        return answers[off]

    return of


@pytest.mark.parametrize("layer", LAYERS)
def test_without_it_an_attack_comes_through(known, heard, layer):
    if layer in known and not is_active(known[layer]):
        pytest.skip(f"{layer} is not here: {known[layer].get('why', '')}")
    through, not_alone = [], []
    for row in ROWS:
        if layer not in walls(row):
            continue
        off = walls(row).union(*(UPON.get(each, ()) for each in walls(row)))
        alone, none = heard(off - {layer}).get(row["attack"]), heard(off).get(row["attack"])
        if alone == "allowed":
            not_alone.append(row["attack"])
        if none != alone:
            through.append(f"{row['attack']}: {alone} -> {none}")
    print(f"without {layer}: " + ("; ".join(through) or "nothing changes"))
    assert not_alone == [], f"{layer} alone does not stop these"
    assert through, f"no attack notices that {layer} is off"


def shares(known, off, is_enough):
    """How much of a processor a function with `cpu: 0.05` gets, in percent: several times, until it is enough."""
    manifest = {"runtime": "python", "entrypoint": "main.py", "sandbox": {"level": "sandbox"}, "limits": {**LIMITS, "cpu": 0.05, "timeout": "20s"}}
    slow = {"main.py": HERE / "functions/python/main.py"}
    with Range([], [], known, env={SWITCH: ",".join(off)} if off else {}, more={"slow": ({**slow, "probe": ""}, manifest)}) as at:
        (at.functions / "slow/probe").write_bytes(at.probe.read_bytes())
        (at.functions / "slow/probe").chmod(0o755)
        found = []
        while not is_enough(found):
            found.append(int(at.by_probe("slow", ["cpu:400"])["cpu:400"]["detail"]))
        return found


def test_a_share_of_a_processor_is_kept(known):
    if not is_active(known.get("cpu-limit", {})):
        pytest.skip("cpu-limit is not here: " + known.get("cpu-limit", {}).get("why", ""))
    within = shares(known, [], lambda found: len(found) == 4)
    without = shares(known, ["cpu-limit"], lambda found: max(found, default=0) > 20 or len(found) == 50)  # the machine may be busy
    print(f"a twentieth of a processor: {within} percent with the layer, {without} without")
    assert max(within) <= 12 and max(without) > 20
