"""The checks that need clang's tools: format (fast) and tidy-cc (minutes, over a compile_commands.json)."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checks.tree import CPP_FOLDERS, CPP_SUFFIXES, Finding, Report

VERSION = "14"  # other versions lay out code differently
_VIOLATION = re.compile(r"^(.+?):(\d+):\d+: (?:error|warning): code should be clang-formatted", re.M)
_DIAGNOSTIC = re.compile(r"^(/.+?):(\d+):\d+: (?:error|warning): (.+?) \[([\w.,-]+)\]$", re.M)
# Arguments of GCC that clang does not know.
_GCC_ONLY = re.compile(r"^-fcoroutines$|^-Wno-(maybe-uninitialized|restrict|stringop-overflow)$")
# What clang 14 needs to read the coroutine header of GCC 12.
_COROUTINES = ["-fcoroutines-ts", "-D__cpp_impl_coroutine=201902L", "-Wno-deprecated-experimental-coroutine"]


def find_tool(name):
    """The tool of the pinned version, or None."""
    for candidate in (f"{name}-{VERSION}", name):
        path = shutil.which(candidate)
        if path is None:
            continue
        told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        if re.search(rf"version {VERSION}\.", told):
            return path
    return None


def _missing(name):
    return f"{name} {VERSION} is not installed: apt-get install {name}-{VERSION}"


def _shares(items):
    """Items dealt to as many hands as there are processors."""
    hands = max(1, os.cpu_count() or 1)
    return [share for share in (items[i::hands] for i in range(hands)) if share]


def _run_shares(command, items, folder):
    with ThreadPoolExecutor() as threads:
        runs = threads.map(lambda share: subprocess.run(
            command + share, cwd=folder, capture_output=True, text=True, check=False), _shares(items))
        return list(runs)


def _format_findings(runs):
    """One finding per file: its first place, and how many there are."""
    places, broken = {}, []
    for run in runs:
        output = run.stdout + run.stderr
        found = _VIOLATION.findall(output)
        for file, line in found:
            places.setdefault(file, []).append(int(line))
        if run.returncode != 0 and not found:
            broken.append(Finding(".clang-format", 1, "format", f"clang-format failed: {output.strip()[:300]}"))
    return broken + [Finding(file, min(lines), "format", f"run tools/check format --fix ({len(lines)} places)")
                     for file, lines in places.items()]


def check_format(tree, fix=False):
    """Code is laid out as .clang-format says."""
    files = [f for f in tree.select(CPP_FOLDERS, CPP_SUFFIXES) if "/corpus/" not in f]
    tool = find_tool("clang-format")
    if tool is None:
        return Report(0, "files", skipped=_missing("clang-format"))
    mode = ["-i"] if fix else ["--dry-run", "--Werror"]
    runs = _run_shares([tool, "--style=file", *mode], files, tree.root) if files else []
    return Report(len(files), "files", _format_findings(runs))


def _for_clang(entry):
    """A compile command that clang can read, without what only GCC knows."""
    words = entry.get("arguments") or entry["command"].split()
    words = [w for w in words if not _GCC_ONLY.match(w) and not w.endswith("/ccache")]
    return {**entry, "arguments": words + _COROUTINES, "command": None}


def _commands(tree, build, only):
    """Entries of compile_commands.json for sources of ours, restricted to paths that start with one of `only`."""
    chosen = []
    for entry in json.loads((tree.root / build / "compile_commands.json").read_text()):
        file = Path(entry["directory"], entry["file"]).resolve()
        if not file.is_relative_to(tree.root):
            continue
        path = str(file.relative_to(tree.root))
        if path in tree.files and path.startswith(tuple(only) or ("src/",)):
            chosen.append((path, {k: v for k, v in _for_clang(entry).items() if v is not None}))
    return chosen


def _tidy_findings(tree, runs):
    found = set()
    for run in runs:
        for file, line, message, rule in _DIAGNOSTIC.findall(run.stdout + run.stderr):
            path = Path(file).resolve()
            if path.is_relative_to(tree.root):
                found.add(Finding(str(path.relative_to(tree.root)), int(line), rule, message))
        if run.returncode != 0 and not _DIAGNOSTIC.search(run.stdout + run.stderr):
            told = [line for line in (run.stdout + run.stderr).splitlines() if "generated" not in line]
            found.add(Finding(".clang-tidy", 1, "tidy-cc", f"clang-tidy failed: {' '.join(told)[-300:]}"))
    return sorted(found)


def check_tidy_cc(tree, build="build/dev", only=()):
    """clang-tidy agrees with the code, by .clang-tidy (slow; needs a configured build)."""
    tool = find_tool("clang-tidy")
    if tool is None:
        return Report(0, "sources", skipped=_missing("clang-tidy"))
    if not tree.exists(f"{build}/compile_commands.json"):
        return Report(0, "sources", skipped=f"{build}/compile_commands.json is missing: cmake --preset dev")
    chosen = _commands(tree, build, only)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "compile_commands.json").write_text(json.dumps([entry for _, entry in chosen]))
        files = [str(tree.root / path) for path, _ in chosen]
        runs = _run_shares([tool, "--quiet", "-p", folder], files, tree.root) if files else []
    return Report(len(files), "sources", _tidy_findings(tree, runs))
