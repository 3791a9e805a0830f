"""Lines 1, 6, 7 and 8 of bench/run and its table: what is measured of every runtime alike."""
import datetime
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

import beside
import rig
from bare import pss, quantiles
from cold import Cold, hello


def warm_of(options, runtime, rounds):
    """us of a call through the C++ API and of the bare loop, on one CPU: {"trivet", "floor"}, each with p50_us, p99_us, cpu_us."""
    command = ["taskset", "-c", "0", rig.BUILD / "bench" / "warm", rig.FUNCTIONS / runtime, str(rounds), "2000"]
    place = pathlib.Path(options.data, "warm", runtime)  # of its own: warm looks there for what was built
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TRIVET_DATA": str(place)})
    if done.returncode != 0:
        raise rig.Failed(done.stderr.strip())
    return json.loads(done.stdout)


def line_1(options):
    print("1   warm call through the C++ API beside a bare loop on the same worker, one CPU")
    known = rig.known_runtimes()
    for runtime in rig.runtimes_with_functions(options):
        if not known[runtime]["available"]:
            print(f"    {runtime}: SKIPPED, its toolchain is not installed")
            continue
        figures = warm_of(options, runtime, options.rounds)
        ours, floor = figures["trivet"], figures["floor"]
        rig.row(f"{runtime} p50 us", ours["p50_us"], floor["p50_us"], (lambda a, b: a <= b + 3 and a < 15, "<= floor + 3 us, < 15 us"))
        rig.row(f"{runtime} p99 us", ours["p99_us"], floor["p99_us"], (lambda a, b: a < 60, "< 60 us"))
        rig.row(f"{runtime} CPU us", ours["cpu_us"], floor["cpu_us"], rig.NO_TARGET)


def imports(folder, name, runtime, more):
    """The function that imports what is usual, where starting with imports is what matters; else the runtime's template."""
    found = list((rig.FUNCTIONS / runtime).glob("imports.*"))
    if not found:
        return hello(folder, name, runtime, more)
    place = pathlib.Path(folder, name)
    place.mkdir()
    shutil.copy(found[0], place)
    (place / "trivet.yaml").write_text(f"runtime: {runtime}\nentrypoint: {found[0].name}\n{more}")
    return place


def cold_target(name, start):
    """Which promise a runtime's cold start is held to: its number, p50, p99 and how many times faster than exec; 0 = not promised."""
    if start == "zygote":
        return 6, 3, 8, 18
    if start == "exec" or name == "lua":  # an interpreter that starts as fast as what is compiled
        return 8, 0, 0, 0
    return 7, 3 if name == "node" else 8, 0, 0


def cold_misses(name, figures):
    number, p50_most, p99_most, factor = cold_target(name, figures["from"])
    p50, p99, floor = (figures[key] for key in ("cold_p50_ms", "cold_p99_ms", "exec_p50_ms"))
    if number == 8:
        return [] if p50 <= floor + 1.2 else ["p50 over floor + 1.2 ms"]
    return [what for what, missed in ((f"p50 over {p50_most} ms", p50 > p50_most), (f"p99 over {p99_most} ms", p99_most and p99 > p99_most),
                                      (f"{floor / p50:.0f}x exec's, not {factor}x", factor and floor < factor * p50)) if missed]


