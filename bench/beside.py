"""Lines 4 and 5 of bench/run: a function behind the gateway beside other servers with the same function.

bench/functions/NAME/ has the function of a runtime: it returns its input. bench/peers/NAME/peers.toml says what it is compared with; a runtime without such a file is not
compared. Either `none = "why"`, or `same_as = "another runtime"`, or [[peer]] entries:

    name       what it is called
    line       4, the language's usual server (default), or 5, a platform for functions
    command    the server, on 127.0.0.1:${port}, until SIGTERM. The answer has a Content-Length, connections stay
    needs      programs on PATH, or files: without them the peer is skipped, and counted
    packages   Debian packages, for bench/peers/install
    make       a command, run when `makes` is missing or older than a file of the folder
    makes      the file that shows it is made
    env        more variables
    at_most    {p50, cpu}: most of the peer's that ours may be; default 1.0 and 1.0, in line 5 0.35 and 0.2

Words in ${}: port, here (the peer's folder), made (a folder for what is made), scratch (an empty folder, per run), root (of the tree).
"""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import tomllib

import rig

PEERS = rig.ROOT / "bench" / "peers"
OURS = "the function"
MOST = {4: {"p50": 1.0, "cpu": 1.0}, 5: {"p50": 0.35, "cpu": 0.2}}
FIELDS = {"name": str, "line": int, "command": list, "needs": list, "packages": list, "make": list, "makes": str, "env": dict, "at_most": dict}
WORDS = {"port", "here", "made", "scratch", "root"}


