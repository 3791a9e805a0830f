#!/usr/bin/env python3
"""Floor of a burst of cold calls: a process that has imported what a worker imports forks COUNT children, each of which answers one line over a pipe.

    fork_burst.py COUNT SECONDS      prints {"ms": from the first fork to the last answer}

Each child takes SECONDS for its answer, so that all are there at once.
"""
import gc
import json
import os
import select
import sys
import time

# What runtimes/python/worker.py imports.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../runtimes/python"))
import importlib.util  # noqa: E402,F401
import context, frames, sdk  # noqa: E401,E402,F401

count, seconds = int(sys.argv[1]), float(sys.argv[2])
gc.collect()
gc.freeze()
begin = time.perf_counter()
poll, waiting = select.epoll(), {}
for i in range(count):
    down, up = os.pipe(), os.pipe()
    if os.fork() == 0:
        line = os.read(down[0], 4096)
        time.sleep(seconds)
        os.write(up[1], json.dumps(json.loads(line)).encode() + b"\n")
        os._exit(0)
    os.close(down[0])
    os.close(up[1])
    os.write(down[1], b'{"n":%d}\n' % i)
    poll.register(up[0], select.EPOLLIN)
    waiting[up[0]] = down[1]
answered = 0
while waiting:
    for fd, _ in poll.poll():
        answered += os.read(fd, 4096).endswith(b"}\n")
        poll.unregister(fd)
        os.close(fd)
        os.close(waiting.pop(fd))
took = time.perf_counter() - begin
for _ in range(count):
    os.wait()
if answered != count:
    sys.exit(f"{count - answered} children gave no answer")
print(json.dumps({"ms": took * 1000}))
