"""An include may only go down the table of modules, which is read from docs/ARCHITECTURE.md so that it cannot lie."""

import re

from checks import cpp
from checks.tree import Finding, cpp_files

TABLE = "docs/ARCHITECTURE.md"
PUBLIC = "trivet"   # include/trivet/: implemented by host, hence known from there upwards
WORDS = ("trivet/error.h", "trivet/result.h")   # of the public API, and base words for everybody
IMPLEMENTER = "host"
CLIENT = "cli"      # proves the public API by using nothing else

_ROW = re.compile(r"^\|\s*(\d+)\s*\|\s*`?([a-z][a-z0-9_]*)`?\s*\|")
_HEAD = re.compile(r"^\|\s*L\s*\|\s*module\s*\|", re.I)


def read_table(text):
    """Module -> (layer, line) from the rows `| L | module | its one sentence |` under that head."""
    layers, inside = {}, False
    for number, line in enumerate(text.splitlines(), 1):
        if _HEAD.match(line):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and (row := _ROW.match(line)):
            layers[row[2]] = (int(row[1]), number)
    return layers


def module_of(path):
    pieces = path.split("/")
    return pieces[1] if pieces[0] == "src" and len(pieces) > 2 else None


def table_is_there(tree):
    """docs/ARCHITECTURE.md has the table of modules, and every folder of src/ has a row in it."""
    layers = read_table(tree.text(TABLE)) if TABLE in tree.files else {}
    if not layers:
        yield Finding(TABLE, 1, "layer-table", "write the table of modules: | L | module | its one sentence |")
        return
    for module in sorted({m for m in map(module_of, tree.files) if m}):
        if module not in layers:
            yield Finding(f"src/{module}", 1, "layer-table", f"give module {module} a row in the table of {TABLE}")
    for module in (IMPLEMENTER, CLIENT):
        if module not in layers:
            yield Finding(TABLE, 1, "layer-table", f"the table needs a row for {module}")


def _source_refusal(module, include, layers):
    """Why a file of `module` must not have this include, with what to do; None when it may."""
    target = include.path.split("/")[0]
    ours = target in layers or target == PUBLIC
    if not include.quoted:
        return f'write "{include.path}": <> is for what is not ours' if ours else None
    if include.path in WORDS:
        return None
    if "/" not in include.path:
        return f'write the path from src/: "{module}/{include.path}"'
    if not ours:
        return f"{target} is no module of the table: use <> for what is not ours"
    if target == module:
        return None
    if module == CLIENT:
        return None if target == PUBLIC else "cli uses include/trivet only: add what is missing to the public API"
    own, other = layers[module][0], layers[IMPLEMENTER if target == PUBLIC else target][0]
    if target == PUBLIC and module == IMPLEMENTER or other < own:
        return None
    return (f"{module} (layer {own}) must not know {target} (layer {other}): move what both need down, "
            "or let the higher one pass it in")


def includes_go_down(tree):
    """A file of src/ includes its own module or one of a lower layer; cli only the public headers."""
    layers = read_table(tree.text(TABLE)) if TABLE in tree.files else {}
    if not {IMPLEMENTER, CLIENT} <= set(layers):
        return  # table_is_there says so
    for path in tree.select(("src",), (".cc", ".h", ".c")):
        module = module_of(path)
        if module not in layers:
            continue
        for include in cpp.includes(tree.text(path)):
            if refusal := _source_refusal(module, include, layers):
                yield Finding(path, include.line, "layer", refusal)


def public_headers_stand_alone(tree):
    """Files of include/ and examples/ include the standard library and trivet/ only."""
    for path in cpp_files(tree):
        if path.split("/")[0] not in ("include", "examples"):
            continue
        for include in cpp.includes(tree.text(path)):
            foreign = not include.path.startswith(f"{PUBLIC}/") if include.quoted else "/" in include.path
            if foreign and not include.path.startswith((f"{PUBLIC}/", "sys/")):
                yield Finding(path, include.line, "public-header",
                              f"{include.path} is neither standard nor trivet/: keep it behind the API, in src/host")