class Peer:
    def __init__(self, folder, entry, options):
        self.folder, self.name, self.line, self.entry = folder, entry["name"], entry.get("line", 4), entry
        self.most = {**MOST[self.line], **entry.get("at_most", {})}
        self.made = pathlib.Path(options.data, "peers", folder.name).resolve()

    def __str__(self):
        return self.name

    def words(self, texts, **more):
        values = {"here": self.folder, "made": self.made, "root": rig.ROOT, **more}
        return [re.sub(r"\$\{(\w+)\}", lambda word: str(values[word[1]]), text) for text in texts]

    def is_made(self):
        if "make" not in self.entry:
            return True
        made = pathlib.Path(self.words([self.entry["makes"]])[0])
        sources = [p for p in self.folder.rglob("*") if p.is_file() and p.name != "peers.toml"]
        return made.exists() and made.stat().st_mtime >= max((p.stat().st_mtime for p in sources), default=0)

    def why_not(self):
        """Makes it. Why it cannot be measured, or an empty text."""
        lacks = [need for need in self.words(self.entry["needs"]) if not rig.installed(need)]
        if lacks:
            return f"{' and '.join(lacks)} not installed; bench/peers/install {self.folder.name}"
        if self.is_made():
            return ""
        self.made.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(self.words(self.entry["make"]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900,
                              cwd=self.made, env={**os.environ, "PATH": rig.PATH})
        if done.returncode == 0:
            with contextlib.suppress(FileNotFoundError):  # a tool that finds nothing to do leaves the old time
                os.utime(self.words([self.entry["makes"]])[0])
        return "" if self.is_made() else f"it could not be made: {(done.stdout.strip().splitlines() or ['no message'])[-1][:200]}"

    @contextlib.contextmanager
    def server(self):
        port = rig.free_port()
        with tempfile.TemporaryDirectory() as scratch:
            command = self.words(self.entry["command"], port=port, scratch=scratch)
            more = dict(zip(self.entry.get("env", {}), self.words(self.entry.get("env", {}).values())))
            command[0] = shutil.which(command[0], path=rig.PATH) or command[0]
            with rig.server(command, port, cwd=scratch, env={**os.environ, "PATH": rig.PATH, **more}) as pid:
                yield port, pid


def problem_of(entry):
    """What is wrong with a [[peer]], or an empty text."""
    for field, kind in FIELDS.items():
        if field in entry and not isinstance(entry[field], kind):
            return f"{field} must be a {kind.__name__}"
    for field in ("name", "command", "needs"):
        if not entry.get(field):
            return f"{field} is missing"
    if unknown := set(entry) - set(FIELDS):
        return f"unknown field {min(unknown)}"
    if entry.get("line", 4) not in MOST:
        return "line is 4 or 5"
    if ("make" in entry) != ("makes" in entry):
        return "make and makes go together"
    if unknown := set(entry.get("at_most", {})) - {"p50", "cpu"}:
        return f"at_most has no {min(unknown)}"
    words = {word for text in [*entry["command"], *entry.get("make", []), entry.get("makes", "")] for word in re.findall(r"\$\{(\w+)\}", text)}
    if unknown := words - WORDS:
        return f"there is no word ${{{min(unknown)}}}"
    return "" if "port" in words else "the command does not use ${port}"


def peers_of(runtime, options, folder=PEERS):
    """Its peers, and why there are none."""
    file = folder / runtime / "peers.toml"
    if not file.exists():
        return [], "no peer is named"
    table = tomllib.loads(file.read_text())
    entries = table.pop("peer", [])
    same, none = table.pop("same_as", ""), table.pop("none", "")
    found = [f"unknown field {name}" for name in table] + [f"{entry.get('name', 'a peer')}: {problem}" for entry in entries if (problem := problem_of(entry))]
    if sum(map(bool, (entries, same, none))) != 1:
        found.append("it has peers, or same_as, or none")
    if found:
        raise ValueError(f"{file}: {'; '.join(found)}")
    return peers_of(same, options, folder) if same else ([Peer(file.parent, entry, options) for entry in entries], none)


def measure(options, runtime, lines, folder=PEERS):
    """{"beside": {peer: figures}, "skipped": {peer: why}} of a runtime's function beside its peers of these lines. Raises rig.Failed when ours does not work."""
    peers, none = peers_of(runtime, options, folder)
    peers = [peer for peer in peers if peer.line in lines]
    skipped = {"": none} if none else {}
    with contextlib.ExitStack() as stack:
        targets = {}
        for peer in peers:
            if why := peer.why_not():
                skipped[peer.name] = why
                continue
            try:
                port, pid = stack.enter_context(peer.server())
                rig.load(port, 16, options.seconds, "/", [])  # compiles what it compiles, starts what it starts
                targets[peer] = (port, "/", lambda pid=pid: rig.tree(pid))
            except rig.Failed as failed:
                skipped[peer.name] = str(failed)
        if not targets:
            return {"beside": {}, "skipped": skipped}
        place = stack.enter_context(tempfile.TemporaryDirectory())
        shutil.copytree(rig.FUNCTIONS / runtime, pathlib.Path(place, "echo"))
        port, pid = stack.enter_context(rig.trivet(options, place))
        rig.first_call(port, "/function/echo")
        rig.load(port, 16, max(1, options.seconds), "/function/echo", [])
        all_targets = {OURS: (port, "/function/echo", lambda: rig.tree(pid)), **targets}
        medians = {connections: rig.in_turns(all_targets, connections, options.rounds, options.seconds) for connections in (1, 16)}
    return {"beside": {peer.name: figures_of(peer, medians) for peer in targets}, "skipped": skipped}


def figures_of(peer, medians):
    """us of both sides, at 1 and 16 connections."""
    figures = {"line": peer.line, "most": peer.most}
    for connections, by_target in medians.items():
        for key in ("p50_us", "mean_us", "cpu_us"):
            figures[f"{key}_{connections}"] = [round(by_target[side][key], 2) for side in (OURS, peer)]
    return figures


def ratio(figures, key):
    ours, theirs = figures[key]
    return ours / max(theirs, 0.01)


# With several connections, a server that answers one of them while the others wait has the best median: it is shown, and what counts is the mean.
KEYS = {"p50_us_1": ("p50 us, 1 conn", "p50"), "cpu_us_1": ("CPU us, 1 conn", "cpu"), "p50_us_16": ("p50 us, 16 conn", ""), "mean_us_16": ("mean us, 16 conn", "p50"),
        "cpu_us_16": ("CPU us, 16 conn", "cpu")}


def misses(figures):
    """What of it is over its target."""
    return [label for key, (label, kind) in KEYS.items() if kind and ratio(figures, key) > figures["most"][kind]]


def line(options, number):
    known, skipped = rig.known_runtimes(), 0
    for runtime in rig.runtimes_with_functions(options):
        if not known[runtime]["available"]:
            print(f"  {runtime}: SKIPPED, its toolchain is not installed")
            skipped += 1
            continue
        try:
            result = measure(options, runtime, [number])
        except rig.Failed as failed:
            result = {"beside": {}, "skipped": {"all": str(failed)}}
        if result["beside"] or result["skipped"] and number == 4:
            print(f"  {runtime}", flush=True)
        for name, why in result["skipped"].items():
            if name or number == 4:
                print(f"    {name or 'no peer'}: SKIPPED, {why}")
                skipped += 1
        for name, figures in result["beside"].items():
            for key, (label, kind) in KEYS.items():
                rig.row(f"{label}, beside {name}", *figures[key], rig.at_most(figures["most"][kind]) if kind else rig.NO_TARGET)
    print(f"    {skipped} skipped")


def line_4(options):
    print("4   echo function behind the gateway beside the language's usual server with the same function")
    line(options, 4)


def line_5(options):
    print("5   echo function behind the gateway beside platforms for functions")
    line(options, 5)


def install(options):
    """apt-get for what is missing, then everything that is made. Whether all could be had."""
    all_peers = {}
    for runtime in (p.name for p in sorted(PEERS.iterdir()) if p.name in (options.runtime or [p.name])):
        all_peers.update({(peer.folder, peer.name): peer for peer in (peers_of(runtime, options)[0] if (PEERS / runtime).is_dir() else [])})
    packages = sorted({package for peer in all_peers.values() if any(not rig.installed(need) for need in peer.words(peer.entry["needs"]))
                       for package in peer.entry.get("packages", [])})
    if packages:
        print(f"installing Debian packages: {' '.join(packages)}", flush=True)
        for words in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            subprocess.run([*([] if os.geteuid() == 0 else ["sudo"]), "apt-get", "-q", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    reasons = {}
    for (folder, name), peer in all_peers.items():
        reasons[name] = peer.why_not()
        print(f"{folder.name:8} {name:20} {reasons[name] or 'ready'}", flush=True)
    return not any(reasons.values())