class Table(Cold):
    def __init__(self):
        super().__init__()
        self.lines = {**self.lines, "1": line_1, "6": self.line_6, "7": self.line_7, "8": self.line_8, "table": self.table}

    def line_6(self, options):
        if "python" in (options.runtime or ["python"]):
            super().line_6(options)
        self.title("6   the same for the others with zygotes, each with its usual imports")
        self.rows(options, 6, but="python")

    def line_7(self, options):
        self.title("7   cold start to the first reply from a spare, beside exec of the same worker")
        self.rows(options, 7)

    def line_8(self, options):
        self.title("8   cold start to the first reply, native, beside posix_spawn of the same program to its first reply")
        self.rows(options, 8)

    def rows(self, options, line, but=""):
        for name, row in self.pooled(options):
            number, most, p99_most, factor = cold_target(name, row["start"])
            if number != line or name == but:
                continue
            cold, floor = self.cold_of(options, name, row["start"])
            if line == 6:
                self.rows_of(name, cold, floor, most, p99_most, factor)
                continue
            target = (lambda a, b: a <= b + 1.2, "<= floor + 1.2 ms") if line == 8 else (lambda a, b: a <= most, f"<= {most} ms")
            rig.row(f"{name}: p50 ms", statistics.median(cold), statistics.median(floor), target)
            rig.row(f"{name}: p99 ms", quantiles(cold)[1], quantiles(floor)[1], rig.NO_TARGET)

    @staticmethod
    def pooled(options):
        """Runtimes with workers that stay, of those that were asked for and are here; says which are not."""
        for name, row in sorted(rig.known_runtimes().items()):
            if "@" in name or "\npool:" not in (rig.ROOT / "runtimes" / name / "runtime.yaml").read_text() or name not in (options.runtime or [name]):
                continue
            if row["available"]:
                yield name, row
            else:
                print(f"    {name}: SKIPPED, its toolchain is not installed", flush=True)

    def cold_of(self, options, name, start):
        """ms of each cold call, and of each start as a program."""
        kept = "" if start == "exec" else start
        with tempfile.TemporaryDirectory() as folder:
            place = imports(folder, "cold", name, "scale: {idle: 10ms}\n")
            hello(folder, "model-" + name, name)
            with self.server(options, folder) as (client, _, _):
                if kept and "\nbuild:" in (rig.ROOT / "runtimes" / name / "runtime.yaml").read_text():
                    client.call("model-" + name)
                    return self.cold_calls(client, "cold", name, kept, options.rounds * 12), self.as_programs(options, name, options.rounds * 3)
                return self.cold_and_exec(client, "cold", name, kept, place, options.rounds * 12)

    def warm_and_memory(self, options, name):
        """ms of warm calls over HTTP; MiB of the first and of the tenth worker."""
        with tempfile.TemporaryDirectory() as folder:
            hello(folder, "one", name)
            hello(folder, "ten", name, "scale: {min: 10, max: 10}\n")
            with self.server(options, folder) as (client, _, _):
                warm = [client.call("one") for _ in range(2200)][200:]
                one = pss(next(row["pid"] for row in client.workers() if row["kind"] == "worker" and row["function"] == "one"))
                client.call("ten")

                def of_ten(rows):
                    return [row["pid"] for row in rows if row["kind"] == "worker" and row["function"] == "ten" and row["pid"] > 0]

                return warm, one, pss(of_ten(client.until("ten workers", lambda rows: len(of_ten(rows)) == 10))[-1])

    def table(self, options):
        self.title("table  per runtime: a cold call, and a start as a program (ms); a warm call through the C++ API, and the bare loop (us), and over HTTP (ms); "
                   "PSS of the first and tenth worker (MiB); promises 6, 7, 8; then 4 and 5, of each peer")
        print(f"    {'':10} {'from':7} {'cold p50':>9} {'p99':>7} {'exec p50':>9} {'p99':>7} {'warm us':>8} {'floor':>7} {'HTTP ms':>8} {'PSS 1st':>8} {'10th':>6}")
        rows, skipped = {}, 0
        for name, known in self.pooled(options):
            rows[name] = figures = {"version": known["version"], "from": known["start"], "load": round(os.getloadavg()[0], 1), **self.figures_of(options, name, known["start"])}
            number, figures["cold_over"] = cold_target(name, known["start"])[0], cold_misses(name, figures)
            self.show(name, figures, number)
            try:
                compared = beside.measure(options, name, [4, 5])
            except rig.Failed as failed:
                compared = {"beside": {}, "skipped": {"all": str(failed)}}
            figures.update(compared)
            self.show_peers(compared)
            skipped += len(compared["skipped"])
            if options.json:  # after each, so that a run that is ended leaves what it has
                facts = {"date": datetime.date.today().isoformat(), "cpus": os.cpu_count(), "rounds": options.rounds}
                pathlib.Path(options.json).write_text(json.dumps({**facts, "runtimes": rows}, indent=1) + "\n")
        print(f"    {len(rows)} runtimes, {skipped} peers skipped")

    def figures_of(self, options, name, start):
        cold, started = self.cold_of(options, name, start)
        http, one, ten = self.warm_and_memory(options, name)
        figures = dict(zip(("cold_p50_ms", "cold_p99_ms", "exec_p50_ms", "exec_p99_ms", "warm_p50_ms", "warm_p99_ms"),
                           (*quantiles(cold), *quantiles(started), *quantiles(http))), first_mib=one, tenth_mib=ten)
        if (rig.FUNCTIONS / name).is_dir():
            warm = warm_of(options, name, options.rounds)
            figures.update(api_p50_us=warm["trivet"]["p50_us"], floor_p50_us=warm["floor"]["p50_us"])
        return {key: round(value, 3) for key, value in figures.items()}

    @staticmethod
    def show(name, figures, number):
        told = {6: "p50 <= 3 ms, p99 <= 8 ms, >= 18x", 7: "p50 <= 3 ms" if name == "node" else "p50 <= 8 ms", 8: "p50 <= floor + 1.2 ms"}[number]
        c50, c99, e50, e99 = (figures[key] for key in ("cold_p50_ms", "cold_p99_ms", "exec_p50_ms", "exec_p99_ms"))
        print(f"    {name:10} {figures['from']:7} {c50:9.2f} {c99:7.2f} {e50:9.2f} {e99:7.2f} {figures.get('api_p50_us', 0):8.1f} {figures.get('floor_p50_us', 0):7.1f} "
              f"{figures['warm_p50_ms']:8.3f} {figures['first_mib']:8.2f} {figures['tenth_mib']:6.2f}   {number}: {told}: {'over: ' + ', '.join(figures['cold_over']) if figures['cold_over'] else 'met'}",
              flush=True)

    @staticmethod
    def show_peers(compared):
        for peer, figures in compared["beside"].items():
            times = {key: beside.ratio(figures, key) for key in beside.KEYS}
            missed, most = beside.misses(figures), figures["most"]
            print(f"        {figures['line']}: beside {peer:20} 1 conn: p50 {times['p50_us_1']:5.2f}x CPU {times['cpu_us_1']:5.2f}x   16 conn: p50 {times['p50_us_16']:5.2f}x "
                  f"mean {times['mean_us_16']:5.2f}x CPU {times['cpu_us_16']:5.2f}x   <= {most['p50']}x, CPU {most['cpu']}x: {'over: ' + '; '.join(missed) if missed else 'met'}",
                  flush=True)
        for peer, why in compared["skipped"].items():
            print(f"        {peer or 'no peer'}: SKIPPED, {why}", flush=True)
