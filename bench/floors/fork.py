"""The least that a fresh fork per call takes: imports a function, then forks for each line of stdin; the child answers on stdout."""
import gc
import importlib.util
import json
import os
import sys

spec = importlib.util.spec_from_file_location("function", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
gc.collect()
gc.freeze()
while True:
    line = os.read(0, 65536)
    if not line:
        break
    pid = os.fork()
    if pid == 0:
        os.write(1, json.dumps(module.handler(json.loads(line), None)).encode())
        os._exit(0)
    os.waitpid(pid, 0)
