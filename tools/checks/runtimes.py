"""A runtime is a folder with everything in it (runtimes/CONTRACT.md)."""

import re

from checks.tree import Finding

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
