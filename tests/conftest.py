"""Counts what ran and what was skipped, per runtime, interface and mode, and prints the table at the end. With TRIVET_MATRIX=FILE it is written there as JSON.

A test belongs to a form of a runtime by its parameters `runtime`, `interface` and `mode`, or by `form(interface, mode)`, a mark."""
import collections
import datetime
import json
import os
import subprocess

import pytest
from server import binary

counts = collections.defaultdict(collections.Counter)  # (runtime, interface, mode) -> outcome -> tests
reasons = collections.defaultdict(collections.Counter)
PROTOCOLS = {"packet4", "ndjson", "msgpack", "protobuf", "etf", "erlport"}  # every runtime has them; they are tested once


def pytest_configure(config):
    config.addinivalue_line("markers", "form(interface, mode): what the test is about, where its parameters do not say it")


def form_of(item):
    """(runtime, interface, mode), or None; "-" for what belongs to a runtime and to no form of it."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    if params.get("protocol") in PROTOCOLS:
        return "native", params["protocol"], "pool"
    mark = item.get_closest_marker("form")
    runtime = params.get("runtime", params.get("pool"))
    if not isinstance(runtime, str):
        return None
    interface = params.get("interface", mark.args[0] if mark else "-")
    return runtime, interface, params.get("mode", mark.args[1] if mark else "-" if interface == "-" else "pool")


def pytest_collection_modifyitems(items):
    for item in items:
        if form := form_of(item):
            item.user_properties.append(("form", form))


def pytest_runtest_logreport(report):
    form = dict(report.user_properties).get("form")
    if form and (report.when == "call" or report.outcome != "passed"):
        counts[form][report.outcome] += 1
        if report.outcome == "skipped":
            reasons[form][report.longrepr[2].removeprefix("Skipped: ")] += 1


def runtimes():
    """What `trivet runtimes` knows of those that were counted."""
    done = subprocess.run([binary(), "runtimes", "--output", "json", "--server", "none"], capture_output=True, check=True, timeout=60)
    return {row["name"]: row for row in json.loads(done.stdout) if any(row["name"] == runtime for runtime, _, _ in counts)}


def never_ran(name, row):
    """The interfaces of a runtime that no test asked for."""
    counted = {interface for runtime, interface, _ in counts if runtime == name}
    return [interface for interface in row["interfaces"] if interface not in counted | PROTOCOLS]


def lines(known):
    wide = max([12, *(len(runtime) + 1 for runtime, _, _ in counts)])
    yield f"{'runtime':{wide}} {'interface':9} {'mode':7} {'passed':>7} {'failed':>7} {'skipped':>8}  why skipped"
    for form, row in sorted(counts.items()):
        why = "; ".join(f"{n} x {reason}" for reason, n in reasons[form].items())
        yield f"{form[0]:{wide}} {form[1]:9} {form[2]:7} {row['passed']:7} {row['failed']:7} {row['skipped']:8}  {why}".rstrip()
    total = sum(counts.values(), collections.Counter())
    yield f"{'total':{wide}} {'':9} {'':7} {total['passed']:7} {total['failed']:7} {total['skipped']:8}"
    for name, row in known.items():
        if row["untested"]:
            yield f"untested: {name}: {row['untested']}" + ("" if row["available"] else "; its toolchain is not here")
        elif not row["available"]:
            yield f"missing: {name}: {row['install']}"
        if rest := never_ran(name, row):
            yield f"no test in this run: {name}: {', '.join(rest)}"


def as_json(known):
    def forms(name):
        return {f"{interface}/{mode}": {**{outcome: row[outcome] for outcome in ("passed", "failed", "skipped")}, "why": dict(reasons[name, interface, mode])}
                for (runtime, interface, mode), row in sorted(counts.items()) if runtime == name and interface != "-"}

    return {"date": datetime.date.today().isoformat(), "cpus": os.cpu_count(),
            "runtimes": {name: {"version": row["version"], "available": row["available"], "forms": forms(name)} for name, row in known.items()}}


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    if not counts:
        return
    known = runtimes()
    terminalreporter.write_line("")
    for line in lines(known):
        terminalreporter.write_line(line)
    if os.environ.get("TRIVET_MATRIX"):
        with open(os.environ["TRIVET_MATRIX"], "w") as out:
            json.dump(as_json(known), out, indent=1)
