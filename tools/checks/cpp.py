"""Reads C++ as far as the rules need it: what is comment and what is literal, includes, and how long functions are.

It is no parser. `blank` takes comments and literals away while keeping every offset and line; on what is left, braces
can be matched and words searched without being fooled.
"""

import functools
import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
      | (?P<raw>(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<digits>\b[0-9](?:'?[0-9a-zA-Z_.])*)
      | (?P<char>'(?:\\.|[^'\\\n])+')""",
    re.X | re.S)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.M)
_PREPROCESSOR = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.M)
_SCOPE_HEAD = re.compile(r'\b(namespace|class|struct|union|enum)\b|\bextern\s*""?')
_INIT_LIST = re.compile(r"\)\s*(?:noexcept(?:\([^()]*\))?\s*)?(?<!:):(?!:)")


@dataclass(frozen=True)
class Literal:
    line: int
    text: str


@dataclass(frozen=True)
class Include:
    line: int
    path: str
    quoted: bool


@dataclass(frozen=True)
class Block:
    """A braced piece at namespace or class level: a function body, or an initialiser (a table)."""
    kind: str  # "function" or "table"
    name: str
    first_line: int  # of the head, so that a long signature counts
    last_line: int

    @property
    def lines(self):
        return self.last_line - self.first_line + 1


def _spaces(text):
    return re.sub(r"[^\n]", " ", text)


def _blanked(match):
    if match["digits"]:
        return match[0]
    if match["comment"]:
        return _spaces(match[0])
    return match[0][0] + _spaces(match[0][1:-1]) + match[0][-1]


@functools.cache
def blank(text):
    """The text with comments and the insides of literals replaced by spaces; offsets and lines stay."""
    return _TOKEN.sub(_blanked, text)


@functools.cache
def literals(text):
    """String literals outside #include lines."""
    include_lines = {i.line for i in includes(text)}
    found = []
    for match in _TOKEN.finditer(text):
        body = match["raw"] or match["string"]
        line = text.count("\n", 0, match.start()) + 1
        if body and line not in include_lines:
            found.append(Literal(line, body[body.index('"') + 1:-1]))
    return found


@functools.cache
def includes(text):
    code = blank(text)
    return [Include(text.count("\n", 0, m.start(1)) + 1, m[2], m[1] == '"')
            for m in _INCLUDE.finditer(text) if code[m.start(1)] == m[1]]


@functools.cache
def _matching(code):
    """Offset of each opening brace to that of its closing one."""
    pairs, stack = {}, []
    for match in re.finditer(r"[{}]", code):
        if match[0] == "{":
            stack.append(match.start())
        elif stack:
            pairs[stack.pop()] = match.start()
    return pairs


def _without_templates(head):
    head = head.strip()
    while head.startswith("template"):
        depth, end = 0, len(head)
        for i, char in enumerate(head):
            depth += (char == "<") - (char == ">")
            if char == ">" and depth == 0:
                end = i + 1
                break
        head = head[end:].strip()
    return head


def _kind(head):
    """What a brace opens, told by the text in front of it."""
    if head.count("(") > head.count(")"):
        return "inside"  # an argument or default value such as f(X x = {})
    head = _without_templates(head)
    before_parameters = head.split("(")[0]
    if _SCOPE_HEAD.search(before_parameters) and not head.endswith(")"):
        return "enumeration" if re.search(r"\benum\b", before_parameters) else "scope"
    if "(" not in head or head.endswith("="):
        return "table"
    if _INIT_LIST.search(head) and re.search(r"[\w>]$", head):
        return "inside"  # a member's initialiser: Foo() : a_{1} {
    if "=" in before_parameters and "operator" not in before_parameters and "[" not in head:
        return "table"
    return "function"


def _name(head):
    match = re.search(r"([\w:~]+|operator\s*\S+?)\s*\(", _without_templates(head))
    return match[1] if match else "lambda"


@functools.cache
def blocks(text):
    """Functions and tables at namespace and class level, in order. Lambdas belong to the function around them."""
    code = _PREPROCESSOR.sub(lambda m: _spaces(m[0]), blank(text))
    pairs, found = _matching(code), []
    offset = head_start = 0
    while offset < len(code):
        char = code[offset]
        if char in ";}" or (char == ":" and re.search(r"\b(public|private|protected)\s*$", code[head_start:offset])):
            head_start = offset + 1
        elif char == "{" and offset in pairs:
            head = code[head_start:offset]
            kind, end = _kind(head), pairs[offset]
            if kind in ("function", "table"):
                start = head_start + len(head) - len(head.lstrip())
                found.append(Block(kind, _name(head), text.count("\n", 0, start) + 1,
                                   text.count("\n", 0, end) + 1))
            if kind == "scope":
                head_start = offset + 1
            else:
                offset = end
                head_start = head_start if kind in ("inside", "table") else end + 1
        offset += 1
    return found


def functions(text):
    return [b for b in blocks(text) if b.kind == "function"]


def tables(text):
    return [b for b in blocks(text) if b.kind == "table"]


def calls_or_defines(text, name):
    """Whether `name(` stands in the code, outside comments and literals."""
    return re.search(rf"\b{re.escape(name)}\s*(?:<[^;{{}}()]*>)?\s*\(", blank(text)) is not None
