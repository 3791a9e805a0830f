"""Rules about threads and time."""

import re

from checks import cpp
from checks.tree import Finding, cpp_files, line_of

_DETACH = re.compile(r"(?:\.|->)\s*detach\s*\(\s*\)")
_SLEEP = re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep)\s*\(")


def detached_thread(tree):
    """Nothing is detached: what runs has an owner that joins it."""
    for path in cpp_files(tree):
        text = tree.text(path)
        for match in _DETACH.finditer(cpp.blank(text)):
            yield Finding(path, line_of(text, match.start()), "detach",
                          "give it to a Scope, which owns and joins it")


def sleep_in_test(tree):
    """A test does not sleep; it advances a FakeClock, or waits for the event itself with a deadline."""
    for path in cpp_files(tree):
        if not path.endswith(("_test.cc", "_test.c")):
            continue
        text = tree.text(path)
        code = cpp.blank(text)
        for match in _SLEEP.finditer(code):
            statement = code[max(code.rfind(c, 0, match.start()) for c in ";{}") + 1:match.start()]
            if "co_await" not in statement:  # a timer of our own loop, which runs on the test's clock
                yield Finding(path, line_of(text, match.start()), "sleep-in-test",
                              "advance a FakeClock, or wait for the event itself with a deadline")
