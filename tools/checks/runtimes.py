"""A runtime is a folder with everything in it (runtimes/CONTRACT.md)."""

import re

from checks.tree import Finding

PAGE = "docs/languages.md"
FILES = {"runtime.yaml": "the manifest", "README.md": "measured figures and quirks"}
FOLDERS = {"template": "what `trivet new` copies", "fixture": "the conformance functions"}


def names(tree):
    """Folders of runtimes/ that are runtimes: those whose name does not start with an underscore."""
    found = {p.split("/")[1] for p in tree.files if p.startswith("runtimes/") and p.count("/") >= 2}
    return sorted(n for n in found if not n.startswith("_"))


def runtime_complete(tree):
    """Each runtime has runtime.yaml, README.md, template/ and fixture/."""
    for name in names(tree):
        folder = f"runtimes/{name}"
        missing = [f"{f} ({why})" for f, why in FILES.items() if f"{folder}/{f}" not in tree.files]
        missing += [f"{d}/ ({why})" for d, why in FOLDERS.items()
                    if not any(p.startswith(f"{folder}/{d}/") for p in tree.files)]
        if missing:
            yield Finding(folder, 1, "runtime-folder", "add " + ", ".join(missing) + "; see runtimes/CONTRACT.md")


def runtime_named(tree):
    """The name in runtime.yaml is that of the folder."""
    for name in names(tree):
        path = f"runtimes/{name}/runtime.yaml"
        if path not in tree.files:
            continue
        told = re.search(r"^name:\s*[\"']?([^\s\"'#]+)", tree.text(path), re.M)
        if not told or told[1] != name:
            yield Finding(path, 1, "runtime-name", f"write `name: {name}`: a runtime is called as its folder is")


def _rows(text):
    """runtime -> (line, its interfaces, whether it is marked) of the page's first table."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.split("|")]
        if line.startswith("| [") and len(cells) > 5 and (name := re.fullmatch(r"`([\w-]+)`", cells[2])):
            found[name[1]] = number, re.split(r",\s*", cells[4]), "**untested**" in cells[1]
    return found


def languages_page(tree):
    """docs/languages.md has every runtime, with its interfaces and its mark if nobody has tested it, and no other."""
    here = {name: tree.text(f"runtimes/{name}/runtime.yaml") for name in names(tree) if f"runtimes/{name}/runtime.yaml" in tree.files}
    rows = _rows(tree.text(PAGE)) if PAGE in tree.files else {}
    for name, text in here.items():
        told = re.search(r"^interfaces:\s*\[([^\]]*)\]", text, re.M)
        facts = re.split(r",\s*", told[1].strip()) if told else [], re.search(r"^untested:", text, re.M) is not None
        if name not in rows:
            yield Finding(PAGE, 1, "languages-page", f"it has no row for {name}: run tools/languages")
        elif rows[name][1:] != facts:
            yield Finding(PAGE, rows[name][0], "languages-page", f"runtimes/{name}/runtime.yaml says something else: run tools/languages")
    for name in sorted(rows.keys() - here.keys()):
        yield Finding(PAGE, rows[name][0], "languages-page", f"there is no runtime {name}: run tools/languages")
