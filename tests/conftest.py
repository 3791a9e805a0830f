"""Counts what ran and what was skipped, per runtime, and prints the table at the end."""
import collections
import json
import os

counts = collections.defaultdict(collections.Counter)
reasons = collections.defaultdict(collections.Counter)


def pytest_runtest_logreport(report):
    if report.when == "call" or (report.when == "setup" and report.outcome != "passed"):
        runtime = dict(report.user_properties).get("runtime")
        if not runtime:
            return
        counts[runtime][report.outcome] += 1
        if report.outcome == "skipped":
            reasons[runtime][report.longrepr[2].removeprefix("Skipped: ")] += 1


def pytest_collection_modifyitems(items):
    for item in items:
        runtime = getattr(item, "callspec", None) and item.callspec.params.get("runtime")
        if isinstance(runtime, str):
            item.user_properties.append(("runtime", runtime))


def pytest_terminal_summary(terminalreporter):
    if not counts:
        return
    terminalreporter.write_line("")
    terminalreporter.write_line(f"{'runtime':12} {'passed':>7} {'failed':>7} {'skipped':>8}  why skipped")
    for runtime, row in sorted(counts.items()):
        why = "; ".join(f"{n} x {reason}" for reason, n in reasons[runtime].items())
        terminalreporter.write_line(f"{runtime:12} {row['passed']:7} {row['failed']:7} {row['skipped']:8}  {why}")
    if os.environ.get("TRIVET_CONFORMANCE_JSON"):
        with open(os.environ["TRIVET_CONFORMANCE_JSON"], "w") as out:
            json.dump({k: dict(v) for k, v in counts.items()}, out)
